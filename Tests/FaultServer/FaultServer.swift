import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server that stands in front of another one and does to its requests and answers what AWS and networks do now and then.
///
///     client ──> FaultServer ──> ministack, with signatures unchecked: a divided batch is no longer what was signed
///
/// It has a thread of its own and needs nothing of the Swift concurrency pool. `POST /_fault/plan` (JSON, the fields of
/// `FaultPlan`) sets a plan and the counts to 0, `GET /_fault/plan` and `GET /_fault/counts` tell them.
public final class FaultServer: Sendable {
    /// Where requests are sent on to.
    struct Upstream: Sendable {
        var host: String
        var port: Int
    }

    let upstream: Upstream?
    private let decider: Mutex<FaultDecider>
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// The port of 127.0.0.1 where it listens.
    public var port: Int { channel.localAddress?.port ?? 0 }

    /// Scheme, host and port, without a slash at the end.
    public var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - upstream: `http://host:port`. Nil: it is a DynamoDB of its own that answers writes at once, keeps nothing and finds
    ///     nothing, for measuring what a client can do.
    ///   - port: 0 for a free one.
    public init(upstream: String?, plan: FaultPlan = FaultPlan(), port: Int = 0) throws {
        if let problem = plan.problem { throw FaultServerError(problem) }
        self.upstream = try upstream.map(Self.parse)
        let decider = Mutex(FaultDecider(plan))
        self.decider = decider
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let box = Box()
        channel = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    guard let server = box.server.withLock({ $0.value }) else { throw ChannelError.eof }
                    try channel.pipeline.syncOperations.addHandler(FaultHandler(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: port).wait()
        box.server.withLock { $0.value = self }
    }

    /// The way from a new connection to its server, which exists only once it listens; weak, so that an unused server ends.
    private final class Box: Sendable {
        struct Weak { weak var value: FaultServer? }
        let server = Mutex(Weak())
    }

    deinit { group.shutdownGracefully { _ in } }

    /// Closes all connections.
    public func stop() { try? group.syncShutdownGracefully() }

    /// The plan in force. Setting one begins it anew and the counts at 0.
    public var plan: FaultPlan {
        get { decider.withLock { $0.plan } }
        set { decider.withLock { $0 = FaultDecider(newValue) } }
    }

    /// What it has done since the plan was set.
    public var counts: FaultCounts { decider.withLock { $0.counts } }

    func withDecider<Value: Sendable>(_ body: (inout FaultDecider) -> Value) -> Value {
        decider.withLock { body(&$0) }
    }

    private static func parse(_ endpoint: String) throws -> Upstream {
        let parts = endpoint.split(separator: "/").last?.split(separator: ":") ?? []
        guard endpoint.hasPrefix("http://"), parts.count == 2, let port = Int(parts[1]) else {
            throw FaultServerError("\(endpoint) is not http://host:port")
        }
        return Upstream(host: String(parts[0]), port: port)
    }
}

/// A plan or an address that cannot be used.
public struct FaultServerError: Error, CustomStringConvertible {
    public var description: String
    init(_ description: String) { self.description = description }
}
