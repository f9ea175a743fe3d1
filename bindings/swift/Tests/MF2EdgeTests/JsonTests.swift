import Foundation
import XCTest

@testable import MF2Edge

/// A strict reader: what is no JSON is a typed error, and never a crash.
final class JsonTests: XCTestCase {
    private func parse(_ text: String) throws -> JsonValue {
        return try parseJson(Array(text.utf8))
    }

    func testValues() throws {
        XCTAssertEqual(try parse(" [1, -2.5e1, true, null, \"a\"] "), .list([
            .whole(1), .number(-25), .bool(true), .null, .text("a"),
        ]))
        XCTAssertEqual(try parse("\"\\u00e9\\ud83d\\ude00\\n\""), .text("é😀\n"))
        XCTAssertEqual(try parse("99999999999999999999"), .number(1e20))
        guard case .object(let parts) = try parse("{\"b\": 1, \"a\": 2}") else {
            return XCTFail("expected an object")
        }
        XCTAssertEqual(parts.keys, ["b", "a"])
    }

    func testWhatIsNoJson() {
        let bad: [String] = [
            "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":}", "01", "1.", ".5", "+1", "1e", "nul", "truex",
            "\"", "\"\\x\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u12\"", "\"\t\"", "[1] 2", "'a'",
            "NaN", "-", String(repeating: "[", count: 100), "{\"a\":1,}",
            "{\"a\":1,\"b\":{},\"a\":1}", "[{\"a\":1,\"\\u0061\":1}]",
        ]
        for text in bad {
            XCTAssertThrowsError(try parse(text), text) { error in
                XCTAssertTrue(error is JsonError, text)
            }
        }
        XCTAssertThrowsError(try parseJson([0x22, 0xFF, 0x22]))
        XCTAssertThrowsError(try parseJson([0xEF, 0xBB, 0xBF, 0x31]))
    }

    func testMutatedFilesAreTypedErrorsOrSpecs() throws {
        let sound: [UInt8] = try ModelBundleBytes.spec()
        var state: UInt64 = 1
        func draw(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(below))
        }
        for _ in 0..<300 {
            var bytes: [UInt8] = sound
            for _ in 0...draw(3) {
                let at: Int = draw(bytes.count)
                switch draw(3) {
                case 0: bytes[at] = UInt8(draw(256))
                case 1: bytes.remove(at: at)
                default: bytes.insert(UInt8(draw(256)), at: at)
                }
            }
            do {
                _ = try parseModel(bytes, source: "mutated")
            } catch Mf2EdgeError.manifest {
                continue
            } catch {
                XCTFail("\(error)")
            }
        }
    }
}

private enum ModelBundleBytes {
    static func spec() throws -> [UInt8] {
        let file = shippedBundle.appendingPathComponent("model.json")
        return [UInt8](try Data(contentsOf: file))
    }
}
