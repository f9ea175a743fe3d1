import Foundation

/// What is wrong with a JSON text or a value in it. Readers of a file turn it into their own error.
struct JsonError: Error {
    let message: String
}

/// A value of a JSON text (RFC 8259). Numbers with a fraction or an exponent are `number`, and whole
/// ones beyond Int. Of a key that comes twice the last value counts.
indirect enum JsonValue: Equatable {
    case null
    case bool(Bool)
    case text(String)
    case whole(Int)
    case number(Double)
    case list([JsonValue])
    case object(OrderedMap<JsonValue>)
}

/// Strict: no byte order mark, no comments, valid UTF-8 and surrogate pairs, nesting up to 64 levels.
func parseJson(_ bytes: [UInt8]) throws -> JsonValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw JsonError(message: "byte order mark") }
    if String(bytes: bytes, encoding: .utf8) == nil { throw JsonError(message: "not UTF-8") }
    var parser = JsonParser(bytes)
    return try parser.whole()
}

/// Levels of lists and objects; a `model.json` has fewer than ten.
private let deepest: Int = 64

private struct JsonParser {
    private let bytes: [UInt8]
    private var at: Int = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func whole() throws -> JsonValue {
        let found: JsonValue = try value(0)
        space()
        if at < bytes.count { throw failure("trailing characters") }
        return found
    }

    private mutating func value(_ depth: Int) throws -> JsonValue {
        if depth > deepest { throw failure("nested deeper than \(deepest) levels") }
        space()
        switch try peek() {
        case UInt8(ascii: "{"): return try members(depth)
        case UInt8(ascii: "["): return try items(depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func members(_ depth: Int) throws -> JsonValue {
        var made = OrderedMap<JsonValue>()
        at += 1
        if skip(UInt8(ascii: "}")) { return .object(made) }
        repeat {
            space()
            if try peek() != UInt8(ascii: "\"") { throw failure("expected a key") }
            let key: String = try string()
            if !skip(UInt8(ascii: ":")) { throw failure("expected a colon") }
            // A key that is there twice means one thing to one reader and another to the next.
            if made[key] != nil { throw failure("key `\(key)` more than once") }
            made[key] = try value(depth + 1)
        } while skip(UInt8(ascii: ","))
        if !skip(UInt8(ascii: "}")) { throw failure("expected a comma or }") }
        return .object(made)
    }

    private mutating func items(_ depth: Int) throws -> JsonValue {
        var made: [JsonValue] = []
        at += 1
        if skip(UInt8(ascii: "]")) { return .list(made) }
        repeat {
            made.append(try value(depth + 1))
        } while skip(UInt8(ascii: ","))
        if !skip(UInt8(ascii: "]")) { throw failure("expected a comma or ]") }
        return .list(made)
    }

    private mutating func word(_ name: String, _ value: JsonValue) throws -> JsonValue {
        let letters: [UInt8] = Array(name.utf8)
        if !bytes[at...].starts(with: letters) { throw failure("expected \(name)") }
        at += letters.count
        return value
    }

    private mutating func number() throws -> JsonValue {
        let start: Int = at
        if at < bytes.count && bytes[at] == UInt8(ascii: "-") { at += 1 }
        let first: Int = at
        if digits() == 0 { throw failure("expected a value") }
        if bytes[first] == UInt8(ascii: "0") && at > first + 1 {
            throw failure("a number begins with 0")
        }
        var isWhole: Bool = true
        if at < bytes.count && bytes[at] == UInt8(ascii: ".") {
            at += 1
            isWhole = false
            if digits() == 0 { throw failure("expected a digit") }
        }
        if at < bytes.count && (bytes[at] == UInt8(ascii: "e") || bytes[at] == UInt8(ascii: "E")) {
            at += 1
            isWhole = false
            let sign: Bool = at < bytes.count
                && (bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-"))
            if sign { at += 1 }
            if digits() == 0 { throw failure("expected a digit") }
        }
        let text: String = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let whole = Int(text) { return .whole(whole) }
        guard let number = Double(text) else { throw failure("expected a number") }
        return .number(number)
    }

    /// Pass over digits; how many.
    private mutating func digits() -> Int {
        let start: Int = at
        while at < bytes.count && bytes[at] >= UInt8(ascii: "0") && bytes[at] <= UInt8(ascii: "9") {
            at += 1
        }
        return at - start
    }

    private mutating func string() throws -> String {
        var made: [UInt8] = []
        at += 1
        while true {
            let letter: UInt8 = try peek()
            at += 1
            if letter == UInt8(ascii: "\"") { return String(decoding: made, as: UTF8.self) }
            if letter < 0x20 { throw failure("control character in a string") }
            if letter == UInt8(ascii: "\\") {
                made.append(contentsOf: try escaped())
            } else {
                made.append(letter)
            }
        }
    }

    private mutating func escaped() throws -> [UInt8] {
        let letter: UInt8 = try peek()
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try codePoint()
        default: throw failure("unknown escape")
        }
    }

    private mutating func codePoint() throws -> [UInt8] {
        let first: UInt32 = try hexadecimal()
        var code: UInt32 = first
        if first >= 0xD800 && first <= 0xDFFF {
            let pair: Bool = first <= 0xDBFF && bytes[at...].starts(with: Array("\\u".utf8))
            if !pair { throw failure("half a surrogate pair") }
            at += 2
            let second: UInt32 = try hexadecimal()
            if second < 0xDC00 || second > 0xDFFF { throw failure("half a surrogate pair") }
            code = 0x10000 + (first - 0xD800) * 0x400 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws -> UInt32 {
        if at + 4 > bytes.count { throw failure("expected four hexadecimal digits") }
        var code: UInt32 = 0
        for letter in bytes[at..<(at + 4)] {
            switch letter {
            case 0x30...0x39: code = code * 16 + UInt32(letter - 0x30)
            case 0x41...0x46: code = code * 16 + UInt32(letter - 0x41) + 10
            case 0x61...0x66: code = code * 16 + UInt32(letter - 0x61) + 10
            default: throw failure("expected four hexadecimal digits")
            }
        }
        at += 4
        return code
    }

    /// The next letter after white space is passed over, if it is this one.
    private mutating func skip(_ letter: UInt8) -> Bool {
        space()
        if at < bytes.count && bytes[at] == letter {
            at += 1
            return true
        }
        return false
    }

    private mutating func space() {
        while at < bytes.count && [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) {
            at += 1
        }
    }

    private func peek() throws -> UInt8 {
        if at >= bytes.count { throw failure("the text ends early") }
        return bytes[at]
    }

    private func failure(_ what: String) -> JsonError {
        return JsonError(message: "\(what), at byte \(at)")
    }
}
