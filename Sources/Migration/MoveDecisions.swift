package import ByteStreams

/// What a migration does next with one item, decided by what was read of it and by nothing else: no table, file or clock.
///
/// `Content` is an item; a model of the protocol takes something smaller and runs through these same decisions.
package struct MoveDecisions<Content> {
    /// What the run knows of an item before it looks.
    package struct Planned {
        /// The old item, as the run has it on disk.
        package var old: Content
        /// What the rules make of it.
        package var new: Content
        /// What the rules made of earlier forms of it: the run may have put these under the new key.
        package var earlier: [Content]
        /// The run has read its copy back under the new key: what differs there is a later change of it.
        package var isReadBack: Bool

        package init(old: Content, new: Content, earlier: [Content] = [], isReadBack: Bool = false) {
            self.old = old
            self.new = new
            self.earlier = earlier
            self.isReadBack = isReadBack
        }
    }

    /// The steps of `batch`, each for all items before the next one begins.
    package enum Phase: String, Sendable, CaseIterable {
        case put
        case verify
        case delete
    }

    /// An old item goes only after every new one was read back.
    package static var batchOrder: [Phase] { [.put, .verify, .delete] }

    private let isEqual: (Content, Content) -> Bool
    private let moved: (Content) throws(RekeyError) -> Content?

    /// - Parameters:
    ///   - isEqual: whether two contents are the same to the table.
    ///   - moved: what the rules make of an old item; nil where they leave it.
    package init(
        isEqual: @escaping (Content, Content) -> Bool, moved: @escaping (Content) throws(RekeyError) -> Content?
    ) {
        self.isEqual = isEqual
        self.moved = moved
    }

    package enum Put {
        /// It stands there, or stood there and is its users' now.
        case already
        case put
        /// An earlier copy of the run's own, that a later form of the old item takes the place of, if it is still this.
        case replace(Content)
        /// Neither is there.
        case gone
        /// A stranger's item is never written over.
        case taken
        /// The old item has become one that no rule moves.
        case unmovable
    }

    /// Whether the new item alone does not decide.
    package func needsOld(_ planned: Planned, new: Content?) -> Bool { new.map { !isEqual($0, planned.new) } ?? true }

    package func put(_ planned: Planned, old: Content?, new: Content?) throws(RekeyError) -> Put {
        guard let new else {
            guard let old else { return .gone }
            if isEqual(old, planned.old) { return .put }
            return try moved(old) == nil ? .unmovable : .put
        }
        if try isCopy(planned, old: old, new: new) || isChangedCopy(planned, old: old) { return .already }
        return planned.earlier.contains { isEqual($0, new) } ? .replace(new) : .taken
    }

    package enum Verified {
        case equal
        /// It was equal before, and the old one is still what was copied: the change is kept.
        case changed
        case missing
        case different
    }

    package func verify(_ planned: Planned, old: Content?, new: Content?) throws(RekeyError) -> Verified {
        guard let new else { return .missing }
        if try isCopy(planned, old: old, new: new) { return .equal }
        return isChangedCopy(planned, old: old) ? .changed : .different
    }

    package enum Deletion {
        /// If it is still what was copied.
        case delete
        /// Neither is there.
        case already
        /// The new item went after it was read back: the old one is all there is.
        case missing
    }

    /// - Parameter old: looked at only where there is no new item.
    package func delete(old: Content?, new: Content?) -> Deletion {
        if new != nil { return .delete }
        return old == nil ? .already : .missing
    }

    /// Whether what stands under a new key came from the move. Once the old item is gone, users may have changed the new one; while it
    /// stands, the new one is the copy of what the run holds or of what the old one has become.
    private func isCopy(_ planned: Planned, old: Content?, new: Content) throws(RekeyError) -> Bool {
        if isEqual(new, planned.new) { return true }
        guard let old else { return true }
        return try moved(old).map { isEqual($0, new) } ?? false
    }

    /// Whether what stands under a new key, and is no copy, is one that was changed after it was read back, and it alone.
    private func isChangedCopy(_ planned: Planned, old: Content?) -> Bool {
        planned.isReadBack && (old.map { isEqual($0, planned.old) } ?? false)
    }

    /// What stood in the way of one move of a transaction that was not done.
    package enum Obstacle {
        case none
        /// The old item is not what was planned.
        case old(Content?)
        /// Another item is under the new key.
        case new(Content?)
    }

    package enum Cancelled {
        case again
        /// The old item is not there.
        case gone
        /// Again, with what the old item is now.
        case changed(Content)
        /// The run's own earlier copy is under the new key.
        case replace(Content)
        case taken
        case unmovable
    }

    package func afterCancelled(_ planned: Planned, _ obstacle: Obstacle) throws(RekeyError) -> Cancelled {
        switch obstacle {
        case .none, .new(nil): return .again
        case .old(nil): return .gone
        case .old(let current?): return try moved(current) == nil ? .unmovable : .changed(current)
        case .new(let there?): return planned.earlier.contains { isEqual($0, there) } ? .replace(there) : .taken
        }
    }
}
