import ByteStreams
import Foundation
import Items
import Snapshots
import TestSupport
import Testing

@Suite struct PlainBackupTests {
    private func export(_ items: [String], isLossy: Bool = false) throws -> String {
        try withTemporaryDirectory { directory in
            try writeSnapshot(items, to: "\(directory)/s", dataFileSize: 500)
            let sink = MemorySink()
            let count = try exportBoto3(Export.open("\(directory)/s"), noun: "plan", isLossy: isLossy, to: sink)
            #expect(count == items.count)
            return String(decoding: sink.bytes, as: UTF8.self)
        }
    }

    private func read(_ text: String, form: PlainBackupForm = PlainBackupForm()) throws -> [String] {
        try withTemporaryDirectory { directory in
            try write(text, to: "\(directory)/plan_backup.json")
            return try readPlainBackup("\(directory)/plan_backup.json", form: form).map {
                String(decoding: $0.json, as: UTF8.self)
            }
        }
    }

    private func item(_ attribute: String) -> String {
        "{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"},\"x\":\(attribute)}"
    }

    @Test func plainValuesKeepTheirTextAndOrder() throws {
        let text = try export([
            "{\"PK\":{\"S\":\"PLAN#1\"},\"SK\":{\"S\":\"META\"},\"n\":{\"N\":\"12345678901234567890123456789012345678\"},"
                + "\"f\":{\"N\":\"1.50\"},\"e\":{\"N\":\"1E+2\"},\"b\":{\"BOOL\":false},\"z\":{\"NULL\":true},"
                + "\"s\":{\"S\":\"\\u00e9\\n\\\"\"},\"l\":{\"L\":[{\"N\":\"1\"},{\"M\":{\"N\":{\"S\":\"\"}}}]},\"m\":{\"M\":{}}}"
        ])
        #expect(
            text
                == "{\"plans\":[\n{\"PK\":\"PLAN#1\",\"SK\":\"META\",\"n\":12345678901234567890123456789012345678,\"f\":1.50,"
                + "\"e\":1E+2,\"b\":false,\"z\":null,\"s\":\"é\\n\\\"\",\"l\":[1,{\"N\":\"\"}],\"m\":{}}\n]}\n")
        #expect(try export([]) == "{\"plans\":[\n]}\n")
    }

    @Test func numbersThatJSONCannotWriteStandAsStored() throws {
        for (written, stored) in [
            ("+5", "5"), (".5", "0.5"), ("5.", "5"), ("007", "7"), ("-0.0", "-0.0"), ("\\u0031", "1"),
        ] {
            #expect(try export([item("{\"N\":\"\(written)\"}")]).contains("\"x\":\(stored)}"), "\(written)")
        }
    }

    @Test func binariesAndSetsAreRefusedUnlessLossAllowed() throws {
        for (value, plain) in [
            ("{\"B\":\"AQID\"}", "\"AQID\""), ("{\"SS\":[\"b\",\"a\"]}", "[\"b\",\"a\"]"),
            ("{\"NS\":[\"1.0\"]}", "[1.0]"),
            ("{\"BS\":[\"AQ==\"]}", "[\"AQ==\"]"),
        ] {
            let nested = item("{\"M\":{\"y\":{\"L\":[\(value)]}}}")
            let error = expectedError { _ = try export([nested]) }
            #expect(error?.code == .badInput)
            #expect(error?.message.contains("a / b") == true)
            #expect(error?.message.contains("x.y[0]") == true)
            #expect(try export([nested], isLossy: true).contains("\"x\":{\"y\":[\(plain)]}"))
        }
    }

    @Test func aBackupReadsBackEqual() throws {
        let items = planItems(20)
        let back = try read(export(items)).map { Item(trusted: Array($0.utf8)).canonical() }
        #expect(Set(back) == Set(items.map { Item(trusted: Array($0.utf8)).canonical() }))
    }

    /// What the guide's script does: python's json, then the same values written again.
    @Test func pythonReadsTheNumbersExactly() throws {
        guard output(of: "python3", ["-c", "pass"]) != nil else { return }
        try withTemporaryDirectory { directory in
            let plain = try export(planItems(20))
            try write(plain, to: "\(directory)/in.json")
            let script = """
                import json, sys
                from decimal import Decimal
                plans = json.load(open(sys.argv[1]), parse_float=Decimal)["plans"]
                assert len(plans) == 20 and {p["price"] for p in plans} == {Decimal(str(i) + ".50") for i in range(20)}
                assert all(type(p["big"]) is int and len(str(p["big"])) == 38 for p in plans)
                whole = [{k: v for k, v in p.items() if k not in ("price", "list")} for p in plans]
                print(json.dumps({"plans": whole}, indent=2))
                """
            let printed = try #require(output(of: "python3", ["-c", script, "\(directory)/in.json"]))
            #expect(try read(printed).count == 20)
        }
    }

    @Test func theArrayIsFoundWhereverItStands() throws {
        let typed = ["{\"PK\":{\"S\":\"a\"},\"n\":{\"N\":\"1.0\"},\"l\":{\"L\":[{\"BOOL\":true},{\"NULL\":true}]}}"]
        let plain = "{\"PK\":\"a\",\"n\":1.0,\"l\":[true,null]}"
        let known = PlainBackupForm(noun: "user", keyNames: ["PK"])
        for form in [PlainBackupForm(), known] {
            #expect(try read("[\(plain)]", form: form) == typed)
            #expect(try read(" {\"plans\": [\(plain)]} ", form: form) == typed)
            let notes = "{\"at\":\"x\",\"meta\":{\"a\":[1],\"PK\":1},\"items\":[\(plain)],\"n\":1}"
            #expect(try read(notes, form: form) == typed)
            #expect(try read("{\"plans\":[]}", form: form) == [])
        }
        #expect(try read("{\"users\":[\(plain)]}", form: known) == typed)
    }

    /// An array that nothing names as the items is never taken for them.
    @Test func noOtherArrayIsTaken() throws {
        let plain = "{\"PK\":\"a\",\"SK\":\"b\"}"
        let form = PlainBackupForm(noun: "plan", keyNames: ["PK", "SK"])
        for (text, words) in [
            ("{\"users\":[\(plain)]}", "the array users;"),
            ("{\"meta\":{},\"tags\":[],\"plans\":[\(plain)]}", "the arrays tags, plans;"),
            ("{\"plans\":[\(plain)],\"items\":[\(plain)]}", "the arrays plans, items;"),
            ("{\"PK\":\"o\",\"SK\":\"m\",\"items\":[\(plain)]}", "the key attribute PK"),
            ("{\"items\":[\(plain)],\"SK\":\"m\"}", "the key attribute SK"),
            ("{\"Items\":[{\"PK\":{\"S\":\"a\"}}],\"Count\":1}", "the array Items;"),
            ("{\"plans\":[{\"PK\":{\"S\":\"a\"},\"SK\":{\"S\":\"b\"}}]}", "as in typed JSON"),
            ("{\"plans\":[\(plain),{\"PK\":\"a\"}]}", "item 2: the item has no key attribute SK"),
            ("{\"plans\":{\"1\":\(plain)},\"n\":1}", "no array in it but the members plans, n;"),
            ("{}", "nothing in it;"), ("\"plans\"", "no JSON object"), ("\(plain)\n\(plain)\n", "the key attribute PK"),
            ("{\"plans\":[\(plain)]}\n{\"plans\":[\(plain)]}", "more stands behind"),
        ] {
            let error = expectedError { _ = try read(text, form: form) }
            #expect(error?.code == .badInput, "\(text)")
            #expect(error?.message.contains(words) == true, "\(text): \(error?.message ?? "")")
        }
    }

    /// What is handed to the reader of backups, and what to that of lines.
    @Test func aDocumentIsToldFromLinesByItsBeginning() throws {
        let blank = String(repeating: " \n", count: 100_000)
        for text in [
            "[", "{\"plans\":[", "{ \"at\" : \"x\"", "{\"n\":1,", "{\"meta\":{\"a\":", "{\"meta\":{}",
            "{\"a\\\"b:{\":[", "{\"PK\":\"A\"",
        ] {
            for text in [text, blank + text] {
                #expect(try isPlainDocument(MemorySource(Array(text.utf8))), "\(text.suffix(20))")
            }
        }
        let long = String(repeating: "n", count: 70_000)
        for text in [
            "", "x", "{", "{}", "{\"PK\"", "{\"Item\":{", "{\"Item\":{\"x\":", "{\"Item\":{}", "{\"Keys\":{\"PK\":",
            "{\"PutRequest\":{\"Item\":", "{\"Rekey\":{\"Seal\":", "{\"PK\":{\"S\":\"a\"}", "{\"a:[\":{\"BOOL\":true}",
            "{\"[\" : {\"M\":{}}",
            "{\"\(long)\":{\"NS\":", "{\"a\\\":{\":{\"L\":[",
        ] {
            for text in [text, blank + text] {
                #expect(try !isPlainDocument(MemorySource(Array(text.utf8))), "\(text.suffix(20))")
            }
        }
    }

    @Test func whatIsNoPlainBackupIsRefused() throws {
        for bad in [
            "", "{}", "{\"a\":1}", "{\"a\":[],\"b\":[]}", "[1]", "[[]]", "[{\"a\":1,\"a\":2}]", "{\"p\":[],\"p\":[]}",
            "[{\"a\":NaN}]", "[{\"a\":1e999}]", "[{\"a\":1}", "[{\"a\":1}] x", "[{\"a\":01}]", "[{\"\":1}]",
            "[{\"a\":'x'}]",
            "[{\"a\":\"\\ud800\"}]", "[{\"a\":123456789012345678901234567890123456789}]", "[{\"a\":1},]", "null",
        ] {
            #expect(expectedError { _ = try read(bad) }?.code == .badInput, "\(bad)")
        }
        try withTemporaryDirectory { directory in
            try write(Array("[{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}]".utf8), to: "\(directory)/x.json")
            #expect(expectedError { _ = try readPlainBackup("\(directory)/x.json") }?.code == .badInput)
            #expect(expectedError { _ = try readPlainBackup("\(directory)/none.json") }?.code == .inputMissing)
        }
    }
}
