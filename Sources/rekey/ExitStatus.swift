import ByteStreams

/// What each exit status means; the one place that maps errors to statuses.
enum ExitStatus {
    static func of(_ code: RekeyError.Code) -> Int32 {
        switch code {
        case .unexpected: 1
        case .usage: 64
        case .badInput: 65
        case .inputMissing: 66
        case .serviceGaveUp: 69
        case .cannotCreate: 73
        case .inputOutput: 74
        case .stoppedResumable: 75
        case .differences: 76
        case .permission: 77
        case .rulesRefused: 78
        case .preflightRefused: 79
        case .interrupted: 130
        case .brokenPipe: 141
        }
    }

    /// For the end of every help page.
    static let help = """
        Exit status: 0 done · 1 unexpected · 64 usage · 65 bad input · 66 input missing
        69 service gave up · 73 cannot create · 74 I/O · 75 stopped, can be resumed
        76 differences found · 77 credentials or permission · 78 rules refused
        79 preflight refused · 130 interrupted · 141 broken pipe
        """
}
