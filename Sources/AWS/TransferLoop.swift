import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The thread that drives all transfers of a client, over one `MultiHandle`.
///
///     submit ──▶ submitted ──▶ waiting ──▶ running (EasyHandle) ──▶ completion
///     cancel ──▶ cancelled ───────┴──────────┴────────────────────▶ completion
///
/// Other threads touch only `state` and `MultiHandle.wakeUp`.
final class TransferLoop: Sendable {
    private struct State {
        var submitted: [Transfer] = []
        var cancelled: [Transfer] = []
        var isStarted = false
        var isStopping = false
        /// Whether the thread is about to sleep or sleeps: only then a wake-up is worth a system call.
        var isSleeping = false
    }

    private let state = Mutex(State())
    private let certificateBundle: String?
    private let maximumTransfers: Int
    private let multi: MultiHandle

    init(certificateBundle: String?, maximumTransfers: Int) {
        self.certificateBundle = certificateBundle
        self.maximumTransfers = maximumTransfers
        multi = MultiHandle(maximumConnections: maximumTransfers)
    }

    /// Hands over a transfer; `completion` is called on the loop's thread.
    func submit(_ transfer: Transfer, _ completion: @escaping Transfer.Completion) {
        transfer.completion = completion
        let isTaken = state.withLock { state in
            if state.isStopping { return false }
            if !state.isStarted {
                guard startThread() else { return false }
                state.isStarted = true
            }
            state.submitted.append(transfer)
            wake(&state)
            return true
        }
        if !isTaken { transfer.complete(.failure(TransportError(.cancelled, "the HTTP client has been shut down"))) }
    }

    /// Ends a transfer with `.cancelled` wherever it is; one that is not yet submitted ends when it is.
    func cancel(_ transfer: Transfer) {
        transfer.isCancelled.store(true, ordering: .sequentiallyConsistent)
        state.withLock { state in
            state.cancelled.append(transfer)
            wake(&state)
        }
    }

    /// Ends all transfers and the thread.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            wake(&state)
        }
    }

    private func wake(_ state: inout State) {
        guard state.isSleeping else { return }
        state.isSleeping = false
        multi.wakeUp()
    }

    /// The thread keeps the loop alive until it ends.
    private func startThread() -> Bool {
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let held = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { pointer in
                let pointer: UnsafeMutableRawPointer? = pointer
                Unmanaged<TransferLoop>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, held.toOpaque())
        guard code == 0 else {
            held.release()
            return false
        }
        #if canImport(Glibc)
            pthread_detach(thread)
        #else
            if let thread { pthread_detach(thread) }
        #endif
        return true
    }

    // MARK: The thread

    private func run() {
        // A write to a closed connection must not end the process: older TLS libraries do not ask for that themselves.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var running = RunningTransfers(
            multi: multi, certificateBundle: certificateBundle, maximum: maximumTransfers)
        while true {
            let (submitted, cancelled, isStopping) = state.withLock { state in
                defer {
                    state.submitted.removeAll(keepingCapacity: false)
                    state.cancelled.removeAll(keepingCapacity: false)
                }
                return (state.submitted, state.cancelled, state.isStopping)
            }
            running.accept(submitted)
            for transfer in cancelled { running.cancel(transfer) }
            if isStopping { return running.stop() }
            running.advance()
            let maySleep = state.withLock { state in
                state.isSleeping = state.submitted.isEmpty && state.cancelled.isEmpty && !state.isStopping
                return state.isSleeping
            }
            guard maySleep else { continue }
            multi.sleep(milliseconds: running.sleepMilliseconds)
            state.withLock { $0.isSleeping = false }
        }
    }
}

/// What the loop's thread alone knows.
private struct RunningTransfers {
    private let multi: MultiHandle
    private let certificateBundle: String?
    private let maximum: Int
    /// In the order they came; those before `firstWaiting` have been started.
    private var waiting: [Transfer] = []
    private var firstWaiting = 0
    private var running: [ObjectIdentifier: EasyHandle] = [:]
    private var idle: [EasyHandle] = []
    private var nextSweep = 0

    /// How often stalls are looked for.
    private static let sweepMilliseconds = 200

    init(multi: MultiHandle, certificateBundle: String?, maximum: Int) {
        self.multi = multi
        self.certificateBundle = certificateBundle
        self.maximum = max(1, maximum)
    }

    /// How long the thread may sleep without a wake-up: not at all while a transfer could be started.
    var sleepMilliseconds: Int32 {
        if canStart { return 0 }
        return running.isEmpty ? 3_600_000 : Int32(Self.sweepMilliseconds)
    }

    private var canStart: Bool { firstWaiting < waiting.count && running.count < maximum }

    mutating func accept(_ transfers: [Transfer]) {
        for transfer in transfers {
            transfer.isQueued = true
            // One that was cancelled before it came is not heard of again.
            if transfer.isCancelled.load(ordering: .sequentiallyConsistent) {
                cancel(transfer)
            } else {
                waiting.append(transfer)
            }
        }
    }

    mutating func cancel(_ transfer: Transfer) {
        guard transfer.isQueued else { return }
        if let handle = running[ObjectIdentifier(transfer)] {
            finish(handle, handle.failure(.cancelled, "cancelled"))
        } else {
            transfer.complete(.failure(TransportError(.cancelled, "\(transfer.request.authority): cancelled")))
        }
    }

    mutating func stop() {
        for handle in Array(running.values) {
            finish(handle, handle.failure(.cancelled, "the HTTP client has been shut down"))
        }
        for transfer in waiting[firstWaiting...] {
            transfer.complete(.failure(TransportError(.cancelled, "the HTTP client has been shut down")))
        }
        idle.removeAll()
    }

    /// Moves everything on as far as it goes without waiting.
    mutating func advance() {
        repeat {
            startWaiting()
            multi.perform()
            while let (handle, result) = multi.nextFinished() { finish(handle, result) }
        } while canStart
        let now = milliseconds()
        if now >= nextSweep {
            nextSweep = now + Self.sweepMilliseconds
            for handle in Array(running.values) where handle.isStalled(now) {
                finish(handle, handle.failure(.timedOut, "nothing was received or sent for too long"))
            }
        }
    }

    private mutating func startWaiting() {
        while canStart {
            let transfer = waiting[firstWaiting]
            firstWaiting += 1
            // Without a completion it has been cancelled while it waited.
            guard transfer.completion != nil else { continue }
            guard let handle = idle.popLast() ?? EasyHandle(certificateBundle: certificateBundle) else {
                transfer.complete(.failure(TransportError(.invalid, "no memory for a request")))
                continue
            }
            if let error = handle.prepare(transfer, now: milliseconds()) {
                handle.clear()
                idle.append(handle)
                transfer.complete(.failure(error))
                continue
            }
            running[ObjectIdentifier(transfer)] = handle
            multi.add(handle)
        }
        // Not at each step: it moves those that still wait.
        if firstWaiting == waiting.count || firstWaiting > 256 + waiting.count / 2 {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
    }

    private mutating func finish(_ handle: EasyHandle, _ result: Result<HTTPResponse, TransportError>) {
        multi.remove(handle)
        guard let transfer = handle.transfer else { return }
        running[ObjectIdentifier(transfer)] = nil
        handle.clear()
        idle.append(handle)
        transfer.complete(result)
    }
}

/// Milliseconds of a clock that only goes forward.
private func milliseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
}
