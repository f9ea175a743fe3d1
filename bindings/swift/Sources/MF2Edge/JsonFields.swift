import Foundation

/// A JSON value and its place in the file, read strictly: what is ill-typed throws `JsonError`.
struct Json {
    let value: JsonValue
    let place: String

    func text(least: Int = 0, pattern: String? = nil) throws -> String {
        guard case .text(let text) = value else { throw refusal("expected a string") }
        if text.unicodeScalars.count < least { throw refusal("expected a text that is not empty") }
        if let wanted = pattern {
            let found: Range<String.Index>? = text.range(of: wanted, options: .regularExpression)
            let all: Range<String.Index> = text.startIndex..<text.endIndex
            if found != all { throw refusal("expected \(wanted)") }
        }
        return text
    }

    /// A whole number; those beyond 2 ** 53 are refused, up to where a double is exact.
    func whole(least: Int? = nil, above: Int? = nil, most: Int? = nil) throws -> Int {
        guard case .whole(let number) = value else { throw refusal("expected a whole number") }
        let exact: Int = 1 << 53
        if number < -exact || number > exact { throw refusal("whole number too large") }
        if let bound = least, number < bound { throw refusal("number out of its range") }
        if let bound = above, number <= bound { throw refusal("number out of its range") }
        if let bound = most, number > bound { throw refusal("number out of its range") }
        return number
    }

    func number(least: Double? = nil, above: Double? = nil, most: Double? = nil) throws -> Double {
        let number: Double
        switch value {
        case .whole(let found): number = Double(found)
        case .number(let found): number = found
        default: throw refusal("expected a number")
        }
        if !number.isFinite { throw refusal("expected a finite number") }
        if let bound = least, number < bound { throw refusal("number out of its range") }
        if let bound = above, number <= bound { throw refusal("number out of its range") }
        if let bound = most, number > bound { throw refusal("number out of its range") }
        return number
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ kind: Choice.Type) throws -> Choice
    where Choice.RawValue == String {
        if case .text(let word) = value, let found = Choice(rawValue: word) { return found }
        let known: [String] = kind.allCases.map { $0.rawValue }
        throw refusal("expected one of \(known.joined(separator: ", "))")
    }

    func read<Part>(_ read: (Json) throws -> Part) throws -> Part {
        return try read(self)
    }

    func orNil<Part>(_ read: (Json) throws -> Part) throws -> Part? {
        if case .null = value { return nil }
        return try read(self)
    }

    func list<Part>(length: Int? = nil, _ read: (Json) throws -> Part) throws -> [Part] {
        guard case .list(let items) = value else { throw refusal("expected a list") }
        if let expected = length, items.count != expected {
            throw refusal("expected a list of \(expected)")
        }
        var made: [Part] = []
        for (i, item) in items.enumerated() {
            made.append(try read(Json(value: item, place: "\(place)[\(i)]")))
        }
        return made
    }

    func members<Part>(_ read: (Json) throws -> Part) throws -> OrderedMap<Part> {
        guard case .object(let parts) = value else { throw refusal("expected an object") }
        var made = OrderedMap<Part>()
        for (key, part) in parts {
            made[key] = try read(Json(value: part, place: "\(place).\(key)"))
        }
        return made
    }

    func fields() throws -> Fields {
        guard case .object(let parts) = value else { throw refusal("expected an object") }
        return Fields(self, parts)
    }

    func refusal(_ what: String) -> JsonError {
        return JsonError(message: "\(what) - at `\(place)`")
    }
}

/// The keys of one object; `close` refuses those that nobody asked for.
final class Fields {
    private let json: Json
    private let parts: OrderedMap<JsonValue>
    private var known: Set<String> = []

    init(_ json: Json, _ parts: OrderedMap<JsonValue>) {
        self.json = json
        self.parts = parts
    }

    func required(_ key: String) throws -> Json {
        guard let found = optional(key) else { throw json.refusal("missing key `\(key)`; add it") }
        return found
    }

    func optional(_ key: String) -> Json? {
        known.insert(key)
        guard let part = parts[key] else { return nil }
        return Json(value: part, place: "\(json.place).\(key)")
    }

    func close() throws {
        for key in parts.keys where !known.contains(key) {
            throw json.refusal("unknown key `\(key)`; remove it or correct its spelling")
        }
    }
}
