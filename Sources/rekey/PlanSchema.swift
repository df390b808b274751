/// The plan of a dry run, as `--json`, `--plan-out` and the run's `forecast.json` have it.
enum PlanSchema {
    static let plan = Schema.object([
        member("version", .integer("Of this format: 1.")), member("madeAt", .string("UTC.")),
        member("tool", .string("Its maker.")),
        member("strategy", .choice(["batch", "transact"], "What the run will do.")),
        member(
            "table",
            .object(
                ["name", "arn", "id", "region", "account", "digest", "billing"].map {
                    member($0, .string("Of the table."))
                }
                    + [member("items", .integer("Of the table, counted."))])),
        member(
            "rules",
            .object([member("name", .string("Of the rules.")), member("sha256", .string("Of the rule file."))])),
        member(
            "moved",
            .object([
                member("noun", .string("What an item is called.")), member("count", .integer("Items.")),
                member("digest", .string("Of the old items: the snapshot's.")),
                member("newDigest", .string("Of what they become.")), member("bytes", .integer("DynamoDB's bytes.")),
                member("largest", .integer("Bytes of the largest.")),
                member(
                    "sizes",
                    .array(
                        .object([
                            member("upTo", .integer("Bytes.")), member("items", .integer("Items up to this size.")),
                        ]),
                        "The histogram.")),
                optional(
                    "samples",
                    .array(
                        .object(["old", "new", "label"].map { member($0, .string("Of an item.")) }), "The first few.")),
            ])),
        member("alreadyNew", .object([member("count", .integer("Items.")), member("digest", .string("Of them."))])),
        member("alreadyPresent", .integer("New keys that hold an equal item already.")),
        member("collisions", .integer("New keys that are taken, or wanted twice.")), member("batch", cost),
        member("transact", cost),
        member(
            "indexes",
            .array(
                .object(
                    [member("name", .string("Of the index."))]
                        + ["putItems", "putUnits", "deleteItems", "deleteUnits"].map {
                            member($0, .integer("Of this index."))
                        }), "What global indexes take on top, at most.")),
        member(
            "prices",
            .object([
                member("region", .string("Whose prices.")), member("writeUSDPerMillion", .number("On demand.")),
                member("readUSDPerMillion", .number("On demand.")), member("source", .string("When and where from.")),
            ])),
        member(
            "rate",
            .object([
                member("writeUnitsPerSecond", .number("How fast the table is taken to be written.")),
                member("basis", .choice(["limit", "provisioned", "on demand"], "Why.")),
            ])),
        member(
            "reading",
            .object([
                member("scanUnits", .number("Of a list by a Scan, eventually consistent.")),
                optional("queryUnits", .number("Of a list by a Query of the new partition.")),
                optional("partition", .string("The new partition.")),
            ])),
        optional(
            "hotPartition",
            .object([
                member("partition", .string("The new partition key with most of the writes.")),
                member("writeUnits", .integer("Of the puts to it.")),
                member("share", .integer("Of all puts, in per cent.")),
                member("seconds", .integer("At 1,000 units a second.")),
            ])),
    ])

    private static let cost = Schema.object([
        member("tableWriteUnits", .integer("Of puts and deletes.")),
        member("indexWriteUnits", .integer("Of the indexes, on top.")),
        member("readUnits", .integer("Of surveys and verification.")), member("onDemandUSD", .number("USD.")),
        optional("provisionedUSD", .number("USD, capacity being provisioned for just as long.")),
        member("seconds", .integer("Of the writes.")),
    ])
}
