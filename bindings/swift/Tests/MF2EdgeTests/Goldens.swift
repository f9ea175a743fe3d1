import Foundation
import XCTest

@testable import MF2Edge

/// Files of `python -m bindings.swift.fixtures`, which runs before these tests.
private let folder: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent()
    .appendingPathComponent("../Fixtures")
    .standardized

/// The bundle that ships with the repository.
let shippedBundle: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent()
    .appendingPathComponent("../../../../mf2_edge/bundles/mf2-edge-base")
    .standardized

/// Some numbers and how they are arranged.
struct Golden {
    let shape: [Int]
    let numbers: [Double]

    /// Numbers of a row, the first index.
    func row(_ i: Int) -> [Double] {
        let width: Int = numbers.count / shape[0]
        return Array(numbers[(i * width)..<((i + 1) * width)])
    }

    var bytes: [UInt8] { return numbers.map { UInt8($0) } }
}

func fixture(_ name: String) throws -> [UInt8] {
    return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
}

/// The arrays of goldens.bin by name.
func goldens() throws -> [String: Golden] {
    let data: [UInt8] = try fixture("goldens.bin")
    let contents = Json(value: try parseJson(try fixture("goldens.json")), place: "$")
    var found: [String: Golden] = [:]
    guard case .object(let parts) = contents.value else { throw JsonError(message: "no object") }
    for (name, value) in parts {
        let fields: Fields = try Json(value: value, place: name).fields()
        let shape: [Int] = try fields.required("shape").list { try $0.whole() }
        let kind: String = try fields.required("kind").text()
        let at: Int = try fields.required("at").whole()
        let count: Int = shape.reduce(1, *)
        found[name] = Golden(shape: shape, numbers: read(data, kind, at, count))
    }
    return found
}

private func read(_ data: [UInt8], _ kind: String, _ at: Int, _ count: Int) -> [Double] {
    var numbers: [Double] = []
    numbers.reserveCapacity(count)
    for i in 0..<count {
        switch kind {
        case "u8": numbers.append(Double(data[at + i]))
        case "f32": numbers.append(Double(Float(bitPattern: UInt32(word(data, at + 4 * i, 4)))))
        default: numbers.append(Double(bitPattern: word(data, at + 8 * i, 8)))
        }
    }
    return numbers
}

/// A little-endian number of some bytes.
private func word(_ data: [UInt8], _ at: Int, _ size: Int) -> UInt64 {
    var made: UInt64 = 0
    for i in 0..<size {
        made |= UInt64(data[at + i]) << UInt64(8 * i)
    }
    return made
}

/// The largest difference of two rows of numbers; infinite where their counts differ or one is NaN.
func largestDifference(_ found: [Double], _ recorded: [Double]) -> Double {
    if found.count != recorded.count { return Double.infinity }
    var largest: Double = 0
    for (ours, theirs) in zip(found, recorded) {
        let difference: Double = abs(ours - theirs)
        if !(difference <= largest) { largest = difference.isNaN ? Double.infinity : difference }
    }
    return largest
}

func shippedSpec() throws -> ModelSpec {
    return try ModelBundle(folder: shippedBundle).spec
}

/// Labels of the Action Units that an analyzer of the shipped bundle tells.
func shownUnits() throws -> [String] {
    let spec: ModelSpec = try shippedSpec()
    return spec.head(.actionUnits).labels.filter { !spec.experimental.contains($0) }
}
