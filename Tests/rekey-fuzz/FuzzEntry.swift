import FuzzTargets

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Which target this process fuzzes: `REKEY_FUZZ_TARGET`.
private let target: FuzzTarget = {
    let name = getenv("REKEY_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        // `stderr` is a variable that any thread may change, which the language refuses.
        _ = Array("REKEY_FUZZ_TARGET is one of \(names)\n".utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        exit(64)
    }
    return target
}()

/// What libFuzzer calls with each input; its own `main` starts the program.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}
