/// One thing a migration has to say, in the order it happens. What becomes of it is the caller's.
package enum Event: Sendable, Equatable {
    case heading([Message])
    case information(Message)
    case success(Message)
    case warning(Message)
    /// A line below the one before.
    case detail(Message)
    /// Rows of a table, as they stand.
    case table([String])
}

/// Takes events as they come.
package typealias EventHandler = @Sendable (Event) -> Void
