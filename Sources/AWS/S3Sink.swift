package import ByteStreams
import Dispatch
import Synchronization

/// Writes an object that appears under its key, whole, only with `finish`: a small one by one request, a larger one in parts, which
/// threads send while the next is filled. Without `finish` nothing stays in the bucket.
package final class S3Sink: ByteSink {
    package let name: String
    private let client: S3Client
    private let key: String
    private let partSize: Int
    private var buffer: [UInt8] = []
    private var uploader: Uploader?
    private var handedOver = 0
    private var isOpen = true
    private var failure: RekeyError?

    /// - Parameter partSize: bytes of the first thousand parts, 5 MiB or more; each thousand after them has so much more, so that
    ///   10,000 parts hold 55,000 times as much. Four parts are held in memory.
    package init(_ client: S3Client, key: String, partSize: Int = 8 << 20) {
        self.client = client
        self.key = key
        self.partSize = partSize
        name = client.path(key)
    }

    deinit { abandon() }

    private var currentPartSize: Int { partSize * (1 + handedOver / 1000) }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        if let failure { throw failure }
        var rest = bytes
        while !rest.isEmpty {
            if buffer.count >= currentPartSize { try attempt { () throws(RekeyError) in try handOver() } }
            let count = min(rest.count, currentPartSize - buffer.count)
            buffer.append(contentsOf: rest[..<count])
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    package func finish() throws(RekeyError) {
        if let failure { throw failure }
        precondition(isOpen, "finish() after finish() or abandon()")
        try attempt { () throws(RekeyError) in
            if uploader == nil {
                try client.put(key, buffer)
            } else {
                if !buffer.isEmpty { try handOver() }
                try uploader?.complete()
            }
        }
        isOpen = false
        buffer = []
    }

    package func abandon() {
        guard isOpen else { return }
        isOpen = false
        buffer = []
        uploader?.abort()
        uploader = nil
    }

    /// Gives the buffer to the threads that send; waits while they have enough.
    private func handOver() throws(RekeyError) {
        let uploader: Uploader
        if let begun = self.uploader {
            uploader = begun
        } else {
            uploader = try Uploader(client, key)
            self.uploader = uploader
        }
        guard handedOver < S3Client.mostParts else {
            throw RekeyError(
                .inputOutput, "is larger than an object that is written in \(handedOver) parts; split it", source: name)
        }
        handedOver += 1
        let part = buffer
        buffer = []
        buffer.reserveCapacity(currentPartSize)
        try uploader.send(part, number: handedOver)
    }

    private func attempt(_ work: () throws(RekeyError) -> Void) throws(RekeyError) {
        do throws(RekeyError) {
            try work()
        } catch {
            failure = error
            abandon()
            throw error
        }
    }
}

/// One upload in parts, with the threads that send them.
private final class Uploader: Sendable {
    private struct State {
        var parts: [S3Part] = []
        var failure: RekeyError?
    }

    private static let threads = 2

    private let client: S3Client
    private let upload: S3Upload
    private let pieces = HandOver<(number: Int, bytes: [UInt8])>(capacity: 1)
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    init(_ client: S3Client, _ key: String) throws(RekeyError) {
        self.client = client
        upload = try client.beginUpload(key)
        TemporaryPaths.register(unfinished) { [client, upload] in try? client.abort(upload) }
        for _ in 0..<Self.threads {
            BackgroundThread.start { [self] in
                sendParts()
                ended.signal()
            }
        }
    }

    /// What is to be taken back where the program is interrupted.
    private var unfinished: String { "\(client.path(upload.key))?uploadId=\(upload.id)" }

    func send(_ bytes: [UInt8], number: Int) throws(RekeyError) {
        guard pieces.put((number, bytes)) else { throw failure }
    }

    func complete() throws(RekeyError) {
        pieces.close()
        for _ in 0..<Self.threads { ended.wait() }
        // For `abort`, should completing fail.
        for _ in 0..<Self.threads { ended.signal() }
        let (parts, failure) = state.withLock { ($0.parts, $0.failure) }
        if let failure { throw failure }
        try client.complete(upload, parts.sorted { $0.number < $1.number })
        TemporaryPaths.forget(unfinished)
    }

    /// After the last part has gone out: S3 keeps what arrives later.
    func abort() {
        state.withLock {
            $0.failure = $0.failure ?? RekeyError(.interrupted, "given up", source: client.path(upload.key))
        }
        pieces.close()
        for _ in 0..<Self.threads { ended.wait() }
        for _ in 0..<Self.threads { ended.signal() }
        try? client.abort(upload)
        TemporaryPaths.forget(unfinished)
    }

    private var failure: RekeyError {
        state.withLock { $0.failure }
            ?? RekeyError(.unexpected, "the upload ended early", source: client.path(upload.key))
    }

    private func sendParts() {
        while let (number, bytes) = pieces.take() {
            // After a failure what still waits is only taken away.
            if state.withLock({ $0.failure != nil }) { continue }
            do throws(RekeyError) {
                let part = try client.upload(bytes, number: number, of: upload)
                state.withLock { $0.parts.append(part) }
            } catch {
                state.withLock { $0.failure = $0.failure ?? error }
                pieces.close()
            }
        }
    }
}
