/// The quick way through items as AWS and rekey write them: no white space, names without escapes.
///
/// It accepts only what the careful way accepts, and notes the same; whatever it does not know at once, faults among it, it leaves to
/// the careful way by answering -1.
extension ValueScanner {
    /// Scans an item whose opening brace is at `start` and makes slots of its attributes; where it ends, or -1.
    mutating func compactItem(_ text: UnsafeRawBufferPointer, at start: Int) -> Int {
        let end = notes.scan(text, at: start)
        guard end > 0, !notes.hasUnchecked || checkNotes(text) else { return -1 }
        slotCount = 0
        let noted = notes.view
        var index = 0
        while index < noted.count {
            let note = noted[index]
            add(note.slot)
            index = note.next
        }
        return end
    }

    /// Checks what the pass left to be checked.
    @inline(never)
    private mutating func checkNotes(_ text: UnsafeRawBufferPointer) -> Bool {
        names.reset()
        let noted = notes.view
        for index in 0..<noted.count where noted[index].isUnchecked {
            let note = noted[index]
            let content = noted.base + note.content
            let count = note.contentEnd &- note.content
            switch note.type {
            case .number: guard (try? DecimalNumber(content, count: count)) != nil else { return false }
            case .binary: guard isBase64(content, count: count) else { return false }
            default:
                cursor = Cursor(text, at: note.content)
                guard (try? set(note.type)) != nil, cursor.position == note.contentEnd else { return false }
            }
        }
        return true
    }
}
