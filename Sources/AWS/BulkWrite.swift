import ByteStreams
import Items
import Synchronization
import Tables

/// The parts of a batch on their way: each answer begins the next part, on the thread that brought it.
final class BulkWrite: Sendable {
    private struct State {
        var next = 0
        var running: [Int: ServiceCall] = [:]
        /// Parts begun whose call is not yet known.
        var beginning = 0
        var total = BatchWriteResult()
        /// Parts that are not sent any more because the batch is not fresh.
        var left: [WriteBatch.Part] = []
        var failure: RekeyError?
        var isCancelled = false
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let table: DynamoDBTable
    private let batch: WriteBatch
    private let parts: [WriteBatch.Part]
    private let policy: RetryPolicy
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ batch: WriteBatch, to table: DynamoDBTable) {
        self.table = table
        self.batch = batch
        parts = batch.parts(of: table.limits.batchWrite)
        policy = batch.freshness == nil ? .patient : .none
    }

    /// After a failure nothing more is begun, what is under way is waited for, and the first failure is thrown.
    func run() async throws(RekeyError) -> BatchWriteResult {
        if parts.isEmpty { return BatchWriteResult() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.continuation = continuation }
                advance()
            }
        } onCancel: {
            let running = state.withLock { state in
                state.isCancelled = true
                return Array(state.running.values)
            }
            for call in running { call.cancel() }
        }
        let (sum, left, failure) = state.withLock { ($0.total, $0.left, $0.failure) }
        if let failure { throw failure }
        var total = sum
        for part in left { total.unprocessed += try batch.requests(of: part) }
        return total
    }

    /// Begins as many parts as may be in flight, and ends the run when all have ended.
    private func advance() {
        while let part = takeNext() { begin(part) }
        let continuation = state.withLock { state in
            let hasMore = state.next < parts.count && state.failure == nil
            guard state.running.isEmpty, state.beginning == 0, !hasMore else {
                return nil as CheckedContinuation<Void, Never>?
            }
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume()
    }

    private func takeNext() -> Int? {
        state.withLock { state in
            if state.isCancelled, state.failure == nil, state.next < parts.count {
                state.failure = RekeyError(.interrupted, "interrupted", source: table.name)
            }
            if let freshness = batch.freshness, state.next < parts.count, ContinuousClock.now - start > freshness {
                state.left += parts[state.next...]
                state.next = parts.count
            }
            guard state.failure == nil, state.next < parts.count,
                state.running.count + state.beginning < table.inFlightLimit.current
            else { return nil }
            state.beginning += 1
            defer { state.next += 1 }
            return state.next
        }
    }

    private func begin(_ number: Int) {
        let part = parts[number]
        var writer = ByteWriter(capacity: part.byteCount + 512)
        table.beginBatch(&writer)
        batch.append(part, to: &writer)
        table.endBatch(&writer)
        let limit = table.inFlightLimit
        let call = table.client.prepared(
            "DynamoDB_20120810.BatchWriteItem", writer.array, policy: policy, noting: { limit.note($0) })
        let isCancelled = state.withLock { state in
            state.beginning -= 1
            state.running[number] = call
            return state.isCancelled
        }
        call.begin { [self] result in ended(number, result) }
        if isCancelled { call.cancel() }
    }

    private func ended(_ number: Int, _ result: Result<HTTPResponse, ServiceError>) {
        let outcome: Result<BatchWriteResult, RekeyError>
        do throws(RekeyError) {
            switch result {
            case .success(let response): outcome = .success(try table.written(response.body))
            case .failure(let error) where error.isRetryable && batch.freshness != nil:
                var result = BatchWriteResult(unprocessed: try batch.requests(of: parts[number]))
                result.failure = table.told(error)
                outcome = .success(result)
            case .failure(let error): throw table.told(error)
            }
        } catch {
            outcome = .failure(error)
        }
        if case .success(let result) = outcome {
            table.inFlightLimit.note(isThrottled: !result.unprocessed.isEmpty)
        }
        state.withLock { state in
            state.running[number] = nil
            switch outcome {
            case .success(let result):
                state.total.unprocessed += result.unprocessed
                state.total.consumedWriteUnits += result.consumedWriteUnits
                state.total.failure = state.total.failure ?? result.failure
            case .failure(let error): state.failure = state.failure ?? error
            }
        }
        advance()
    }
}
