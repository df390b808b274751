import ByteStreams
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct FileIdentityTests {
    /// Whether an output of one name would overwrite an input of another, and whether two outputs of these names are one.
    private func compare(_ one: String, _ other: String) -> (overwrites: Bool, isSameOutput: Bool) {
        let output = FileIdentity(ofOutput: one)
        let isSame = output.isSameOutput(as: FileIdentity(ofOutput: other))
        #expect(FileIdentity(ofOutput: other).isSameOutput(as: output) == isSame)
        return (output.overwrites(FileIdentity(ofInput: other)), isSame)
    }

    @Test func spellingsOfOneFile() throws {
        try withTemporaryDirectory { directory in
            try put([1], at: "\(directory)/a")
            try put([1], at: "\(directory)/b")
            #expect(mkdir("\(directory)/sub", 0o700) == 0)
            #expect(symlink(directory, "\(directory)/here") == 0)
            for same in ["a", "./a", "sub/../a", "here/a", "here/here//a"] {
                let found = compare("\(directory)/a", "\(directory)/\(same)")
                #expect(found.overwrites && found.isSameOutput, "\(same)")
            }
            for other in ["b", "sub/a", "here", "none/a"] {
                let found = compare("\(directory)/a", "\(directory)/\(other)")
                #expect(!found.overwrites && !found.isSameOutput, "\(other)")
            }
            // What is not there yet.
            #expect(compare("\(directory)/new", "\(directory)/here/new") == (true, true))
            #expect(compare("\(directory)/new", "\(directory)/sub/new") == (false, false))
        }
    }

    @Test func links() throws {
        try withTemporaryDirectory { directory in
            let (file, hard, soft, second) = (
                "\(directory)/file", "\(directory)/hard", "\(directory)/soft", "\(directory)/second"
            )
            try put([1], at: file)
            #expect(link(file, hard) == 0 && symlink(file, soft) == 0 && symlink(file, second) == 0)
            #expect(compare(file, hard) == (true, true))
            #expect(compare(file, soft) == (true, false))
            // Each output replaces its own link.
            #expect(compare(soft, second) == (true, false))
            #expect(compare(soft, soft) == (true, true))
        }
    }

    @Test func whatIsNoFile() throws {
        try withTemporaryDirectory { directory in
            #expect(mkfifo("\(directory)/fifo", 0o600) == 0)
            for path in ["/dev/null", "\(directory)/fifo"] { #expect(compare(path, path) == (false, false)) }
        }
    }

    @Test func descriptors() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/file"
            let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
            try #require(descriptor > 2)
            defer { close(descriptor) }
            let name = "/dev/fd/\(descriptor)"
            #expect(FileIdentity(ofOutput: name).descriptor == descriptor)
            #expect(compare(name, path) == (true, true))
            #expect(compare(path, name) == (true, true))
            #expect(compare(name, "/proc/self/fd/\(descriptor)") == (true, true))
            #expect(compare(name, "\(directory)/other") == (false, false))
            #expect(compare("-", "/dev/stdout").isSameOutput)
            #expect(FileIdentity(ofInput: "-").descriptor == 0 && FileIdentity(ofOutput: "-").descriptor == 1)
            for path in ["/dev/fd/", "/dev/fd/x", "/dev/fd/01", "/dev/fd/-1", "/dev/fd/99999999999", "/dev/fd/1/x"] {
                #expect(namedDescriptor(path) == nil, "\(path)")
            }
        }
    }

    @Test func namesBelowADirectory() throws {
        try withTemporaryDirectory { directory in
            #expect(mkdir("\(directory)/a", 0o700) == 0 && mkdir("\(directory)/ab", 0o700) == 0)
            let file = FileIdentity(ofOutput: "\(directory)/ab/../a/new")
            #expect(file.names(below: "\(directory)/a/") == ["new"])
            #expect(file.names(below: directory) == ["a", "new"])
            #expect(file.names(below: "\(directory)/ab") == nil)
            #expect(FileIdentity(ofOutput: "\(directory)/ab/x").names(below: "\(directory)/a") == nil)
        }
    }

    /// Writing and reading go on where the descriptor stands; opening its path would begin at the start.
    @Test func aNamedDescriptorKeepsItsPlace() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/file"
            let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
            try #require(descriptor > 2)
            defer { close(descriptor) }
            #expect(write(descriptor, "head ", 5) == 5)
            let sink = try openSink("/dev/fd/\(descriptor)")
            try sink.write(utf8: "middle ")
            try sink.finish()
            #expect(write(descriptor, "tail", 4) == 4)
            #expect(try get(path) == Array("head middle tail".utf8))
            #expect(lseek(descriptor, 5, SEEK_SET) == 5)
            #expect(try readWhole("/dev/fd/\(descriptor)", limit: 100) == Array("middle tail".utf8))

            let reading = open(path, O_RDONLY)
            defer { close(reading) }
            let name = "/dev/fd/\(reading)"
            #expect(
                failure { try openSink(name) }
                    == RekeyError(
                        .cannotCreate, "descriptor \(reading) is open for reading, not for writing", source: name))
            #expect(
                failure { try openSource("/dev/fd/9999") }
                    == RekeyError(
                        .inputMissing, "descriptor 9999 is not open; check the number", source: "/dev/fd/9999"))
        }
    }
}
