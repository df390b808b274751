import ArgumentParser

/// Writes a full export.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a full export in the layout of ExportTableToPointInTime.")

    @Argument(help: "Folder that stands for the bucket and prefix; files of the same names are replaced.")
    var directory: String
    @OptionGroup var size: SampleSize
    @OptionGroup var place: ExportPlace

    func run() throws {
        var layout = ExportLayout(
            place.options(directory, seed: size.seed, time: place.time ?? 1_763_986_800_123), kind: .full)
        let lines = SampleTable(size).all.map { fullLine($0, seed: size.seed) }
        print(try layout.write(lines))
    }
}

/// The options both kinds of export have.
struct ExportPlace: ParsableArguments {
    @Option(help: "Data files that hold items; an empty one is added.") var files = 4
    @Option(help: "Key prefix in the bucket, named in the manifests.") var prefix = ""
    @Option(help: "When the export was asked for, in milliseconds since 1970.") var time: Int?

    func validate() throws {
        guard files >= 1 else { throw ValidationError("--files must be at least 1.") }
        if let time, !(1_000_000_000_000..<10_000_000_000_000).contains(time) {
            throw ValidationError("--time must be milliseconds since 1970, between the years 2001 and 2286.")
        }
    }

    func options(_ directory: String, seed: UInt64, time: Int) -> ExportOptions {
        ExportOptions(directory: directory, seed: seed, files: files, prefix: prefix, time: time)
    }
}

/// `{"Item":{…}}` of an item.
func fullLine(_ item: Attributes, seed: UInt64) -> ExportLine {
    let key = item.text("PK") + "\u{0}" + item.text("SK")
    var writer = TypedJSONWriter(orderSeed: stableHash(key, seed: seed))
    writer.raw("{\"Item\":")
    writer.append(item)
    writer.raw("}\n")
    return ExportLine(key: key, bytes: writer.bytes)
}
