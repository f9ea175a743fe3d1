import Foundation

/// Makes the runner of a model's bytes, for the engine of the app.
public typealias LoadModel = (_ name: String, _ model: [UInt8]) throws -> Runner

/// Input sizes whose memory is kept: a stream needs one or two, an album a few.
private let keptSizes: Int = 4

/// YuNet: all faces of a frame in one pass, on frames of any size. One thread at a time.
final class YuNet {
    let spec: YuNetSpec
    private let bytes: [UInt8]
    private let load: LoadModel
    /// Of the last input sizes, the latest last.
    private var runners: [(rows: Int, columns: Int, runner: Runner)] = []

    init(_ spec: YuNetSpec, _ bytes: [UInt8], _ load: @escaping LoadModel) throws {
        for each in spec.sizesAt where each.byte + 8 > bytes.count {
            throw Mf2EdgeError.bundle("sizes_at lies beyond \(spec.file); copy the detector again")
        }
        self.spec = spec
        self.bytes = bytes
        self.load = load
    }

    /// Candidates of a frame that is reduced so that `side` holds it and turned by `quarters`.
    func find(_ frame: Image, side: Int, quarters: Int) throws -> [Candidate] {
        let step: Int = spec.strides[spec.strides.count - 1]
        let shape: Reduced = reducedShape(frame.height, frame.width, side: side, step: step)
        // Pixel centres: the frame's corner stays the corner.
        let shift: Double = shape.scale / 2 - 0.5
        let matrix = Matrix(a: shape.scale, b: 0, tx: shift, c: 0, d: shape.scale, ty: shift)
        let view: Image = warp(frame, matrix, shape.columns, shape.rows, .black)
        let upright: Bool = quarters % 2 == 0
        let rows: Int = upright ? shape.rows : shape.columns
        let columns: Int = upright ? shape.columns : shape.rows
        let outputs = try runner(rows, columns).run(turnedPixels(view, quarters))
        let maps: [[Float]] = outputs.sorted { $0.count > $1.count }
        try check(maps, rows, columns)
        return candidates(maps, columns: columns, spec).map {
            inFrame($0, quarters: quarters, shape)
        }
    }

    /// The model for an input of that size, which is written into the file: see `sizes_at`.
    private func runner(_ rows: Int, _ columns: Int) throws -> Runner {
        if let known = runners.firstIndex(where: { $0.rows == rows && $0.columns == columns }) {
            runners.append(runners.remove(at: known))
        } else {
            var sized: [UInt8] = bytes
            for each in spec.sizesAt {
                write(rows / each.stride, &sized, each.byte)
                write(columns / each.stride, &sized, each.byte + 4)
            }
            runners.append((rows, columns, try load(spec.file, sized)))
            if runners.count > keptSizes { runners.removeFirst() }
        }
        return runners[runners.count - 1].runner
    }

    private func check(_ maps: [[Float]], _ rows: Int, _ columns: Int) throws {
        let expected: [Int] = spec.strides.map { rows / $0 * (columns / $0) * valuesOfCell }
        let sizes: [Int] = maps.map { $0.count }
        if sizes != expected {
            throw Mf2EdgeError.inference(
                "\(spec.file) returns \(sizes) numbers; expected \(expected); copy the detector again"
            )
        }
        if !maps.allSatisfy({ $0.allSatisfy { $0.isFinite } }) {
            throw Mf2EdgeError.inference("an output of \(spec.file) holds NaN or infinity")
        }
    }
}

/// An int32, little-endian.
private func write(_ number: Int, _ bytes: inout [UInt8], _ at: Int) {
    for i in 0..<4 {
        bytes[at + i] = UInt8((number >> (8 * i)) & 0xFF)
    }
}

/// The network's input: an RGB view turned counter-clockwise by quarters.
private func turnedPixels(_ view: Image, _ quarters: Int) -> [Float] {
    if quarters == 0 { return view.rgb.map { Float($0) } }
    let width: Int = view.width
    let height: Int = view.height
    let rows: Int = quarters % 2 == 0 ? height : width
    let columns: Int = quarters % 2 == 0 ? width : height
    var input: [Float] = []
    input.reserveCapacity(view.rgb.count)
    for row in 0..<rows {
        for column in 0..<columns {
            let from: Int
            switch quarters {
            case 1: from = (column * width + width - 1 - row) * 3
            case 2: from = ((height - 1 - row) * width + width - 1 - column) * 3
            default: from = ((height - 1 - column) * width + row) * 3
            }
            for k in 0..<3 {
                input.append(Float(view.rgb[from + k]))
            }
        }
    }
    return input
}
