#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Starts a thread of the system's, outside Swift's own pool, for work that blocks. Nobody waits for its end.
///
/// - Throws: `.unexpected` where the system gives none.
package func startThread(_ body: @escaping @Sendable () -> Void) throws(RekeyError) {
    let box = Unmanaged.passRetained(ThreadBody(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Glibc)
        var thread = pthread_t()
        let status = pthread_create(&thread, &attributes, { runThreadBody($0!) }, box.toOpaque())
    #else
        var thread: pthread_t?
        let status = pthread_create(&thread, &attributes, { runThreadBody($0) }, box.toOpaque())
    #endif
    pthread_attr_destroy(&attributes)
    if status != 0 {
        box.release()
        throw RekeyError(.unexpected, "no thread can be started: \(systemText(status)); give --jobs 1")
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// A lock that conditions can be waited for under.
final class Lock: @unchecked Sendable {
    fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }
}

/// Something that threads wait for; always used under one lock.
final class Condition: @unchecked Sendable {
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    /// Gives the lock up meanwhile; may return for no reason.
    func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }
    func signal() { pthread_cond_signal(condition) }
    func broadcast() { pthread_cond_broadcast(condition) }
}
