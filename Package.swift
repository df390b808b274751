// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target.
///
/// - `ExistentialAny`: the cost of an existential is visible where it is paid.
/// - `MemberImportVisibility`: a file names every module it uses, so the layer check sees it.
/// - `InternalImportsByDefault`: a dependency does not leak through a layer's interface by accident.
let common: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Continuous integration refuses warnings; a user with a newer compiler must not be stopped by them.
let strict: [SwiftSetting] =
    Context.environment["REKEY_WARNINGS_AS_ERRORS"] == nil ? [] : [.treatAllWarnings(as: .error)]

let library = common + strict
let test = common + strict

let package = Package(
    name: "rekey",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "rekey", targets: ["rekey"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // For tests alone: the server that makes faults.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(name: "ByteStreams", dependencies: ["CZlib"], swiftSettings: library),
        .systemLibrary(name: "CScan"),
        .target(
            name: "Items",
            dependencies: ["CScan", "ByteStreams", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: library),
        .target(
            name: "Rekeying",
            dependencies: ["Items", "ByteStreams", .product(name: "Yams", package: "Yams")],
            swiftSettings: library),
        .target(
            name: "Tables",
            dependencies: ["Items", "ByteStreams", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: library),
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
        .target(
            name: "AWS",
            dependencies: [
                "CCurl", "Tables", "Items", "ByteStreams", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: library),
        .target(
            name: "Snapshots",
            dependencies: ["Items", "ByteStreams", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: library),
        .target(
            name: "Stages",
            dependencies: ["Snapshots", "AWS", "Tables", "Rekeying", "Items", "ByteStreams"],
            swiftSettings: library),
        .target(
            name: "Migration",
            dependencies: [
                "Stages", "AWS", "Snapshots", "Tables", "Rekeying", "Items", "ByteStreams",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: library),
        .executableTarget(
            name: "rekey",
            dependencies: [
                "Migration", "Stages", "AWS", "Snapshots", "Tables", "Rekeying", "Items", "ByteStreams",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: library),
        .executableTarget(
            name: "rekey-sample",
            dependencies: [
                "ByteStreams", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: library),

        .target(
            name: "TestSupport", dependencies: ["ByteStreams"], path: "Tests/TestSupport", swiftSettings: test),
        .target(
            name: "TableContract", dependencies: ["Tables", "Items", "ByteStreams", "TestSupport"],
            path: "Tests/TableContract", swiftSettings: test),
        .target(
            name: "TestServers", dependencies: ["TestSupport"], path: "Tests/TestServers", swiftSettings: test),
        .target(
            name: "FaultServer",
            dependencies: [
                "CZlib", "TestSupport", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/FaultServer", swiftSettings: test),
        .executableTarget(
            name: "rekey-fault-server", dependencies: ["FaultServer"], path: "Tests/rekey-fault-server",
            swiftSettings: test),
        // For measuring: DynamoDB that answers at once.
        .executableTarget(
            name: "rekey-instant-server", dependencies: ["CZlib"], path: "Tests/rekey-instant-server",
            swiftSettings: test),
        .target(
            name: "ReferenceItems", dependencies: ["Items"], path: "Tests/ReferenceItems", swiftSettings: test),
        .testTarget(
            name: "TestServersTests", dependencies: ["TestServers", "FaultServer", "TestSupport"], swiftSettings: test),
        .testTarget(
            name: "ByteStreamsTests", dependencies: ["ByteStreams", "TestServers", "TestSupport"], swiftSettings: test),
        .testTarget(
            name: "ItemsTests", dependencies: ["Items", "ReferenceItems", "ByteStreams", "TestSupport"],
            swiftSettings: test),
        .testTarget(
            name: "RekeyingTests", dependencies: ["Rekeying", "Items", "ByteStreams", "TestSupport"],
            swiftSettings: test),
        .testTarget(
            name: "TablesTests",
            dependencies: ["Tables", "TableContract", "Items", "ByteStreams", "TestServers", "TestSupport"],
            swiftSettings: test),
        .testTarget(
            name: "AWSTests",
            dependencies: [
                "AWS", "TableContract", "Tables", "TestServers", "FaultServer", "Items", "ByteStreams", "TestSupport",
            ],
            exclude: [
                "Programs", "Vectors", "botocore_configuration.py", "botocore_signatures.py", "tls_server.py",
            ],
            swiftSettings: test),
        .testTarget(
            name: "SnapshotsTests",
            dependencies: ["Snapshots", "Items", "ByteStreams", "TestServers", "TestSupport"],
            swiftSettings: test),
        .testTarget(
            name: "StagesTests",
            dependencies: ["Stages", "Snapshots", "Tables", "Rekeying", "Items", "ByteStreams", "TestSupport"],
            swiftSettings: test),
        .testTarget(
            name: "MigrationTests",
            dependencies: [
                "Migration", "Stages", "AWS", "Snapshots", "Tables", "Rekeying", "Items", "ByteStreams", "TestSupport",
                "TestServers", "FaultServer", "rekey",
            ],
            exclude: ["Programs", "browser.py"],
            swiftSettings: test),
        .testTarget(
            name: "CommandTests", dependencies: ["rekey", "rekey-sample", "TestServers", "TestSupport"],
            exclude: ["Cases", "README.md"],
            swiftSettings: test),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport"], swiftSettings: test),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzz targets see what modules keep to themselves, so they are built with the tests, which compile for testing. Only
// Tests/FuzzTests/fuzz.sh builds the program: its `main` is libFuzzer's, which comes with the sanitizer's flags.
let fuzzed: [Target.Dependency] = [
    "Migration", "AWS", "Snapshots", "Tables", "Rekeying", "Items", "ByteStreams", "CZlib", "ReferenceItems",
    "TestSupport",
]
if Context.environment["REKEY_FUZZ"] == nil {
    package.targets.append(
        .testTarget(
            name: "FuzzTests", dependencies: fuzzed, exclude: ["Corpus", "fuzz.sh"], swiftSettings: test))
} else {
    package.targets += [
        .target(name: "FuzzTargets", dependencies: fuzzed, path: "Tests/FuzzTests/Targets", swiftSettings: test),
        .executableTarget(
            name: "rekey-fuzz", dependencies: ["FuzzTargets"], path: "Tests/rekey-fuzz", swiftSettings: test),
    ]
}
