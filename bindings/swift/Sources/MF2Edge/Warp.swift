// Resample a frame.
//
// The resampler is the one that mf2_edge/pipeline/align.py specifies: a frame that shrinks by half or more is
// first reduced by an integer, each block to its rounded mean; then bilinear, pixel centres at
// integers, and what lies outside is the nearest edge pixel or black. Numbers are rounded as OpenCV
// rounds them (bindings/README.md says how).

/// Affine map, frame -> output, pixels: x' = a x + b y + tx, y' = c x + d y + ty.
struct Matrix: Equatable {
    var a: Double
    var b: Double
    var tx: Double
    var c: Double
    var d: Double
    var ty: Double
}

/// What lies outside the frame.
enum Outside {
    case replicate
    case black
}

/// A part of an image, from pixel `start`, read as if it were all there is.
private struct Window {
    let rgb: [UInt8]
    /// Pixels from one row to the next.
    let stride: Int
    let start: Int
    let width: Int
    let height: Int
}

private let largestStep: Int = 2048

/// Resample an image through `matrix` into one of `width` x `height` pixels.
///
/// Only the part that the output sees is touched, so the cost does not grow with the frame.
func warp(_ image: Image, _ matrix: Matrix, _ width: Int, _ height: Int, _ outside: Outside) -> Image {
    let m: Matrix = matrix
    let determinant: Double = m.a * m.d - m.b * m.c
    let shrinks: Double = 1 / abs(determinant).squareRoot() + 1e-9
    let step: Int = whole(shrinks.rounded(.down), 1, largestStep)
    var across: [Double] = []
    var down: [Double] = []
    for x in [-0.5 - m.tx, Double(width) - 0.5 - m.tx] {
        for y in [-0.5 - m.ty, Double(height) - 0.5 - m.ty] {
            across.append((m.d * x - m.b * y) / determinant)
            down.append((m.a * y - m.c * x) / determinant)
        }
    }
    let columns: Range<Int> = span(across, image.width, step)
    let rows: Range<Int> = span(down, image.height, step)
    let x0: Double = Double(columns.lowerBound)
    let y0: Double = Double(rows.lowerBound)
    let seen = Window(
        rgb: image.rgb,
        stride: image.width,
        start: rows.lowerBound * image.width + columns.lowerBound,
        width: columns.count,
        height: rows.count
    )
    var moved: Matrix = m
    moved.tx = m.tx + (m.a * x0 + m.b * y0)
    moved.ty = m.ty + (m.c * x0 + m.d * y0)
    if step == 1 {
        return bilinear(seen, inverse(of: moved), width, height, outside)
    }
    let middle: Double = Double(step - 1) / 2
    let factor: Double = Double(step)
    let reduced = Matrix(
        a: m.a * factor,
        b: m.b * factor,
        tx: moved.tx + (m.a + m.b) * middle,
        c: m.c * factor,
        d: m.d * factor,
        ty: moved.ty + (m.c + m.d) * middle
    )
    return bilinear(reduce(seen, step, outside), inverse(of: reduced), width, height, outside)
}

/// The pixels that the output reads, at least one; the first is a multiple of `step`.
private func span(_ seen: [Double], _ length: Int, _ step: Int) -> Range<Int> {
    let reach: Double = Double(2 * step + 1)
    let least: Double = seen.min() ?? 0
    let most: Double = seen.max() ?? 0
    let first: Int = whole(least.rounded(.down) - reach, 0, length - 1)
    let low: Int = first - first % step
    let end: Int = whole(most.rounded(.up) + reach, low + 1, max(length, low + 1))
    return low..<end
}

/// Output -> source in float32, as OpenCV inverts it: xx, xy, xt, yx, yy, yt.
private func inverse(of matrix: Matrix) -> [Float] {
    let inverse: Double = 1 / (matrix.a * matrix.d - matrix.b * matrix.c)
    let xx: Double = matrix.d * inverse
    let xy: Double = matrix.b * -inverse
    let yx: Double = matrix.c * -inverse
    let yy: Double = matrix.a * inverse
    let xt: Double = -xx * matrix.tx - xy * matrix.ty
    let yt: Double = -yx * matrix.tx - yy * matrix.ty
    return [Float(xx), Float(xy), Float(xt), Float(yx), Float(yy), Float(yt)]
}

private func bilinear(
    _ source: Window, _ inverse: [Float], _ width: Int, _ height: Int, _ outside: Outside
) -> Image {
    let rgb: [UInt8] = source.rgb
    let lastX: Int = source.width - 1
    let lastY: Int = source.height - 1
    let black: Bool = outside == .black
    var made = [UInt8](repeating: 0, count: width * height * 3)
    var at: Int = 0
    for row in 0..<height {
        let line: Float = Float(row)
        let productX: Float = line * inverse[1]
        let productY: Float = line * inverse[4]
        let rowX: Float = productX + inverse[2]
        let rowY: Float = productY + inverse[5]
        for column in 0..<width {
            let place: Float = Float(column)
            let x: Float = rowX.addingProduct(place, inverse[0])
            let y: Float = rowY.addingProduct(place, inverse[3])
            let left: Float = x.rounded(.down)
            let top: Float = y.rounded(.down)
            let u: Float = x - left
            let v: Float = y - top
            let x0: Int = whole(Double(left), -2, lastX + 1)
            let y0: Int = whole(Double(top), -2, lastY + 1)
            let x1: Int = x0 + 1
            let y1: Int = y0 + 1
            let above: Int = source.start + clamp(y0, 0, lastY) * source.stride
            let below: Int = source.start + clamp(y1, 0, lastY) * source.stride
            let before: Int = clamp(x0, 0, lastX)
            let after: Int = clamp(x1, 0, lastX)
            let p00: Int = (above + before) * 3
            let p01: Int = (above + after) * 3
            let p10: Int = (below + before) * 3
            let p11: Int = (below + after) * 3
            // Whether a neighbour counts: not where it is black.
            let counts0: Bool = !black || (x0 >= 0 && x0 <= lastX)
            let counts1: Bool = !black || (x1 >= 0 && x1 <= lastX)
            let countsAbove: Bool = !black || (y0 >= 0 && y0 <= lastY)
            let countsBelow: Bool = !black || (y1 >= 0 && y1 <= lastY)
            for k in 0..<3 {
                let q00: Float = counts0 && countsAbove ? Float(rgb[p00 + k]) : 0
                let q01: Float = counts1 && countsAbove ? Float(rgb[p01 + k]) : 0
                let q10: Float = counts0 && countsBelow ? Float(rgb[p10 + k]) : 0
                let q11: Float = counts1 && countsBelow ? Float(rgb[p11 + k]) : 0
                let upper: Float = q00.addingProduct(u, q01 - q00)
                let lower: Float = q10.addingProduct(u, q11 - q10)
                let level: Float = upper.addingProduct(v, lower - upper)
                made[at] = byte(Double(level.rounded(.toNearestOrEven)))
                at += 1
            }
        }
    }
    return Image(width: width, height: height, rgb: made)
}

/// Rounded mean of `step` x `step` blocks; a last incomplete block is completed by the border.
private func reduce(_ window: Window, _ step: Int, _ outside: Outside) -> Window {
    let width: Int = (window.width + step - 1) / step
    let height: Int = (window.height + step - 1) / step
    let share: Float = Float(1 / Double(step * step))
    var made = [UInt8](repeating: 0, count: width * height * 3)
    for row in 0..<height {
        var sums = [Int](repeating: 0, count: width * 3)
        for y in (row * step)..<((row + 1) * step) {
            if y >= window.height && outside == .black { break }
            addRow(window, min(y, window.height - 1), step, outside, &sums)
        }
        for i in 0..<sums.count {
            let to: Int = row * sums.count + i
            if step == 2 {
                // OpenCV rounds halves up in blocks of 2 x 2, to the even in larger ones.
                made[to] = UInt8(clamp((sums[i] + 2) >> 2, 0, 255))
            } else {
                let mean: Float = Float(Double(sums[i]) * Double(share))
                made[to] = byte(Double(mean.rounded(.toNearestOrEven)))
            }
        }
    }
    return Window(rgb: made, stride: width, start: 0, width: width, height: height)
}

/// Add row `y` of the window to the sums of its blocks, three a block.
private func addRow(
    _ window: Window, _ y: Int, _ step: Int, _ outside: Outside, _ sums: inout [Int]
) {
    let first: Int = (window.start + y * window.stride) * 3
    for x in 0..<window.width {
        let to: Int = x / step * 3
        let from: Int = first + x * 3
        for k in 0..<3 {
            sums[to + k] += Int(window.rgb[from + k])
        }
    }
    let missing: Int = sums.count / 3 * step - window.width
    if missing == 0 || outside == .black { return }
    let last: Int = first + (window.width - 1) * 3
    for k in 0..<3 {
        sums[sums.count - 3 + k] += missing * Int(window.rgb[last + k])
    }
}

private func byte(_ level: Double) -> UInt8 {
    return UInt8(whole(level, 0, 255))
}
