/// One thing a migration has to say, in the order it happens. What becomes of it is the caller's.
package enum Event: Sendable, Equatable {
    case heading([String])
    case information(String)
    case success(String)
    case warning(String)
    /// A line below the one before.
    case detail(String)
}

/// Takes events as they come.
package typealias EventHandler = @Sendable (Event) -> Void
