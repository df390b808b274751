import CCurl
import Items

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// All calls of libcurl stand in this file.

/// Drives many transfers on one thread. All of it belongs to that thread, but for `wakeUp`, which libcurl allows from any.
final class MultiHandle: Sendable {
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer

    /// Once in a process, before anything else of libcurl; older ones do not lock it themselves.
    private static let library: CURLcode = curl_global_init(Int(CURL_GLOBAL_ALL))

    /// - Parameter maximumConnections: how many are kept open for later.
    init(maximumConnections: Int) {
        guard Self.library == CURLE_OK, let multi = curl_multi_init() else {
            preconditionFailure("libcurl did not start: no memory, or no TLS library")
        }
        self.multi = multi
        rekey_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumConnections)
    }

    deinit { curl_multi_cleanup(multi) }

    /// Ends the present or the next `sleep`.
    func wakeUp() { curl_multi_wakeup(multi) }

    /// Waits for a socket, one of libcurl's timers, a wake-up or the time given.
    func sleep(milliseconds: Int32) { curl_multi_poll(multi, nil, 0, milliseconds, nil) }

    func add(_ handle: EasyHandle) { curl_multi_add_handle(multi, handle.easy) }

    func remove(_ handle: EasyHandle) { curl_multi_remove_handle(multi, handle.easy) }

    /// Moves all transfers on as far as they go without waiting.
    func perform() {
        var count: Int32 = 0
        curl_multi_perform(multi, &count)
    }

    /// A transfer that has ended and is still to be removed; nil when there is none.
    func nextFinished() -> (EasyHandle, Result<HTTPResponse, TransportError>)? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let handle = EasyHandle.of(easy)
            return (handle, handle.result(message.pointee.data.result))
        }
        return nil
    }
}

/// An easy handle, used for one transfer after the other on the loop's thread.
final class EasyHandle {
    fileprivate let easy: UnsafeMutableRawPointer
    private(set) var transfer: Transfer?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    /// One line of a head while it is put together.
    private var line = ByteWriter(capacity: 512)
    /// The address that is set: the same one again and again, mostly.
    private var address: (scheme: String, authority: String, path: String)?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    /// How much of the body libcurl has read.
    private var sent = 0
    private var head: [UInt8] = []
    private var isHeadWhole = false
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var lastMove = 0
    private var lastCount: curl_off_t = 0

    /// Up to here libcurl sends head and body in one packet, from a copy of its own.
    private static let copiedBodyLimit = 64 << 10
    /// More than a service or a proxy sends.
    private static let headLimit = 256 << 10

    init?(certificateBundle: String?) {
        guard let easy = curl_easy_init() else {
            errorText.deallocate()
            return nil
        }
        self.easy = easy
        let me = Unmanaged.passUnretained(self).toOpaque()
        rekey_easy_set_pointer(easy, CURLOPT_PRIVATE, me)
        rekey_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        rekey_easy_set_long(easy, CURLOPT_NOSIGNAL, 1)
        rekey_easy_set_web_only(easy)
        rekey_easy_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        rekey_easy_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        rekey_easy_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        rekey_easy_set_long(easy, CURLOPT_BUFFERSIZE, 64 << 10)
        rekey_easy_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        rekey_easy_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        rekey_easy_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        rekey_easy_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        rekey_easy_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        // With a directory of certificates set, libcurl would parse the bundle anew for each connection: 20 ms of CPU.
        rekey_easy_set_pointer(easy, CURLOPT_CAPATH, nil)
        if let certificateBundle { rekey_easy_set_pointer(easy, CURLOPT_CAINFO, certificateBundle) }
        setCallbacks(me)
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }

    /// The handle that stands behind one of libcurl's.
    fileprivate static func of(_ easy: UnsafeMutableRawPointer) -> EasyHandle {
        var pointer: UnsafeMutableRawPointer?
        rekey_easy_get_pointer(easy, CURLINFO_PRIVATE, &pointer)
        return Unmanaged<EasyHandle>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private func setCallbacks(_ me: UnsafeMutableRawPointer) {
        let write: curl_write_callback = { bytes, size, count, pointer in
            Unmanaged<EasyHandle>.fromOpaque(pointer!).takeUnretainedValue()
                .receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        let header: curl_write_callback = { bytes, size, count, pointer in
            Unmanaged<EasyHandle>.fromOpaque(pointer!).takeUnretainedValue()
                .receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        let read: curl_read_callback = { bytes, size, count, pointer in
            Unmanaged<EasyHandle>.fromOpaque(pointer!).takeUnretainedValue()
                .provide(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
        let seek: curl_seek_callback = { pointer, offset, origin in
            guard origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
            Unmanaged<EasyHandle>.fromOpaque(pointer!).takeUnretainedValue().sent = Int(offset)
            return CURL_SEEKFUNC_OK
        }
        rekey_easy_set_pointer(easy, CURLOPT_WRITEFUNCTION, unsafeBitCast(write, to: UnsafeRawPointer.self))
        rekey_easy_set_pointer(easy, CURLOPT_HEADERFUNCTION, unsafeBitCast(header, to: UnsafeRawPointer.self))
        rekey_easy_set_pointer(easy, CURLOPT_READFUNCTION, unsafeBitCast(read, to: UnsafeRawPointer.self))
        rekey_easy_set_pointer(easy, CURLOPT_SEEKFUNCTION, unsafeBitCast(seek, to: UnsafeRawPointer.self))
        // Programs that are started meanwhile must not inherit connections.
        let opened: curl_sockopt_callback = { _, socket, _ in
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            return CURL_SOCKOPT_OK
        }
        rekey_easy_set_pointer(easy, CURLOPT_SOCKOPTFUNCTION, unsafeBitCast(opened, to: UnsafeRawPointer.self))
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA] {
            rekey_easy_set_pointer(easy, option, me)
        }
    }

    /// Sets up one transfer.
    ///
    /// - Returns: why the request cannot be sent; nil where it can.
    func prepare(_ transfer: Transfer, now: Int) -> TransportError? {
        let request = transfer.request
        self.transfer = transfer
        lastMove = now
        guard setAddress(request), setHeaders(request), setMethod(request) else {
            return failureValue(.invalid, "the request holds what HTTP does not allow")
        }
        rekey_easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, request.connectTimeout.milliseconds))
        rekey_easy_set_long(easy, CURLOPT_TIMEOUT_MS, request.totalTimeout.map { max(1, $0.milliseconds) } ?? 0)
        return nil
    }

    private func setAddress(_ request: HTTPRequest) -> Bool {
        if let address, request.query.isEmpty, address == (request.scheme, request.authority, request.path) {
            return true
        }
        address = nil
        guard let url = request.url else { return false }
        rekey_easy_set_pointer(easy, CURLOPT_URL, url)
        if request.query.isEmpty { address = (request.scheme, request.authority, request.path) }
        return true
    }

    private func setHeaders(_ request: HTTPRequest) -> Bool {
        // Without an empty Expect, libcurl waits up to a second before it sends a large body.
        guard addHeader("Host", ": ", request.authority), addHeader("Expect", ":", "") else { return false }
        var hasType = false
        for (name, value) in request.headers {
            guard HTTPRequest.isToken(name), HTTPRequest.isHeaderValue(value) else { return false }
            hasType = hasType || name.isEqualIgnoringCase("Content-Type")
            // An empty value is written with a semicolon: a colon would take the header away.
            guard addHeader(name, value.isEmpty ? ";" : ": ", value) else { return false }
        }
        if !hasType, !addHeader("Content-Type", ":", "") { return false }
        rekey_easy_set_pointer(easy, CURLOPT_HTTPHEADER, headerList)
        return true
    }

    private func addHeader(_ name: String, _ separator: StaticString, _ value: String) -> Bool {
        line.removeAll()
        var (name, value) = (name, value)
        name.withUTF8 { line.append(UnsafeRawBufferPointer($0)) }
        line.append(separator)
        value.withUTF8 { line.append(UnsafeRawBufferPointer($0)) }
        line.append(0)
        let text = UnsafeRawPointer(line.base).assumingMemoryBound(to: CChar.self)
        guard let longer = curl_slist_append(headerList, text) else { return false }
        headerList = longer
        return true
    }

    private func setMethod(_ request: HTTPRequest) -> Bool {
        guard HTTPRequest.isToken(request.method) else { return false }
        rekey_easy_set_pointer(easy, CURLOPT_CUSTOMREQUEST, nil)
        rekey_easy_set_long(easy, CURLOPT_NOBODY, 0)
        if request.body.isEmpty, request.method == "GET" || request.method == "DELETE" {
            rekey_easy_set_long(easy, CURLOPT_HTTPGET, 1)
        } else if request.method == "HEAD" {
            rekey_easy_set_long(easy, CURLOPT_NOBODY, 1)
            return request.body.isEmpty
        } else {
            rekey_easy_set_long(easy, CURLOPT_POST, 1)
            rekey_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
            if request.body.count <= Self.copiedBodyLimit {
                // A null pointer would ask for the read callback.
                request.body.withUnsafeBytes {
                    _ = rekey_easy_set_pointer(
                        easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? UnsafeRawPointer(errorText))
                }
            } else {
                rekey_easy_set_pointer(easy, CURLOPT_POSTFIELDS, nil)
            }
        }
        if request.method != "GET", request.method != "POST" {
            rekey_easy_set_pointer(easy, CURLOPT_CUSTOMREQUEST, request.method)
        }
        return true
    }

    /// Lets go of the transfer; connection and constant settings stay.
    func clear() {
        transfer = nil
        rekey_easy_set_pointer(easy, CURLOPT_HTTPHEADER, nil)
        rekey_easy_set_pointer(easy, CURLOPT_POSTFIELDS, nil)
        curl_slist_free_all(headerList)
        headerList = nil
        errorText.pointee = 0
        sent = 0
        head.removeAll(keepingCapacity: true)
        body = []
        isTooLarge = false
        isHeadWhole = false
        lastCount = 0
    }

    // MARK: Progress and end

    /// Whether nothing has moved for the request's stall time; to be asked now and then.
    func isStalled(_ now: Int) -> Bool {
        guard let request = transfer?.request else { return false }
        var connected: curl_off_t = 0
        var up: curl_off_t = 0
        var down: curl_off_t = 0
        rekey_easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &connected)
        rekey_easy_get_offset(easy, CURLINFO_SIZE_UPLOAD_T, &up)
        rekey_easy_get_offset(easy, CURLINFO_SIZE_DOWNLOAD_T, &down)
        let count = up + down + curl_off_t(head.count)
        // Until it is connected, the time-out for connecting runs.
        if connected == 0 || count != lastCount {
            lastCount = count
            lastMove = now
        }
        return now - lastMove >= request.stallTimeout.milliseconds
    }

    /// What the transfer came to.
    fileprivate func result(_ code: CURLcode) -> Result<HTTPResponse, TransportError> {
        guard code == CURLE_OK else { return failure(kind(of: code), text(of: code)) }
        // libcurl takes an answer that ends inside its head for a whole one without a body.
        guard isHeadWhole else { return failure(.cut, "the connection was closed inside the head of the answer") }
        var status = 0
        rekey_easy_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return .success(HTTPResponse(status: status, head: head, body: body))
    }

    func failure(_ kind: TransportError.Kind, _ message: String) -> Result<HTTPResponse, TransportError> {
        .failure(failureValue(kind, message))
    }

    private func failureValue(_ kind: TransportError.Kind, _ message: String) -> TransportError {
        TransportError(kind, "\(transfer?.request.authority ?? ""): \(message)")
    }

    private func text(of code: CURLcode) -> String {
        if isTooLarge { return "the answer is larger than \(transfer?.request.responseLimit ?? 0) bytes" }
        return errorText.pointee == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: errorText)
    }

    private func kind(of code: CURLcode) -> TransportError.Kind {
        switch code {
        case CURLE_WRITE_ERROR where isTooLarge: return .tooLarge
        case CURLE_OPERATION_TIMEDOUT:
            var connected: curl_off_t = 0
            rekey_easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &connected)
            return connected == 0 ? .unreachable : .timedOut
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
            CURLE_PROXY, CURLE_INTERFACE_FAILED:
            return .unreachable
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return .untrusted
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION,
            CURLE_NOT_BUILT_IN, CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT:
            return .invalid
        default: return .cut
        }
    }

    // MARK: Callbacks

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let request = transfer?.request, body.count + bytes.count <= request.responseLimit else {
            isTooLarge = true
            return 0
        }
        if body.isEmpty {
            var length: curl_off_t = 0
            rekey_easy_get_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length)
            if length > request.responseLimit {
                isTooLarge = true
                return 0
            }
            body.reserveCapacity(max(Int(length), bytes.count))
        }
        body.append(contentsOf: bytes)
        return bytes.count
    }

    private func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        // A new status line begins a new head: the one before was of "100 Continue".
        if bytes.starts(with: "HTTP/".utf8) {
            head.removeAll(keepingCapacity: true)
            isHeadWhole = false
        }
        guard head.count + bytes.count <= Self.headLimit else {
            isTooLarge = true
            return 0
        }
        if bytes.elementsEqual("\r\n".utf8) || bytes.elementsEqual("\n".utf8) { isHeadWhole = true }
        head.append(contentsOf: bytes)
        return bytes.count
    }

    private func provide(_ space: UnsafeMutableRawBufferPointer) -> Int {
        guard let request = transfer?.request else { return Int(CURL_READFUNC_ABORT) }
        let count = min(space.count, request.body.count - sent)
        request.body.withUnsafeBytes {
            space.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<sent + count]))
        }
        sent += count
        return count
    }
}
