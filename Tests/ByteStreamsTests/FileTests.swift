import ByteStreams
import TestServers
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct FileTests {
    @Test func directoryAppearsOnlyWhenCommitted() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/snapshot"
            let work = try AtomicDirectory(path + "/")
            #expect(work.path == path)
            try makeDirectories("\(work.workPath)/data")
            try put([1], at: "\(work.workPath)/data/00000")
            let during = try names(directory)
            #expect(during.count == 1 && during[0].hasPrefix(".snapshot.partial-\(getpid())-"))
            var status = stat()
            #expect(stat(work.workPath, &status) == 0 && status.st_mode & 0o777 == 0o700)
            try work.commit()
            work.abandon()
            #expect(try names(directory) == ["snapshot"])
            #expect(try get("\(path)/data/00000") == [1])
        }
    }

    /// What a killed process left goes; what a process holds, and what is named otherwise, stays.
    @Test func abandonedWorkOfOthersGoes() throws {
        try withTemporaryDirectory { directory in
            let dead = try endedProcess()
            let left = ".old-name.partial-\(dead)-0a1b"
            let held = ".held.partial-\(dead)-c2"
            let others = [
                ".alive.partial-\(getppid())-1", ".x.partial-\(dead)", ".x.partial-\(dead)-xyz", "x.partial-\(dead)-1",
                ".x.part-\(dead)-1",
            ]
            for name in [left, held] + others {
                try makeDirectories("\(directory)/\(name)/data")
                try put([1], at: "\(directory)/\(name)/data/file")
            }
            let holder = open("\(directory)/\(held)", O_RDONLY | O_CLOEXEC)
            #expect(flock(holder, LOCK_EX) == 0)
            let work = try AtomicDirectory("\(directory)/new")
            try work.commit()
            #expect(try names(directory) == ([held, "new"] + others).sorted())
            close(holder)
            try AtomicDirectory("\(directory)/newer").commit()
            #expect(try names(directory) == (["new", "newer"] + others).sorted())
        }
    }

    /// The same of files: of the output that is written again, and no other.
    @Test func abandonedFilesOfTheSameOutputGo() throws {
        try withTemporaryDirectory { directory in
            let dead = try endedProcess()
            let left = ".out.partial-\(dead)-0a1b"
            let held = ".out.partial-\(dead)-c2"
            let others = [
                ".out.partial-\(getppid())-1", ".out.partial-\(dead)", ".out.partial-\(dead)-xyz",
                "out.partial-\(dead)-1",
                ".out2.partial-\(dead)-1", ".ou.partial-\(dead)-1", ".out.gz.partial-\(dead)-1",
            ]
            for name in [left, held] + others { try put([1], at: "\(directory)/\(name)") }
            try makeDirectories("\(directory)/.out.partial-\(dead)-d")
            let holder = open("\(directory)/\(held)", O_RDONLY | O_CLOEXEC)
            #expect(flock(holder, LOCK_EX) == 0)
            let kept = [".out.partial-\(dead)-d"] + others
            try openSink("\(directory)/out", compression: .none).finish()
            #expect(try names(directory) == ([held, "out"] + kept).sorted())
            close(holder)
            // An unfinished one of this process is in hand.
            let sink = try openSink("\(directory)/out", compression: .none)
            try openSink("\(directory)/out", compression: .none).finish()
            #expect(try names(directory).count == kept.count + 2)
            let work = try #require(try names(directory).first { $0.hasPrefix(".out.partial-\(getpid())-") })
            let other = open("\(directory)/\(work)", O_RDONLY | O_CLOEXEC)
            #expect(flock(other, LOCK_EX | LOCK_NB) != 0)
            close(other)
            sink.abandon()
            #expect(try names(directory) == (["out"] + kept).sorted())
        }
    }

    /// Files that a library makes beside an unfinished one go with it, or when it is gone already; of one that is in hand they stay.
    @Test func abandonedCompanionsGoWithTheirFile() throws {
        try withTemporaryDirectory { directory in
            let dead = try endedProcess()
            let beginning = ".t.db.partial-\(dead)-"
            for name in ["a", "a-wal", "b-shm", "c", "c-wal"] { try put([1], at: "\(directory)/\(beginning)\(name)") }
            try put([1], at: "\(directory)/\(beginning)d-other")
            let holder = try #require(WorkLock("\(directory)/\(beginning)c"))
            let name = try nameOfUnfinished("\(directory)/t.db", suffixes: ["-wal", "-shm"])
            #expect(name.hasPrefix("\(directory)/.t.db.partial-\(getpid())-"))
            #expect(try names(directory) == ["c", "c-wal", "d-other"].map { beginning + $0 })
            withExtendedLifetime(holder) {}
        }
    }

    /// What a kill leaves of a directory that was being removed, the next removal takes away.
    @Test func aDirectoryIsRemovedAsUnfinishedWork() throws {
        try withTemporaryDirectory { directory in
            let dead = try endedProcess()
            for name in [".old.partial-\(dead)-1f", "hidden", "kept"] {
                try makeDirectories("\(directory)/\(name)/data")
                try put([1], at: "\(directory)/\(name)/data/file")
            }
            try removeDirectory("\(directory)/hidden", asWorkOf: "\(directory)/snapshot")
            #expect(try names(directory) == ["kept"])
            #expect(throws: RekeyError.self) {
                try removeDirectory("\(directory)/hidden", asWorkOf: "\(directory)/snapshot")
            }
        }
    }

    @Test func abandonedOrDroppedDirectoryLeavesNothing() throws {
        try withTemporaryDirectory { directory in
            var work: AtomicDirectory? = try AtomicDirectory("\(directory)/a")
            try put([1], at: "\(work!.workPath)/file")
            work?.abandon()
            #expect(try names(directory) == [])
            work = try AtomicDirectory("\(directory)/a")
            try put([1], at: "\(work!.workPath)/file")
            #expect(try names(directory).count == 1)
            work = nil
            #expect(try names(directory) == [])
        }
    }

    @Test func existingDirectoryIsNotReplaced() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            let message = "exists already and is not replaced; choose another name or remove it"
            let expected = RekeyError(.cannotCreate, message, source: path)
            let work = try AtomicDirectory(path)
            try put([1], at: "\(work.workPath)/new")
            // An empty directory, a full one, a file, a dangling link.
            #expect(mkdir(path, 0o700) == 0)
            #expect(failure { try work.commit() } == expected)
            try put([2], at: "\(path)/old")
            #expect(failure { try work.commit() } == expected)
            #expect(failure { try AtomicDirectory(path) } == expected)
            #expect(try names(path) == ["old"])
            try removeTree(path)
            try put([3], at: path)
            #expect(failure { try work.commit() } == expected)
            try removeTree(path)
            #expect(symlink("\(directory)/nowhere", path) == 0)
            #expect(failure { try work.commit() } == expected)
            try removeTree(path)
            try work.commit()
            #expect(try names(path) == ["new"])
            let none = failure { try AtomicDirectory("\(directory)/none/a") }
            #expect(none?.code == .cannotCreate)
        }
    }

    @Test func listingIsSortedByBytes() throws {
        try withTemporaryDirectory { directory in
            for name in ["b", "B", "é", "e\u{301}", "z", ".hidden", "a b"] { try put([], at: "\(directory)/\(name)") }
            #expect(mkdir("\(directory)/dir", 0o700) == 0)
            let found = try listFiles(directory).map { Array($0.utf8) }
            let expected = [".hidden", "B", "a b", "b", "dir", "e\u{301}", "z", "é"].map { Array($0.utf8) }
            #expect(found == expected)
            #expect(failure { try listFiles("\(directory)/none") }?.code == .inputMissing)
            #expect(failure { try listFiles("\(directory)/b") }?.code == .inputMissing)
        }
    }

    @Test func sizesAndKinds() throws {
        try withTemporaryDirectory { directory in
            try put([1, 2, 3], at: "\(directory)/a")
            #expect(symlink("a", "\(directory)/link") == 0)
            #expect(symlink("nowhere", "\(directory)/dangling") == 0)
            #expect(try fileSize("\(directory)/a") == 3)
            #expect(try fileSize("\(directory)/link") == 3)
            #expect(failure { try fileSize("\(directory)/none") }?.code == .inputMissing)
            #expect(isDirectory(directory) && !isDirectory("\(directory)/a") && !isDirectory("\(directory)/none"))
            #expect(fileExists("\(directory)/link") && fileExists(directory))
            #expect(!fileExists("\(directory)/dangling") && !fileExists("\(directory)/none"))
        }
    }

    @Test func directoriesAreMadeOnTheWay() throws {
        try withTemporaryDirectory { directory in
            for _ in 0..<2 { try makeDirectories("\(directory)/a/b//c/", mode: 0o750) }
            var status = stat()
            #expect(stat("\(directory)/a/b/c", &status) == 0 && status.st_mode & 0o777 == 0o750 & ~currentMask())
            try put([], at: "\(directory)/file")
            #expect(failure { try makeDirectories("\(directory)/file/x") }?.code == .cannotCreate)
            #expect(failure { try makeDirectories("\(directory)/file") }?.code == .cannotCreate)
        }
    }

    @Test func treeIsRemovedWithoutFollowingLinks() throws {
        try withTemporaryDirectory { directory in
            try makeDirectories("\(directory)/tree/a/b")
            try makeDirectories("\(directory)/outside")
            try put([1], at: "\(directory)/outside/kept")
            try put([1], at: "\(directory)/tree/a/b/file")
            #expect(symlink("\(directory)/outside", "\(directory)/tree/a/link") == 0)
            // A name that is no UTF-8.
            let name = Array("\(directory)/tree/".utf8CString.dropLast()) + [CChar(bitPattern: 0xff), 0]
            close(open(name, O_CREAT | O_WRONLY, 0o600))
            try removeTree("\(directory)/tree")
            try removeTree("\(directory)/tree")
            #expect(try names(directory) == ["outside"])
            #expect(try names("\(directory)/outside") == ["kept"])
        }
    }

    @Test func parents() {
        let cases = [
            ("a", "."), ("a/", "."), ("a/b", "a"), ("/a", "/"), ("/", "/"), ("a//b//", "a"), ("/a/b/c", "/a/b"),
            (".", "."),
        ]
        for (path, parent) in cases { #expect(parentDirectory(path) == parent, "\(path)") }
    }

    @Test func directoriesAreSynced() throws {
        try withTemporaryDirectory { directory in
            try syncDirectory(directory)
            #expect(failure { try syncDirectory("\(directory)/none") }?.code == .inputOutput)
        }
    }

    /// In a process of its own, for it removes what every sink of the process registered.
    @Test func interruptionRemovesUnfinishedWork() async {
        await #expect(processExitsWith: .success) {
            try withTemporaryDirectory { directory in
                let finished = try openSink("\(directory)/finished")
                try finished.finish()
                let sink = try openSink("\(directory)/file.gz")
                try sink.write(utf8: "partial")
                let work = try AtomicDirectory("\(directory)/tree")
                try put([1], at: "\(work.workPath)/file")
                TemporaryPaths.register("\(directory)/forgotten")
                try put([2], at: "\(directory)/forgotten")
                TemporaryPaths.forget("\(directory)/forgotten")
                try #require(try names(directory).count == 4)
                TemporaryPaths.removeAll()
                try #require(try names(directory) == ["finished", "forgotten"])
                try #require(failure { try sink.finish() } != nil)
                try #require(failure { try work.commit() } != nil)
                try #require(try names(directory) == ["finished", "forgotten"])
            }
        }
    }
}

private func currentMask() -> mode_t {
    let mask = umask(0)
    umask(mask)
    return mask
}
