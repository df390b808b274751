/// What each command prints with `--json`.
enum Schemas {
    /// By the command's name, in the order of the help page.
    static let all: [(command: String, schema: Schema)] = [
        ("extract", stage("extract", written)), ("transform", stage("transform", [])), ("load", stage("load", loaded)),
        ("verify", verify), ("digest", digest), ("snapshot create", snapshotCreate), ("snapshot check", snapshotCheck),
        ("snapshot list", snapshotList), ("snapshot prune", snapshotPrune),
        ("snapshot export", snapshotExport),
        ("restore", stage("restore", loaded + [optional("verified", .integer("Items read back and found equal."))])),
        ("rules check", rulesCheck), ("rules invert", rulesInvert), ("rules explain", rulesExplain),
        ("preflight", preflight), ("migrate", outcome("migrate")),
        ("rollback", .either([rollback, pointInTime])), ("resume", outcome("resume")),
        ("status", .either([run, allRuns])), ("rehearse", rehearse),
        ("monitor", .either([activity, logEvent])), ("control", control), ("report", report),
        ("init", initial), ("query", query), ("convert", stage("convert", converted)), ("explain", explain),
    ]

    static func of(_ command: String) -> Schema? { all.first { $0.command == command }?.schema }

    // MARK: Parts

    private static let hex = Schema.string("64 hexadecimal digits: the order-free digest of the items.")
    private static let countAndDigest = Schema.object([member("count", .integer("Items.")), member("digest", hex)])

    private static func stage(_ command: String, _ facts: [Schema.Member]) -> Schema {
        .object(
            [
                member("command", .constant(command)), member("read", .integer("Records read.")),
                member("passed", .integer("Records that were left as they are.")),
                member("changed", .integer("Records that were rewritten.")),
                member("rejected", .integer("Records that were set aside; read is the sum of the other three.")),
                optional("count", .integer("Records of the digest: those read, not what was made of them.")),
                optional("digest", .string("64 hexadecimal digits: the order-free digest of the records read.")),
            ] + facts)
    }

    private static let written = [
        member("written", .integer("Records that were written.")),
        member("leftOut", .integer("Records that a filter left out.")),
    ]

    private static let loaded = [
        member("executed", .boolean("Whether anything was written, or would be.")),
        member("puts", .integer("Items put.")),
        member("deletes", .integer("Items deleted.")), member("bytes", .integer("DynamoDB's bytes of the items put.")),
        member("writeUnits", .integer("Write units, consumed or reckoned.")),
        member("newTable", .boolean("Whether a local table is made.")),
        optional("replacing", .integer("In a dry run that read the table: puts over a different item.")),
        optional("equal", .integer("Puts over an equal item.")), optional("adding", .integer("Puts where no item is.")),
        optional("deleting", .integer("Deletes of an item that is there.")),
    ]

    private static let verify = Schema.object([
        member("command", .constant("verify")),
        member("equal", .boolean("Whether items were compared and nothing differs.")),
        member("expected", countAndDigest), member("found", countAndDigest),
        member("moved", .integer("Items of OLD that a rule moves.")),
        member("oldLeft", .integer("Items of NEW that stand under old keys.")),
        member("missing", .integer("Items that NEW lacks.")), member("different", .integer("Items that differ.")),
        member("extra", .integer("Items that only NEW has.")),
    ])

    private static let digest = countAndDigest

    private static let snapshotCreate = Schema.object([
        member("command", .constant("snapshot create")), member("path", .string("The snapshot.")),
        member("read", .integer("Records read.")), member("count", .integer("Items in the snapshot.")),
        member("digest", hex), member("bytes", .integer("Bytes of its files.")),
    ])

    private static let snapshotCheck = Schema.object([
        member("command", .constant("snapshot check")), member("path", .string("The snapshot.")),
        member("sound", .boolean("Whether nothing was found.")), member("files", .integer("Data files.")),
        member("filesRead", .integer("Data files that were read.")),
        member("bytes", .integer("Bytes of the data files.")),
        member("items", .integer("Items by the manifest.")), member("itemsRead", .integer("Items that were read.")),
        member("findings", .array(.string("A sentence."), "What is wrong.")), optional("digest", hex),
    ])

    private static let snapshotList = Schema.object([
        member("command", .constant("snapshot list")),
        member(
            "snapshots",
            .array(
                .object([
                    member("path", .string("The snapshot.")),
                    member("time", .nullable(.string("When it was made, UTC."))),
                    member("rekey", .boolean("Whether rekey wrote it.")),
                    member("count", .nullable(.integer("Items."))),
                    member("digest", .nullable(hex)), member("bytes", .integer("Bytes of its files.")),
                ]), "The snapshots that were found.")),
    ])

    private static let snapshotExport = Schema.object([
        member("command", .constant("snapshot export")), member("path", .string("The snapshot.")),
        member("count", .integer("Items written.")),
    ])

    private static let snapshotPrune = Schema.object([
        member("command", .constant("snapshot prune")), member("executed", .boolean("Whether they were removed.")),
        member("removed", .array(.string("A path."), "What was removed, or would be.")),
        member(
            "kept",
            .array(
                .object([member("path", .string("A path.")), member("reason", .string("Why it stays."))]), "What stays."
            )),
    ])

    private static let rulesCheck = Schema.object([
        member("command", .constant("rules check")), member("accepted", .boolean("Whether the proof holds.")),
        member(
            "findings",
            .array(
                .object([
                    member("code", .string("What kind of finding.")), member("severity", .string("refusal or less.")),
                    member("rule", .integer("The rule's number.")), member("line", .integer("Of the rule file.")),
                    member("message", .string("A sentence.")),
                ]), "What the proof found.")),
        member("inverse", .nullable(.string("The rules that move everything back, as YAML."))),
    ])

    private static let rulesInvert = Schema.object([
        member("command", .constant("rules invert")),
        member("inverse", .string("The rules that move everything back, as YAML.")),
    ])

    private static let rulesExplain = Schema.object([
        member("command", .constant("rules explain")),
        member("rule", .nullable(.integer("The number of the rule that moves the key."))),
        member(
            "tried",
            .array(
                .object([
                    member("rule", .integer("Its number.")),
                    member("failure", .nullable(.string("Why it does not match."))),
                ]), "The rules, up to the first that matches.")),
        member("captures", .map(.string("As text."), "What the names in braces hold.")),
        member("demands", .array(.string("A condition."), "What an item must have besides its key.")),
        member("partition", .nullable(.string("The new partition key."))),
        member("sort", .nullable(.string("The new sort key."))),
        member("madeBy", .nullable(.integer("The rule that could have made the key: it looks as if moved already."))),
    ])

    private static let preflight = Schema.object([
        member("command", .constant("preflight")), member("passed", .boolean("Whether nothing blocks.")),
        member("table", .string("The table's ARN.")), member("items", .integer("Items of the table, counted.")),
        member("old", .integer("Items under old keys.")), member("new", .integer("Items under new keys.")),
        member("references", .integer("Items that refer to moved ones.")),
        member("counts", .map(.integer("Items."), "By the prefixes that --count names.")),
        member(
            "checks",
            .array(
                .object([
                    member("name", .string("What was looked at.")),
                    member("verdict", .choice(["ok", "warning", "blocked"], "")),
                    member("detail", .string("What was found.")),
                ]), "The check list.")),
    ])

    private static func outcome(_ command: String) -> Schema {
        .object([
            member("command", .constant(command)),
            member(
                "outcome",
                .choice(["dry run", "already migrated", "nothing to do", "migrated"], "What the command ended with.")),
            optional("run", .string("The run's directory.")), optional("plan", PlanSchema.plan),
        ])
    }

    private static let rollback = Schema.object([
        member("command", .constant("rollback")), member("executed", .boolean("Whether anything was written.")),
        member("restored", .integer("Old items put back, or to be.")),
        member("inPlace", .integer("Old items that stood where they were.")),
        member("removed", .integer("New items removed, or to be.")),
        member("kept", .integer("New items that were there before the run.")),
        member("conflicts", .integer("Items that were changed since the migration.")),
        member("created", .integer("Items made under new keys since the migration.")),
        member("deleted", .integer("Old items deleted since a rollback put them back.")),
    ])

    private static let pointInTime = Schema.object([
        member("command", .constant("rollback")), member("executed", .boolean("Whether the table was restored.")),
        member("table", .string("The table.")), member("restoredTo", .string("The new table.")),
        member("time", .string("The time it was restored to.")),
    ])

    private static let run = Schema.object([
        member("run", .string("The run's name.")), member("path", .string("Its directory.")),
        member(
            "state", .choice(["running", "stopped", "finished", "rolling back", "rolled back"], "Where it stands.")),
        member("table", .string("The table, as it was named.")), member("items", .integer("Items to move.")),
        member("startedAt", .string("UTC.")), member("before", countAndDigest),
        member(
            "steps",
            .array(
                .map(.string("A fact."), "A line of the ledger: step, time, and what the step has to say."),
                "What was done.")),
    ])

    private static let allRuns = Schema.object([
        member("command", .constant("status")), member("runs", .array(run, "All runs, the oldest first.")),
    ])

    private static let rehearse = Schema.object([
        member("command", .constant("rehearse")), member("moved", .integer("Items moved, and moved back.")),
        member("equal", .boolean("Whether the rollback brought back what was there.")),
        member("before", countAndDigest),
        member("migrated", countAndDigest), member("after", countAndDigest),
    ])

    private static let activity = Schema.object([
        member("time", .string("Start of the period, UTC.")), member("period", .integer("Seconds.")),
        member("table", .string("The table.")),
        member("index", .nullable(.string("The index; null for the table itself."))),
        optional("readUnits", .number("Consumed in the period.")),
        optional("writeUnits", .number("Consumed in the period.")),
        optional("throttledReads", .number("Read events throttled.")),
        optional("throttledWrites", .number("Write events throttled.")),
        optional("throttledRequests", .number("Requests throttled.")),
    ])

    private static let logEvent = Schema.object([
        member("time", .string("UTC.")), member("milliseconds", .integer("Since 1970.")),
        member("group", .string("The log group.")), member("stream", .string("The log stream.")),
        member("message", .string("What was logged.")),
    ])

    private static let control = Schema.object([
        member("command", .constant("control")), member("run", .string("The run's directory.")),
        member("order", .choice(["pause", "go", "stop", "rates"], "What was asked.")),
        member("taken", .boolean("Whether the run has taken it.")),
    ])

    private static let report = Schema.object([
        member("command", .constant("report")), member("run", .string("The run's directory.")),
        member("state", .string("Where the run stands.")), member("format", .choice(["html", "md"], "")),
        member("output", .string("The file.")),
    ])

    private static let initial = Schema.object([
        member("command", .constant("init")), member("read", .integer("Items read.")),
        member("whole", .boolean("Whether that is all there are.")),
        member("partitionKey", .string("Its name.")), member("sortKey", .nullable(.string("Its name."))),
        member(
            "shapes",
            .array(
                .object([
                    member("partition", .string("What partition keys look like.")),
                    member("sort", .nullable(.string("What sort keys look like."))),
                    member("count", .integer("Items read of this shape.")), member("example", .string("A key.")),
                    member("attributes", .array(.string("A name."), "What all of them have.")),
                    member("constants", .map(.string("A value."), "Attributes that are the same in all of them.")),
                ]), "The kinds of keys.")),
        member("draft", .string("The rule file, as YAML.")),
    ])

    private static let query = Schema.object([
        member("command", .constant("query")), member("count", .integer("Items written.")),
        member("readUnits", .number("Read units consumed.")),
        member("cut", .boolean("Whether --limit ended it before the last item.")),
    ])

    private static let converted = [
        optional("setsAsArrays", .integer("Sets that are arrays now.")),
        optional("binariesAsText", .integer("Binaries that are base64 text now.")),
        optional("columns", .integer("Columns of the CSV.")),
        optional("valuesWithoutColumn", .integer("Values that no column took.")),
        optional("guardedCells", .integer("Cells marked, since a spreadsheet would run them.")),
    ]

    /// A status, all of them, or a finding.
    private static let explain = Schema.either([status, .array(status, "All statuses."), finding])

    private static let status = Schema.object([
        member("statuses", .array(.integer("An exit status."), "Those that mean this.")),
        member("name", .string("A short name.")), member("means", .string("A sentence.")),
        member("remedy", .string("What to do.")), member("page", .nullable(.string("More, from docs/."))),
    ])

    private static let finding = Schema.object([
        member("finding", .string("Its code.")), member("status", .integer("The exit status it leads to.")),
        member("means", .string("A sentence.")), member("remedy", .string("What to do.")),
    ])
}
