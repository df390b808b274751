/// A growing run of bytes on the heap, for loops that append millions of short pieces.
///
/// `Array` checks uniqueness and bounds on each append; this does neither. Not thread-safe, not copyable.
@frozen
package struct ByteWriter: ~Copyable {
    @usableFromInline package var base: UnsafeMutablePointer<UInt8>
    @usableFromInline package var capacity: Int
    @usableFromInline package var length = 0

    package init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inlinable package var count: Int { length }

    /// Valid until the next mutation.
    @inlinable package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: length) }

    @inlinable package mutating func removeAll() { length = 0 }

    @inlinable package mutating func truncate(to count: Int) { length = count }

    /// Makes room for `extra` more bytes.
    @inlinable
    @inline(__always)
    package mutating func reserve(_ extra: Int) {
        if length + extra > capacity { grow(extra) }
    }

    @usableFromInline
    package mutating func grow(_ extra: Int) {
        let wanted = max(capacity * 2, length + extra)
        let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        bigger.update(from: base, count: length)
        base.deallocate()
        base = bigger
        capacity = wanted
    }

    @inlinable
    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        base[length] = byte
        length &+= 1
    }

    @inlinable
    @inline(__always)
    package mutating func append(_ source: UnsafePointer<UInt8>, count: Int) {
        reserve(count)
        (base + length).update(from: source, count: count)
        length &+= count
    }

    @inlinable
    package mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress else { return }
        append(start.assumingMemoryBound(to: UInt8.self), count: source.count)
    }

    @inlinable
    @inline(__always)
    package mutating func append(_ text: StaticString) {
        append(text.utf8Start, count: text.utf8CodeUnitCount)
    }

    package mutating func append(_ source: [UInt8]) {
        source.withUnsafeBytes { append($0) }
    }

    /// Appends four bytes in the machine's own order.
    @inlinable
    package mutating func appendInteger(_ value: UInt32) {
        reserve(4)
        UnsafeMutableRawPointer(base + length).storeBytes(of: value, as: UInt32.self)
        length &+= 4
    }

    /// Appends a record as `ExternalSorter.add` takes it: the lengths of key and value, then both.
    package mutating func appendSortRecord(
        key: (inout ByteWriter) -> Void, value: (inout ByteWriter) -> Void
    ) {
        let start = length
        appendInteger(0)
        appendInteger(0)
        key(&self)
        let middle = length
        value(&self)
        let header = UnsafeMutableRawPointer(base + start)
        header.storeBytes(of: UInt32(truncatingIfNeeded: middle - start - 8), as: UInt32.self)
        header.storeBytes(of: UInt32(truncatingIfNeeded: length - middle), toByteOffset: 4, as: UInt32.self)
    }

    /// A copy as an array.
    package var array: [UInt8] { Array(UnsafeBufferPointer(start: base, count: length)) }
}

extension [UInt8] {
    /// `withUnsafeBytes` that keeps the type of the error.
    package func withRawBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { buffer throws(E) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}
