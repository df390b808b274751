import Testing

/// The layers, lowest first: a file imports only layers that stand before its own.
private let layers = [
    "CZlib", "CCurl", "CScan", "ByteStreams", "Items", "Rekeying", "Tables", "AWS", "Snapshots", "Stages", "Migration",
    "rekey",
]

/// What a layer may import besides the lower layers; nil: every lower layer.
private let allowedLayers: [String: Set<String>] = [
    "ByteStreams": ["CZlib"],
    "Items": ["CScan", "ByteStreams"],
    "Rekeying": ["ByteStreams", "Items"],
    "Tables": ["ByteStreams", "Items"],
    "AWS": ["CCurl", "ByteStreams", "Items", "Tables"],
    "Snapshots": ["ByteStreams", "Items"],
    "rekey-sample": ["ByteStreams"],
]

/// Modules of others, and the only targets that may import each.
private let homes: [String: Set<String>] = [
    "GRDB": ["Tables"],
    "GRDBSQLite": ["Tables"],
    "Yams": ["Rekeying"],
    "ArgumentParser": ["rekey", "rekey-sample"],
    "Crypto": ["Items", "AWS", "Snapshots", "Migration", "rekey-sample"],
    "CZlib": ["ByteStreams"],
    "CCurl": ["AWS"],
    "CScan": ["Items"],
]

/// Layers that start without Foundation: it costs 4 ms in every process and tempts to `String` and `Data` in hot loops.
private let withoutFoundation: Set<String> = ["ByteStreams", "Items", "Rekeying"]

private let standardModules: Set<String> = ["Glibc", "Darwin", "Musl", "Synchronization", "Dispatch", "Foundation"]

@Suite("Layers of Sources")
struct LayerTests {
    @Test("A layer imports only what stands below it", arguments: try SourceTree.swiftFiles("Sources"))
    func imports(of file: SourceTree.File) {
        let target = file.target
        let place = layers.firstIndex(of: target)
        #expect(
            place != nil || target == "rekey-sample",
            "\(file): \(target) is no layer; put the file into one of \(layers.joined(separator: ", ")), or add the new layer to the list in LayerTests.swift and to the design"
        )
        for module in file.imports {
            if let other = layers.firstIndex(of: module), let place {
                #expect(
                    other < place,
                    "\(file) imports \(module), a layer above \(target); move what it needs down, or pass it in as a protocol or a closure"
                )
                if let allowed = allowedLayers[target] {
                    #expect(
                        allowed.contains(module),
                        "\(file) imports \(module), but \(target) may know only \(allowed.sorted().joined(separator: ", ")); move the code to the layer that composes both"
                    )
                }
            } else if let home = homes[module] {
                #expect(
                    home.contains(target),
                    "\(file) imports \(module), which is for \(home.sorted().joined(separator: " and ")) alone; call that layer instead"
                )
            } else {
                #expect(
                    standardModules.contains(module) || allowedLayers[target]?.contains(module) == true,
                    "\(file) imports \(module), which no layer has been given; add it to `homes` in LayerTests.swift with the one layer that may use it"
                )
            }
            #expect(
                module != "Foundation" || !withoutFoundation.contains(target),
                "\(file) imports Foundation; \(target) does without it: use Glibc/Darwin calls or the byte helpers of ByteStreams"
            )
        }
    }

    @Test("A C library is imported by one file only", arguments: ["CZlib", "CCurl", "CScan"])
    func oneFileForEachCLibrary(module: String) throws {
        let files = try SourceTree.swiftFiles("Sources").filter { $0.imports.contains(module) }
        #expect(
            files.count <= 1,
            "\(module) is imported by \(files.map(\.path).joined(separator: ", ")); keep all calls in one file and use its Swift face from the others"
        )
    }

    @Test("Only the command prints, reads the environment or exits", arguments: try SourceTree.swiftFiles("Sources"))
    func quiet(file: SourceTree.File) {
        guard file.target != "rekey", file.target != "rekey-sample" else { return }
        for line in file.code {
            let call = line.text.firstMatch(
                of:
                    /(?:^|[^\w.])(print|debugPrint|dump|exit|_exit|abort|getenv|setenv|readLine)\(|\b(ProcessInfo|CommandLine)\b|\b(stdout|stderr)\b/
            )
            #expect(
                call == nil,
                "\(file):\(line.number) \(line.text.trimmed): only Sources/rekey prints, reads the environment or exits; return a value, throw a RekeyError, or take the setting as an argument"
            )
        }
    }

    @Test("ByteStreams knows no JSON", arguments: try SourceTree.swiftFiles("Sources/ByteStreams"))
    func noJSON(file: SourceTree.File) {
        for line in file.code {
            #expect(
                !line.text.lowercased().contains("json"),
                "\(file):\(line.number) \(line.text.trimmed): what knows JSON belongs into Items")
        }
    }
}

@Suite("Source files")
struct SourceFileTests {
    static let files = try! ["Sources", "Tests"].flatMap(SourceTree.swiftFiles)

    @Test("No file is longer than 400 lines", arguments: files)
    func length(file: SourceTree.File) {
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        #expect(count <= 400, "\(file) has \(count) lines; split it by topic, as in Type+topic.swift")
    }

    @Test("Nothing is left for later", arguments: files)
    func finished(file: SourceTree.File) {
        // Written in two parts, or this file would be found too.
        for word in ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"] {
            let found = file.lines.firstIndex { $0.contains(word) }
            #expect(
                found == nil,
                "\(file):\((found ?? 0) + 1) says \(word); do it now, or open an issue and take the word out")
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}

@Suite("Targets that are built for production")
struct ProductionTests {
    @Test(
        "Only test targets import with @testable; another would stop swift build -c release",
        arguments: try SourceTree.swiftFiles("Tests"))
    func testable(_ file: SourceTree.File) {
        guard !file.target.hasSuffix("Tests") else { return }
        for line in file.code where line.text.contains("@testable import") {
            Issue.record(
                "\(file):\(line.number) needs code that is compiled for testing; move \(file.target) into a test target"
            )
        }
    }
}
