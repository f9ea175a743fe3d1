/// Values by name, in an order that counts: labels and Action Units in that of the manifest.
public struct OrderedMap<Value>: Sequence {
    /// In order; none comes twice.
    public private(set) var keys: [String] = []
    /// In the order of `keys`.
    public private(set) var values: [Value] = []
    private var places: [String: Int] = [:]

    /// Without any entry.
    public init() {}

    /// Of keys and as many values; of a key that comes twice the last value counts.
    public init(_ keys: [String], _ values: [Value]) {
        for (key, value) in zip(keys, values) {
            self[key] = value
        }
    }

    /// How many entries there are.
    public var count: Int { return keys.count }

    /// The value of a key, nil where there is none. A new key goes to the end; nil changes nothing.
    public subscript(key: String) -> Value? {
        get {
            guard let place = places[key] else { return nil }
            return values[place]
        }
        set {
            guard let value = newValue else { return }
            if let place = places[key] {
                values[place] = value
            } else {
                places[key] = keys.count
                keys.append(key)
                values.append(value)
            }
        }
    }

    /// Keys with their values, in order.
    public func makeIterator() -> AnyIterator<(key: String, value: Value)> {
        var next = 0
        let keys = self.keys
        let values = self.values
        return AnyIterator {
            guard next < keys.count else { return nil }
            let entry = (key: keys[next], value: values[next])
            next += 1
            return entry
        }
    }
}

extension OrderedMap: Equatable where Value: Equatable {
    /// Whether keys, values and their order are the same.
    public static func == (left: OrderedMap<Value>, right: OrderedMap<Value>) -> Bool {
        return left.keys == right.keys && left.values == right.values
    }
}

extension OrderedMap: Sendable where Value: Sendable {}
