package import ByteStreams
import Crypto

/// The bytes of an object as they are stored, read in ranges: one that is cut is asked for again, of the same object. While a range
/// is used, a thread fetches the next, so that three are held at most.
package final class S3Source: ByteSource {
    package let name: String
    private let client: S3Client
    private let key: String
    private let rangeSize: Int
    private var block: [UInt8] = []
    private var position = 0
    private var whole: S3Range?
    /// Nil where one range was all.
    private var ranges: HandOver<Result<[UInt8], RekeyError>>?
    private var received = 0
    private var md5: Insecure.MD5?
    private var failure: RekeyError?

    /// Of a range; more give no more speed.
    package static let standardRange = 8 << 20

    /// Nothing is read yet.
    package init(_ client: S3Client, key: String, rangeSize: Int = standardRange) {
        self.client = client
        self.key = key
        self.rangeSize = rangeSize
        name = client.path(key)
    }

    deinit { ranges?.close() }

    /// Asks for the first range, so that a missing object is told now.
    ///
    /// - Throws: as `S3Client.get`.
    package func open() throws(RekeyError) {
        guard whole == nil else { return }
        let first = try client.get(key, from: 0, count: rangeSize)
        if first.isTagOfBytes { md5 = Insecure.MD5() }
        whole = first
        take(first.bytes)
        if first.size > first.bytes.count { fetch(from: first.bytes.count, of: first) }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        if let failure { throw failure }
        do throws(RekeyError) {
            try open()
            if position == block.count { try next() }
        } catch {
            failure = error
            throw error
        }
        let count = min(buffer.count, block.count - position)
        block.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        position += count
        return count
    }

    private func take(_ bytes: [UInt8]) {
        block = bytes
        position = 0
        received += bytes.count
        md5?.update(data: bytes)
    }

    private func next() throws(RekeyError) {
        block = []
        position = 0
        if let result = ranges?.take() { return take(try result.get()) }
        guard let whole, received == whole.size else {
            throw RekeyError(.inputOutput, "ended after \(received) bytes; run it again", source: name)
        }
        guard let md5, let tag = whole.tag else { return }
        self.md5 = nil
        let found = String(decoding: Hexadecimal.of(md5.finalize()), as: UTF8.self)
        guard found == tag else {
            throw RekeyError(
                .badInput, "the bytes have the MD5 \(found), the object's ETag is \(tag): they were changed on the way",
                source: name)
        }
    }

    /// Fetches what follows on a thread of its own, which ends with this source.
    private func fetch(from start: Int, of first: S3Range) {
        let ranges = HandOver<Result<[UInt8], RekeyError>>(capacity: 1)
        self.ranges = ranges
        BackgroundThread.start { [client, key, rangeSize, size = first.size, tag = first.tag] in
            var offset = start
            while offset < size {
                let result: Result<[UInt8], RekeyError>
                do throws(RekeyError) {
                    result = .success(try client.get(key, from: offset, count: rangeSize, tag: tag).bytes)
                } catch {
                    result = .failure(error)
                }
                guard ranges.put(result), case .success(let bytes) = result else { break }
                offset += bytes.count
            }
            ranges.close()
        }
    }
}
