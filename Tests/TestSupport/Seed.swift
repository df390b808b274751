import ByteStreams

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A small seeded generator (SplitMix64, Steele and others 2014), so that a failing case can be repeated.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The seed of this test run: `REKEY_TEST_SEED`, or one drawn anew. It is printed, so that a failure can be repeated.
public func testSeed(_ name: String) -> UInt64 {
    let seed =
        getenv("REKEY_TEST_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0..<1_000_000_000)
    print("seed of \(name): REKEY_TEST_SEED=\(seed)")
    return seed
}

/// A directory that is removed when `body` returns.
public func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let path = try makeTemporaryDirectory()
    defer { try? removeTree(path) }
    return try body(path)
}

/// A directory that is removed when `body` returns.
public func withTemporaryDirectory<R>(
    isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> R
) async throws -> R {
    let path = try makeTemporaryDirectory()
    defer { try? removeTree(path) }
    return try await body(path)
}

private func makeTemporaryDirectory() throws -> String {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    // mkdtemp puts random letters in place of the last six.
    var template = Array("\(parent)/rekey-test-\(String(repeating: "X", count: 6))".utf8CString)
    return try template.withUnsafeMutableBufferPointer { buffer in
        guard let path = mkdtemp(buffer.baseAddress!) else {
            throw RekeyError(.cannotCreate, "no temporary directory: \(String(cString: strerror(errno)))")
        }
        return String(cString: path)
    }
}
