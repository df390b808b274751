import ArgumentParser

/// Which images the records of an incremental export carry.
enum ImageView: String, CaseIterable, ExpressibleByArgument {
    case newAndOld = "NEW_AND_OLD_IMAGES"
    case new = "NEW_IMAGE"
}

/// Writes an incremental export: what happened to the table of `export` with the same size and seed.
struct IncrementalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incremental",
        abstract: "Write an incremental export of what changed after the full export of the same size and seed.")

    @Argument(help: "Folder that stands for the bucket and prefix; files of the same names are replaced.")
    var directory: String
    @OptionGroup var size: SampleSize
    @OptionGroup var place: ExportPlace
    @Option(help: "Images in each record.") var view = ImageView.newAndOld
    @Option(help: "Users that are new.") var inserts = 1
    @Option(help: "Plans, then users, that have changed.") var updates = 1
    @Option(help: "Users that are gone.") var deletes = 1

    func validate() throws {
        guard inserts >= 0, updates >= 0, deletes >= 0, updates + deletes <= size.users else {
            throw ValidationError("--updates and --deletes together may not be more than --users.")
        }
    }

    func run() throws {
        var table = SampleTable(size)
        var layout = ExportLayout(
            place.options(directory, seed: size.seed, time: place.time ?? 1_764_073_200_456),
            kind: .incremental(view: view))
        var random = SampleRandom(seed: size.seed)
        let window = layout.windowStart
        // Each change falls into the window; micros as the stream of changes has them.
        func record(old: Attributes?, new: Attributes?) -> ExportLine {
            let time = (window + random.below(86_400_000)) * 1000 + random.below(1000)
            return changeLine(old: old, new: new, view: view, micros: time, seed: size.seed)
        }

        // The second plan changes first: it is the one with a price.
        let updated = Array(table.plans.dropFirst().prefix(updates))
        var lines: [ExportLine] = []
        for old in updated + table.users.prefixArray(updates - updated.count) {
            lines.append(record(old: old, new: Self.changed(old, micros: table.micros())))
        }
        for number in 0..<inserts {
            lines.append(record(old: nil, new: table.user(size.users + 1 + number, plans: size.plans)))
        }
        for old in table.users.suffix(deletes) { lines.append(record(old: old, new: nil)) }
        // One change of another window lies in the shared folder: readers must go by the manifest.
        let foreign = record(old: nil, new: table.user(size.users + inserts + 1000, plans: size.plans))
        print(try layout.write(lines))
        try layout.writeForeign([foreign])
    }

    /// The item with another price (plans) or name (users).
    private static func changed(_ item: Attributes, micros: String) -> Attributes {
        var result = item
        guard case .m(var details)? = item["dat"] else { return result }
        if details["price"] != nil {
            details["price"] = .n("12.50")
            details["desc"] = .s("프로 요금제: 가격 인상 📈")
        } else {
            details["nm"] = .s("새 이름")
        }
        result["dat"] = .m(details)
        result["upd"] = .n("1764000000.\(micros)")
        return result
    }
}

/// `{"Metadata":…,"Keys":…,"OldImage":…,"NewImage":…}` of a change, without the images that are not there.
func changeLine(old: Attributes?, new: Attributes?, view: ImageView, micros: Int, seed: UInt64) -> ExportLine {
    let keys = (new ?? old ?? [:]).keys
    let key = keys.text("PK") + "\u{0}" + keys.text("SK")
    var writer = TypedJSONWriter(orderSeed: stableHash(key, seed: seed))
    writer.raw("{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\(micros)\"}},\"Keys\":")
    writer.append(keys)
    if let old, view == .newAndOld {
        writer.raw(",\"OldImage\":")
        writer.append(old)
    }
    if let new {
        writer.raw(",\"NewImage\":")
        writer.append(new)
    }
    writer.raw("}\n")
    return ExportLine(key: key, bytes: writer.bytes)
}
