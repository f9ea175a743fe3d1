/// What cameras deliver: luma and chroma in two planes, and pictures that lie on their side.

extension Frame {
    /// Which levels of luma and chroma a camera uses.
    public enum YuvRange: Sendable {
        /// 0 to 255 (`420f`, what phones' cameras give).
        case full
        /// 16 to 235, chroma to 240 (`420v`, what video files hold).
        case video
    }

    /// A frame of Y'CbCr 4:2:0 in two planes (NV12, `420f`, `420v`) by the matrix of BT.601.
    ///
    /// `luma` has `height` rows, `chroma` `(height + 1) / 2` rows of Cb and Cr in turn, rows
    /// `lumaStride` and `chromaStride` bytes apart. A pair of chroma stands for 2 x 2 pixels; rounded
    /// to the nearest. Throws `Mf2EdgeError.frame` for sides outside 2...32768 pixels, and too few
    /// bytes.
    public init(
        width: Int,
        height: Int,
        luma: UnsafeRawBufferPointer,
        lumaStride: Int,
        chroma: UnsafeRawBufferPointer,
        chromaStride: Int,
        range: YuvRange
    ) throws {
        try Frame.checkSize(width, height)
        let pairs: Int = (width + 1) / 2 * 2
        let planes: [(String, Int, Int, Int, Int)] = [
            ("luma", luma.count, lumaStride, width, height),
            ("chroma", chroma.count, chromaStride, pairs, (height + 1) / 2),
        ]
        for (name, count, stride, row, rows) in planes {
            if stride < row || count < (rows - 1) * max(stride, row) + row {
                throw Mf2EdgeError.frame(
                    "\(name) of \(width) x \(height) px holds \(count) bytes in rows of \(stride); "
                        + "expected \(rows) rows of \(row) or more"
                )
            }
        }
        let matrix: YuvMatrix = range == .full ? .full : .video
        var rgb = [UInt8](repeating: 0, count: width * height * 3)
        var to: Int = 0
        for y in 0..<height {
            let lumaRow: Int = y * lumaStride
            let chromaRow: Int = y / 2 * chromaStride
            for x in 0..<width {
                let pair: Int = chromaRow + x / 2 * 2
                let cb: Int = Int(chroma[pair]) - 128
                let cr: Int = Int(chroma[pair + 1]) - 128
                let grey: Int = matrix.luma * (Int(luma[lumaRow + x]) - matrix.black) + matrix.half
                rgb[to] = matrix.cut(grey + matrix.redOfCr * cr)
                rgb[to + 1] = matrix.cut(grey - matrix.greenOfCb * cb - matrix.greenOfCr * cr)
                rgb[to + 2] = matrix.cut(grey + matrix.blueOfCb * cb)
                to += 3
            }
        }
        try self.init(width: width, height: height, rgb: rgb)
    }

    /// How a picture has to be turned to be upright: the numbers of EXIF and of
    /// `CGImagePropertyOrientation`.
    public enum Orientation: UInt32, CaseIterable, Sendable {
        case up = 1
        case upMirrored = 2
        case down = 3
        case downMirrored = 4
        case leftMirrored = 5
        case right = 6
        case rightMirrored = 7
        case left = 8
    }

    /// The frame upright, where it was taken in `orientation`.
    public func upright(from orientation: Orientation) -> Frame {
        if orientation == .up { return self }
        let across: Bool = orientation.rawValue >= Orientation.leftMirrored.rawValue
        let newWidth: Int = across ? height : width
        let newHeight: Int = across ? width : height
        let flipX: Bool = [.upMirrored, .down, .rightMirrored, .left].contains(orientation)
        let flipY: Bool = [.down, .downMirrored, .right, .rightMirrored].contains(orientation)
        var turned = [UInt8](repeating: 0, count: rgb.count)
        var to: Int = 0
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let column: Int = across ? y : x
                let row: Int = across ? x : y
                let fromX: Int = flipX ? width - 1 - column : column
                let fromY: Int = flipY ? height - 1 - row : row
                let from: Int = (fromY * width + fromX) * 3
                turned[to] = rgb[from]
                turned[to + 1] = rgb[from + 1]
                turned[to + 2] = rgb[from + 2]
                to += 3
            }
        }
        return Frame(width: newWidth, height: newHeight, checked: turned)
    }
}

/// The matrix of BT.601 in fixed point with 20 bits behind the point.
private struct YuvMatrix {
    let luma: Int
    let redOfCr: Int
    let greenOfCb: Int
    let greenOfCr: Int
    let blueOfCb: Int
    let black: Int

    private static let shift: Int = 20
    static let full = YuvMatrix(lumaSteps: 255, chromaSteps: 255, black: 0)
    static let video = YuvMatrix(lumaSteps: 219, chromaSteps: 224, black: 16)

    init(lumaSteps: Double, chromaSteps: Double, black: Int) {
        let red: Double = 0.299
        let blue: Double = 0.114
        let green: Double = 1 - red - blue
        func fixed(_ value: Double) -> Int {
            return Int(value * Double(1 << YuvMatrix.shift) + 0.5)
        }
        luma = fixed(255 / lumaSteps)
        redOfCr = fixed(2 * (1 - red) * 255 / chromaSteps)
        greenOfCb = fixed(2 * (1 - blue) * blue / green * 255 / chromaSteps)
        greenOfCr = fixed(2 * (1 - red) * red / green * 255 / chromaSteps)
        blueOfCb = fixed(2 * (1 - blue) * 255 / chromaSteps)
        self.black = black
    }

    var half: Int { return 1 << (YuvMatrix.shift - 1) }

    func cut(_ value: Int) -> UInt8 {
        return UInt8(clamp(value >> YuvMatrix.shift, 0, 255))
    }
}
