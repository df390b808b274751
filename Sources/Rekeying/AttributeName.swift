/// An attribute's name. Two are equal where their UTF-8 bytes are, as in DynamoDB; `String` takes é and e with a combining accent for
/// the same.
package struct AttributeName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package static func == (a: AttributeName, b: AttributeName) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
