import Foundation

@testable import MF2Edge

/// What keeps a replay from being made.
struct ReplayError: Error {
    let message: String
}

/// An array of a `.npy` file, C order, little-endian.
struct Npy {
    let shape: [Int]
    let bytes: [UInt8]
    let numbers: [Double]

    /// Numbers of the part at an index of the first axis.
    func row(_ index: Int) -> [Double] {
        let size: Int = numbers.count / shape[0]
        return Array(numbers[(index * size)..<((index + 1) * size)])
    }

    /// The RGB image at an index of the first axis; of the whole array where it is one image.
    func image(_ index: Int = 0) -> Image {
        let height: Int = shape[shape.count - 3]
        let width: Int = shape[shape.count - 2]
        let size: Int = height * width * 3
        return Image(
            width: width, height: height, rgb: Array(bytes[(index * size)..<((index + 1) * size)])
        )
    }
}

func readNpy(_ file: URL) throws -> Npy {
    let data = [UInt8](try Data(contentsOf: file))
    func refusal(_ why: String) -> ReplayError {
        return ReplayError(message: "\(file.path): \(why)")
    }
    if data.count < 12 || !data.starts(with: [0x93] + Array("NUMPY".utf8)) {
        throw refusal("no .npy file")
    }
    let short: Bool = data[6] == 1
    let length: Int = short
        ? Int(data[8]) | Int(data[9]) << 8 : Int(word(data, 8, 4))
    let begin: Int = short ? 10 : 12
    let header: String = String(decoding: data[begin..<(begin + length)], as: UTF8.self)
    guard header.contains("'fortran_order': False"),
        let kind = between(header, "'descr': '", "'"), let axes = between(header, "'shape': (", ")")
    else { throw refusal("no header of an array in C order: \(header)") }
    let shape: [Int] = axes.split(separator: ",").compactMap {
        Int($0.trimmingCharacters(in: .whitespaces))
    }
    let bytes = Array(data[(begin + length)...])
    let count: Int = shape.reduce(1, *)
    let size: Int = Int(kind.dropFirst(2)) ?? 0
    if bytes.count != count * size { throw refusal("expected \(count) numbers of \(size) bytes") }
    let numbers: [Double] = try (0..<count).map { (i: Int) -> Double in
        let found: UInt64 = word(bytes, i * size, size)
        switch kind.dropFirst() {
        case "u1", "b1": return Double(found)
        case "i4": return Double(Int32(truncatingIfNeeded: found))
        case "i8": return Double(Int64(bitPattern: found))
        case "f4": return Double(Float(bitPattern: UInt32(found)))
        case "f8": return Double(bitPattern: found)
        default: throw refusal("no reader for \(kind)")
        }
    }
    return Npy(shape: shape, bytes: bytes, numbers: numbers)
}

/// A little-endian number of some bytes.
func word(_ data: [UInt8], _ at: Int, _ size: Int) -> UInt64 {
    var made: UInt64 = 0
    for i in 0..<size {
        made |= UInt64(data[at + i]) << UInt64(8 * i)
    }
    return made
}

private func between(_ text: String, _ start: String, _ end: String) -> String? {
    guard let from = text.range(of: start),
        let to = text.range(of: end, range: from.upperBound..<text.endIndex)
    else { return nil }
    return String(text[from.upperBound..<to.lowerBound])
}
