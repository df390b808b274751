import NIOCore
import NIOHTTP1

/// One connection to the server behind: one request at a time, its whole answer as a future.
final class UpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private var waiting: EventLoopPromise<FaultAnswer>?
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []

    func send(_ head: HTTPRequestHead, _ body: [UInt8], on channel: any Channel) -> EventLoopFuture<FaultAnswer> {
        let promise = channel.eventLoop.makePromise(of: FaultAnswer.self)
        waiting = promise
        self.head = nil
        self.body = []
        let writer = channel.pipeline.syncOperations
        writer.write(NIOAny(HTTPClientRequestPart.head(head)), promise: nil)
        if !body.isEmpty {
            let buffer = channel.allocator.buffer(bytes: body)
            writer.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(buffer))), promise: nil)
        }
        writer.writeAndFlush(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let buffer): body += buffer.readableBytesView
        case .end:
            guard let head else { return }
            let promise = waiting
            waiting = nil
            if !head.isKeepAlive { context.close(promise: nil) }
            promise?.succeed(FaultAnswer(status: head.status, headers: head.headers, body: body))
        }
    }

    func channelInactive(context: ChannelHandlerContext) { fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        let promise = waiting
        waiting = nil
        promise?.fail(error)
    }
}
