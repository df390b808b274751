package import ByteStreams
package import Tables

/// The pages of a table or of one segment of it, read in several segments at once.
///
/// Of each segment one page is asked for ahead, so at most one page a segment is held. Pages come in turn, segment by segment,
/// until all have ended: the same table gives the same order. Used by one task at a time.
package final class SegmentedScan {
    private let table: any Table
    /// What the next page of each segment that has not ended will be, with the request it answers.
    private var waiting: [(request: ScanRequest, page: Task<Result<Page, RekeyError>, Never>)] = []
    private var turn = 0

    /// - Parameter segments: 1 or more.
    package init(_ table: any Table, _ request: ScanRequest, segments: Int) {
        self.table = table
        for segment in 0..<segments {
            var request = request
            request.segment = request.segment * segments + segment
            request.totalSegments *= segments
            waiting.append((request, Self.ask(table, request)))
        }
    }

    deinit { for next in waiting { next.page.cancel() } }

    /// The next page; nil when all segments have ended.
    ///
    /// - Throws: as `Table.scan`; what else was asked for is given up then.
    package func nextPage() async throws(RekeyError) -> Page? {
        guard !waiting.isEmpty else { return nil }
        if turn >= waiting.count { turn = 0 }
        var request = waiting[turn].request
        let task = waiting[turn].page
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        let page = try result.get()
        if let key = page.lastEvaluatedKey {
            request.startKey = key
            waiting[turn] = (request, Self.ask(table, request))
            turn += 1
        } else {
            waiting.remove(at: turn)
        }
        return page
    }

    private static func ask(_ table: any Table, _ request: ScanRequest) -> Task<Result<Page, RekeyError>, Never> {
        Task {
            do throws(RekeyError) {
                return .success(try await table.scan(request))
            } catch {
                return .failure(error)
            }
        }
    }
}
