import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Hands elements from one thread to another; only so many wait at a time. Its calls block, so they are for threads outside
/// Swift's pool and for callers that may wait as they do for a file.
final class HandOver<Element: Sendable>: Sendable {
    private struct State {
        var waiting: [Element] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let room = DispatchSemaphore(value: 0)
    private let filled = DispatchSemaphore(value: 0)

    init(capacity: Int) {
        // Raised by signals: a semaphore may not be freed below the value it was made with.
        for _ in 0..<capacity { room.signal() }
    }

    /// Waits for room. False where the other side has closed: the element was not taken.
    func put(_ element: Element) -> Bool {
        room.wait()
        let isTaken = state.withLock { state in
            if !state.isClosed { state.waiting.append(element) }
            return !state.isClosed
        }
        if isTaken { filled.signal() } else { room.signal() }
        return isTaken
    }

    /// Waits for an element; nil once it was closed and all were taken.
    func take() -> Element? {
        filled.wait()
        let element = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        if element == nil { filled.signal() } else { room.signal() }
        return element
    }

    /// Nothing more is put; what waits can still be taken. Either side may call it, more than once.
    func close() {
        state.withLock { $0.isClosed = true }
        filled.signal()
        room.signal()
    }
}

/// A thread outside Swift's pool, where blocking costs nobody else's time.
enum BackgroundThread {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread; on the caller's where the system gives none.
    static func start(_ body: @escaping @Sendable () -> Void) {
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let held = Unmanaged.passRetained(Work(body))
        let code = pthread_create(
            &thread, nil,
            { pointer in
                let pointer: UnsafeMutableRawPointer? = pointer
                Unmanaged<Work>.fromOpaque(pointer!).takeRetainedValue().body()
                return nil
            }, held.toOpaque())
        guard code == 0 else {
            held.release()
            return body()
        }
        #if canImport(Glibc)
            pthread_detach(thread)
        #else
            if let thread { pthread_detach(thread) }
        #endif
    }
}
