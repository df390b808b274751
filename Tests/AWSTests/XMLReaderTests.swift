import AWS
import ByteStreams
import Testing

@Suite struct XMLReaderTests {
    private func parse(_ text: String) throws(RekeyError) -> XMLElement {
        try XMLElement.parse(Array(text.utf8), source: "sts.us-east-1.amazonaws.com")
    }

    @Test func elementsTextAndEntities() throws {
        let root = try parse(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- an answer -->
            <s3:List xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/" a='&lt;'>
              <Key> a &amp; b&#x20;&#233;&#13;\r\n</Key>
              <Key><![CDATA[<&>]]>!</Key>
              <Empty/><Next></Next >
            </s3:List>

            """)
        #expect(root.name == "List")
        #expect(root.text.isEmpty)
        #expect(root.all("Key").map(\.text) == [" a & b é\r\n", "<&>!"])
        #expect(root["Key"]?.text == " a & b é\r\n")
        #expect(root["Empty"] == XMLElement(name: "Empty") && root["Next"]?.text == "")
        #expect(root["Missing"] == nil && root.children.count == 4)
    }

    @Test func whiteSpaceIsTextWhereItIsAlone() throws {
        #expect(try parse("<Delimiter> </Delimiter>").text == " ")
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>text", "<a b></a>", "<a b=c></a>", "<a b='c></a>",
        "<a>&nbsp;</a>", "<a>& </a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#+65;</a>", "<a>\u{1}</a>", "<1/>", "<a",
        "<!DOCTYPE a [<!ENTITY e 'e'>]><a>&e;</a>", "<a><!-- </a>", "<a><![CDATA[ </a>", "<html><br></html>",
        "<a b='1'c='2'/>",
    ])
    func whatIsNotXMLIsRefused(text: String) throws {
        let error = #expect(throws: RekeyError.self) { try parse(text) }
        #expect(error?.code == .serviceGaveUp && error?.byte != nil)
    }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        }
        #expect(try parse(nested(64)).children.count == 1)
        #expect(throws: RekeyError.self) { try parse(nested(65)) }
    }

    @Test func textThatIsNotUTF8IsRefused() {
        let bytes = Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)
        #expect(throws: RekeyError.self) { try XMLElement.parse(bytes, source: "s3") }
    }
}
