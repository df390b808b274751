#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What stands in for standard streams that the caller has closed. Else their numbers go to what the program opens next, its own pipes
/// too, which would be read and written then as the user's.
enum StandardStreams {
    /// To be called before anything is opened. Reading a closed standard input fails, as writing to a closed standard output does: no input
    /// is taken for an empty one and no output for written. What goes to a closed standard error is nobody's to hear.
    static func replaceClosed() {
        for (descriptor, mode) in [(Int32(0), O_WRONLY), (1, O_RDONLY), (2, O_WRONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // It gets the lowest number that is free: this one.
            _ = open("/dev/null", mode)
        }
    }
}
