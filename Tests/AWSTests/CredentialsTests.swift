import AWS
import Testing

@Suite struct CredentialsTests {
    /// However credentials get into a message, the secret and the token do not.
    @Test func descriptionsHoldNoSecret() {
        let credentials = Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "the-secret", sessionToken: "the-token", origin: "environment")
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped, "\([credentials])"] {
            #expect(!text.contains("the-secret") && !text.contains("the-token"), "\(text)")
            #expect(text.contains("environment"), "\(text)")
        }
    }
}
