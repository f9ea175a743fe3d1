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

    /// What the fourth byte of a pixel says.
    public enum Alpha: Sendable {
        /// How opaque it is; its colours are whole, as in image files.
        case straight
        /// The same, multiplied into the colours, as Core Graphics and Core Video keep them.
        case premultiplied
        /// Nothing: the picture is opaque, and the byte may hold anything.
        case ignored
    }

    /// A frame of four bytes a pixel, rows `rowStride` bytes apart; `order` says where red, green and
    /// blue lie among the four: `[2, 1, 0]` for BGRA. The fourth is alpha; what is transparent lies on
    /// white.
    ///
    /// Throws `Mf2EdgeError.frame` as `init(width:height:rgb:)`, and for too few bytes.
    public init(
        width: Int,
        height: Int,
        pixels: [UInt8],
        rowStride: Int,
        order: [Int],
        alpha: Alpha = .straight
    ) throws {
        try Frame.checkSize(width, height)
        let row: Int = 4 * width
        let least: Int = (height - 1) * max(rowStride, row) + row
        if rowStride < row || pixels.count < least {
            throw Mf2EdgeError.frame(
                "frame of \(width) x \(height) px holds \(pixels.count) bytes in rows of "
                    + "\(rowStride); expected \(least) or more, four a pixel"
            )
        }
        let left: Set<Int> = Set(0..<4).subtracting(order)
        guard order.count == 3, left.count == 1, let opacityAt = left.first else {
            throw Mf2EdgeError.frame("order is \(order); expected three different numbers of 0...3")
        }
        var rgb = [UInt8](repeating: 0, count: width * height * 3)
        var to: Int = 0
        for y in 0..<height {
            var from: Int = y * rowStride
            for _ in 0..<width {
                let opacity: UInt8 = pixels[from + opacityAt]
                if opacity == 255 || alpha == .ignored {
                    rgb[to] = pixels[from + order[0]]
                    rgb[to + 1] = pixels[from + order[1]]
                    rgb[to + 2] = pixels[from + order[2]]
                } else {
                    rgb[to] = alpha.onWhite(pixels[from + order[0]], opacity)
                    rgb[to + 1] = alpha.onWhite(pixels[from + order[1]], opacity)
                    rgb[to + 2] = alpha.onWhite(pixels[from + order[2]], opacity)
                }
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

extension Frame.Alpha {
    /// A level on white, rounded to the nearest; both kinds of alpha give the same one.
    @inline(__always)
    fileprivate func onWhite(_ level: UInt8, _ opacity: UInt8) -> UInt8 {
        let own: Int = Int(level)
        let shown: Int = self == .straight ? (own * Int(opacity) + 127) / 255 : own
        return UInt8(min(shown + 255 - Int(opacity), 255))
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
