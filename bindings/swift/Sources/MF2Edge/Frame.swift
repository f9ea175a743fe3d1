/// An image in memory: `height * width * 3` bytes, row by row without gaps, 8 bits a channel in the
/// order red, green, blue.
public struct Frame: Equatable, Sendable {
    /// Pixels.
    public let width: Int
    /// Pixels.
    public let height: Int
    /// Red, green, blue of each pixel.
    public let rgb: [UInt8]

    /// Throws `Mf2EdgeError.frame` for sides outside 2...32768 pixels, or another number of bytes.
    public init(width: Int, height: Int, rgb: [UInt8]) throws {
        try Frame.checkSize(width, height)
        let expected: Int = width * height * 3
        if rgb.count != expected {
            throw Mf2EdgeError.frame(
                "frame of \(width) x \(height) px holds \(rgb.count) bytes; expected \(expected), "
                    + "three a pixel in the order red, green, blue"
            )
        }
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// A frame of four bytes a pixel, rows `rowStride` bytes apart; `order` says where red, green and
    /// blue lie among the four: `[2, 1, 0]` for BGRA.
    ///
    /// Throws `Mf2EdgeError.frame` as `init(width:height:rgb:)`, and for too few bytes.
    public init(width: Int, height: Int, pixels: [UInt8], rowStride: Int, order: [Int]) throws {
        try Frame.checkSize(width, height)
        let row: Int = 4 * width
        let least: Int = (height - 1) * max(rowStride, row) + row
        if rowStride < row || pixels.count < least {
            throw Mf2EdgeError.frame(
                "frame of \(width) x \(height) px holds \(pixels.count) bytes in rows of "
                    + "\(rowStride); expected \(least) or more, four a pixel"
            )
        }
        if order.count != 3 || !order.allSatisfy({ (0..<4).contains($0) }) {
            throw Mf2EdgeError.frame("order is \(order); expected three numbers of 0...3")
        }
        var rgb = [UInt8](repeating: 0, count: width * height * 3)
        var to: Int = 0
        for y in 0..<height {
            var from: Int = y * rowStride
            for _ in 0..<width {
                rgb[to] = pixels[from + order[0]]
                rgb[to + 1] = pixels[from + order[1]]
                rgb[to + 2] = pixels[from + order[2]]
                to += 3
                from += 4
            }
        }
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// Of pixels whose number is right.
    init(width: Int, height: Int, checked rgb: [UInt8]) {
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    static func checkSize(_ width: Int, _ height: Int) throws {
        let sides: ClosedRange<Int> = 2...32768
        if !sides.contains(width) || !sides.contains(height) {
            throw Mf2EdgeError.frame(
                "frame is \(width) x \(height) px; expected sides of 2 to 32768 px"
            )
        }
    }
}

/// An RGB image that a stage made, three bytes a pixel, row by row.
struct Image: Equatable {
    let width: Int
    let height: Int
    let rgb: [UInt8]

    init(width: Int, height: Int, rgb: [UInt8]) {
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    init(_ frame: Frame) {
        self.init(width: frame.width, height: frame.height, rgb: frame.rgb)
    }
}

/// The nearest whole number towards zero within bounds; of what is no number, the lower one.
func whole(_ value: Double, _ low: Int, _ high: Int) -> Int {
    if !(value > Double(low)) { return low }
    if value >= Double(high) { return high }
    return Int(value)
}

/// The nearest number within bounds.
func clamp(_ value: Int, _ low: Int, _ high: Int) -> Int {
    return min(max(value, low), high)
}
