import ArgumentParser
import ByteStreams
import Migration
import Rekeying

/// `--smoke`, the check of the API behind a table.
struct SmokeArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "GET this address before and after; REKEY_SMOKE_TOKEN is sent as the bearer token.", valueName: "url"))
    var smoke: String?

    /// Asks before anything is written, so that what is found afterwards is the run's doing.
    ///
    /// - Throws: `.preflightRefused` where the API is not well.
    func before(_ printer: EventPrinter) async throws(RekeyError) -> APICheck? {
        guard let check = try check() else { return nil }
        do throws(RekeyError) {
            printer(.information("API check: \(check.address) answers \(try await check.run())"))
        } catch {
            throw RekeyError(
                .preflightRefused, "the API \(error.message) before the run; mend that first, nothing was written",
                source: error.source)
        }
        return check
    }

    /// Asks nothing yet.
    func check() throws(RekeyError) -> APICheck? {
        guard let smoke else { return nil }
        return try APICheck(
            url: smoke, token: Environment.value("REKEY_SMOKE_TOKEN"),
            certificateBundle: Environment.value("AWS_CA_BUNDLE"))
    }

    /// Asks after the run.
    ///
    /// - Parameter way: what to do where it is not well.
    /// - Throws: `.differences`.
    func after(_ check: APICheck?, way: String, _ printer: EventPrinter) async throws(RekeyError) {
        guard let check else { return }
        do throws(RekeyError) {
            printer(.success("✓ API check: \(check.address) answers \(try await check.run())"))
        } catch {
            throw RekeyError(error.code, "the API \(error.message) after the run; \(way)", source: error.source)
        }
    }
}
