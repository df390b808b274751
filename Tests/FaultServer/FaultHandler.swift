import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection of a client, with one to the server behind.
///
/// A request arrives whole, meets its fault, goes on, and its answer comes back whole; the next one waits until then.
final class FaultHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: FaultServer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var upstream: (channel: any Channel, handler: NIOLoopBound<UpstreamHandler>)?

    init(server: FaultServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
                let answer = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
            }
        case .body(let buffer): body += buffer.readableBytesView
        case .end:
            guard let head else { return }
            if head.uri.hasPrefix("/_fault/") {
                write(control(head), to: context, method: head.method)
            } else {
                handle(FaultRequest(head: head, body: body), context)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        upstream?.channel.close(promise: nil)
        upstream = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: - Faults

    private func handle(_ request: FaultRequest, _ context: ChannelHandlerContext) {
        let now = AWSTime.now()
        let kind = server.withDecider { $0.decide(request, at: now.seconds) }
        if let kind {
            let refusal = server.withDecider { decider in
                let clock = AWSTime(now.seconds + decider.plan.clockSkewSeconds)
                return FaultAnswer.refusal(of: request, by: kind, decider: &decider, clock: clock)
            }
            if let refusal { return write(refusal, to: context, method: request.head.method) }
            if kind == .cutBefore { return context.close(promise: nil) }
        }
        if let refusal = FaultAnswer.tooManyOperators(request) {
            return write(refusal, to: context, method: request.head.method)
        }

        var sent = request.body
        var unprocessed: [UInt8]?
        if kind == .partial, let batch = request.batch {
            let kept = server.withDecider { decider in
                let kept = decider.kept(of: batch.count)
                decider.countUnprocessed(batch.count - kept.count)
                return kept
            }
            let divided = batch.divided(keeping: kept)
            (sent, unprocessed) = (divided.request, divided.unprocessed)
        }
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        guard kind == .held else { return carryOut(request, sent, unprocessed, kind, context.value) }
        let plan = server.plan
        hold(plan, until: .now() + .milliseconds(Int64(plan.slowMilliseconds)), on: context.value.eventLoop) {
            self.carryOut(request, sent, unprocessed, kind, context.value)
        }
    }

    private func hold(
        _ plan: FaultPlan, until end: NIODeadline, on loop: any EventLoop, _ carryOut: @escaping () -> Void
    ) {
        guard server.plan == plan, .now() < end else { return carryOut() }
        loop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { self.hold(plan, until: end, on: loop, carryOut) }
    }

    private func carryOut(
        _ request: FaultRequest, _ sent: [UInt8], _ unprocessed: [UInt8]?, _ kind: FaultKind?,
        _ context: ChannelHandlerContext
    ) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        forward(request, sent, context.value).assumeIsolated().whenComplete { result in
            switch result {
            case .success(var answer):
                if let unprocessed, answer.status == .ok {
                    answer.body = BatchRequest.answer(
                        answer.body, unprocessed: unprocessed, operation: request.operation)
                    answer.setChecksum()
                }
                if request.operation == "DescribeTable", self.server.withDecider({ $0.isCreating(request.tableName) }) {
                    answer.setCreating()
                }
                if request.form == .json, !answer.headers.contains(name: "x-amz-crc32") { answer.setChecksum() }
                if self.server.plan.clockSkewSeconds != 0 { answer.headers.remove(name: "date") }
                self.deliver(answer, of: request, kind, context.value)
            case .failure:
                self.server.withDecider { $0.countUpstreamFailure() }
                context.value.close(promise: nil)
            }
        }
    }

    /// Gives an answer to the client in the way that the fault says.
    private func deliver(
        _ answer: FaultAnswer, of request: FaultRequest, _ kind: FaultKind?, _ context: ChannelHandlerContext
    ) {
        let method = request.head.method
        let pause = TimeAmount.milliseconds(Int64(server.plan.slowMilliseconds))
        switch kind {
        case .cutAfter: context.close(promise: nil)
        case .cutMiddle: write(answer, to: context, method: method, body: .cut)
        case .truncate:
            var half = answer
            half.body.removeLast((half.body.count + 1) / 2)
            write(half, to: context, method: method)
        case .wrongChecksum:
            var wrong = answer
            wrong.headers.replaceOrAdd(name: "x-amz-crc32", value: "\(answer.checksum ^ 1)")
            write(wrong, to: context, method: method)
        case .slow:
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                self.write(answer, to: bound.value, method: method)
            }
        case .stall: write(answer, to: context, method: method, body: .stall(pause))
        default: write(answer, to: context, method: method)
        }
    }

    private enum BodyDelivery {
        case whole, cut
        case stall(TimeAmount)
    }

    private func write(
        _ answer: FaultAnswer, to context: ChannelHandlerContext, method: HTTPMethod, body: BodyDelivery = .whole
    ) {
        guard context.channel.isActive else { return }
        var headers = answer.headers
        for name in ["connection", "keep-alive", "transfer-encoding"] { headers.remove(name: name) }
        var length = answer.body.count
        if case .cut = body, length == 0 { length = 1 }
        let hasBody = method != .HEAD && ![.noContent, .notModified].contains(answer.status)
        if hasBody { headers.replaceOrAdd(name: "content-length", value: "\(length)") }
        if !headers.contains(name: "date") {
            headers.add(name: "date", value: AWSTime.now(ahead: server.plan.clockSkewSeconds).header)
        }
        // The client asked for the connection's end.
        let isLast = self.head?.isKeepAlive == false
        if isLast { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)

        func part(_ bytes: ArraySlice<UInt8>) {
            if hasBody, !bytes.isEmpty {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            }
        }
        let half = answer.body.count / 2
        switch body {
        case .whole:
            part(answer.body[...])
            end(context, isLast: isLast)
        case .cut:
            part(answer.body[..<half])
            // An empty part, whose end is the end of what was written before.
            let written = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: written)
            close(context, after: written.futureResult)
        case .stall(let pause):
            part(answer.body[..<half])
            context.flush()
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                guard bound.value.channel.isActive else { return }
                if hasBody {
                    let rest = ByteBuffer(bytes: answer.body[half...])
                    bound.value.write(self.wrapOutboundOut(.body(.byteBuffer(rest))), promise: nil)
                }
                self.end(bound.value, isLast: isLast)
            }
        }
    }

    private func end(_ context: ChannelHandlerContext, isLast: Bool) {
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        if isLast { close(context, after: written.futureResult) }
    }

    private func close(_ context: ChannelHandlerContext, after written: EventLoopFuture<Void>) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        written.assumeIsolated().whenComplete { _ in bound.value.close(promise: nil) }
    }

    // MARK: - The server behind

    private func forward(_ request: FaultRequest, _ body: [UInt8], _ context: ChannelHandlerContext)
        -> EventLoopFuture<FaultAnswer>
    {
        server.withDecider { $0.countForwarded() }
        guard let target = server.upstream else {
            return context.eventLoop.makeSucceededFuture(FaultAnswer.instant(request))
        }
        var head = request.head
        for name in ["expect", "connection", "keep-alive", "transfer-encoding", "content-length"] {
            head.headers.remove(name: name)
        }
        if !body.isEmpty || ![.GET, .HEAD, .DELETE].contains(head.method) {
            head.headers.add(name: "content-length", value: "\(body.count)")
        }
        if let upstream, upstream.channel.isActive {
            return upstream.handler.value.send(head, body, on: upstream.channel)
        }
        return connect(target, context).assumeIsolated().flatMap { upstream in
            upstream.handler.value.send(head, body, on: upstream.channel)
        }.nonisolated()
    }

    private typealias Connection = (channel: any Channel, handler: NIOLoopBound<UpstreamHandler>)

    private func connect(_ target: FaultServer.Upstream, _ context: ChannelHandlerContext)
        -> EventLoopFuture<Connection>
    {
        let loop = context.eventLoop
        let handler = NIOLoopBound(UpstreamHandler(), eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .connect(host: target.host, port: target.port)
            .assumeIsolated()
            .map { channel in
                let connection = (channel, handler)
                self.upstream = connection
                return connection
            }
            .nonisolated()
    }

    // MARK: - Control

    private func control(_ head: HTTPRequestHead) -> FaultAnswer {
        do {
            switch (head.method, head.uri) {
            case (.POST, "/_fault/plan"):
                server.plan = try JSONDecoder().decode(FaultPlan.self, from: Data(body))
                return try json(server.plan)
            case (.GET, "/_fault/plan"): return try json(server.plan)
            case (.GET, "/_fault/counts"): return try json(server.counts)
            default: return FaultAnswer(status: 404, json: #"{"message":"/_fault/plan and /_fault/counts are there"}"#)
            }
        } catch {
            return FaultAnswer(status: 400, json: (try? text(["message": "\(error)"])) ?? "{}")
        }
    }

    private func json(_ value: some Encodable) throws -> FaultAnswer { FaultAnswer(status: 200, json: try text(value)) }

    private func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
