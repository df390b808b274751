import ByteStreams
import Crypto
import Items

/// The MD5 and SHA-256 of the bytes that pass by, and how many they are.
struct Checksums {
    private(set) var count = 0
    private var md5State = Insecure.MD5()
    private var sha256State = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        md5State.update(bufferPointer: bytes)
        sha256State.update(bufferPointer: bytes)
    }

    /// The checksums of some bytes.
    static func of(_ bytes: [UInt8]) -> Checksums {
        var checksums = Checksums()
        bytes.withUnsafeBytes { checksums.update($0) }
        return checksums
    }

    /// The 16 bytes of the MD5.
    var md5: [UInt8] { Array(md5State.finalize()) }

    /// As manifests write it: base64, 24 characters.
    var md5Base64: String { String(decoding: base64(md5), as: UTF8.self) }

    /// 64 lower-case hexadecimal digits.
    var sha256: String { hexadecimal(Array(sha256State.finalize())) }

    /// The tag that S3 gives an object uploaded in one part: the MD5 of the MD5, and `-1`.
    var etag: String { hexadecimal(Array(Insecure.MD5.hash(data: md5))) + "-1" }

    /// Whether a tag can be told from the bytes alone (one part, or no parts) and is another than theirs.
    func contradicts(etag text: String) -> Bool {
        if text.hasSuffix("-1") { return text != etag }
        return !text.contains("-") && text != hexadecimal(md5)
    }
}

/// Lower-case hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// Hands bytes on to another sink and keeps their checksums.
final class ChecksumSink: ByteSink {
    var name: String { sink.name }
    private(set) var checksums = Checksums()
    private let sink: any ByteSink

    init(over sink: any ByteSink) { self.sink = sink }

    func write(_ bytes: UnsafeRawBufferPointer) throws(RekeyError) {
        try sink.write(bytes)
        checksums.update(bytes)
    }

    func flush() throws(RekeyError) { try sink.flush() }
    func finish() throws(RekeyError) { try sink.finish() }
    func abandon() { sink.abandon() }
}

/// Hands bytes on from another source and keeps their checksums; at the end calls `atEnd` once.
final class ChecksumSource: ByteSource {
    var name: String { source.name }
    private(set) var checksums = Checksums()
    private let source: any ByteSource
    private let atEnd: (Checksums) throws(RekeyError) -> Void
    private var hasEnded = false

    init(_ source: any ByteSource, atEnd: @escaping (Checksums) throws(RekeyError) -> Void = { _ in }) {
        self.source = source
        self.atEnd = atEnd
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RekeyError) -> Int {
        let count = try source.read(into: buffer)
        checksums.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        if count == 0, !hasEnded {
            hasEnded = true
            try atEnd(checksums)
        }
        return count
    }

    /// Reads to the end for the checksums alone.
    func drain() throws(RekeyError) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { block.deallocate() }
        while try read(into: block) > 0 {}
    }
}
