import ByteStreams
import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The processors this program may use.
package func availableProcessors() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

/// Reads data files on several threads. The results stand in the order of the paths, nil for a path that is nil.
///
/// - Throws: what `DataFileReader.read` threw first.
func readDataFiles(
    _ export: Export, _ paths: [String?], jobs: Int
) throws(RekeyError) -> [DataFileReader.Result?] {
    let work = DataFileWork(paths.count)
    DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, paths.count))) { _ in
        let reader = DataFileReader(export)
        while let index = work.next() {
            guard let path = paths[index] else { continue }
            do throws(RekeyError) {
                work.finished(index, try reader.read(path, index: index))
            } catch {
                work.failed(error)
            }
        }
    }
    return try work.results()
}

/// What is still to be read, and what came of it.
private final class DataFileWork: Sendable {
    private struct State {
        var next = 0
        var results: [DataFileReader.Result?]
        var failure: RekeyError?
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count))) }

    /// The next file's index; nil where there is none, or reading failed.
    func next() -> Int? {
        state.withLock { state in
            guard state.next < state.results.count, state.failure == nil else { return nil }
            state.next += 1
            return state.next - 1
        }
    }

    func finished(_ index: Int, _ result: DataFileReader.Result) { state.withLock { $0.results[index] = result } }

    func failed(_ error: RekeyError) { state.withLock { $0.failure = $0.failure ?? error } }

    func results() throws(RekeyError) -> [DataFileReader.Result?] {
        let (results, failure) = state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure }
        return results
    }
}
