package import Tables

extension TableDescription {
    /// Of an embedded table its name alone says which it is.
    private var isLive: Bool { !arn.hasPrefix("arn:rekey:") }

    /// Its name, and of a live table in which account and region it is: another one may have a table of the same name.
    package var place: String { isLive ? "\(name) (account \(account), \(region))" : name }
}

extension Message {
    /// The line of a heading that says which table it is.
    static func table(_ description: TableDescription) -> Message { Message("Table: \(description.place)") }
}
