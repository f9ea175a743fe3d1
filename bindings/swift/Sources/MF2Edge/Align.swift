// Align: bring a face to the template of the manifest, as mf2_edge/pipeline/align.py does.

/// Below this spread, square pixels, landmarks count as one point.
private let leastSpread: Double = 1e-12

/// Least-squares similarity from frame pixels to the template's (Umeyama 1991, in two dimensions).
///
/// Nil where the landmarks coincide, are not finite, or lack a point of the template.
func similarity(_ landmarks: Landmarks, _ spec: AlignmentSpec) -> Matrix? {
    var source: [Point] = []
    var target: [Point] = []
    for (name, place) in spec.points {
        guard let landmark = LandmarkName(rawValue: name), let found = landmarks[landmark] else {
            return nil
        }
        source.append(found)
        target.append(Point(x: place[0], y: place[1]))
    }
    let from: Point = mean(of: source)
    let to: Point = mean(of: target)
    var spread: Double = 0
    var real: Double = 0
    var imaginary: Double = 0
    for (point, wanted) in zip(source, target) {
        let x: Double = point.x - from.x
        let y: Double = point.y - from.y
        let u: Double = wanted.x - to.x
        let v: Double = wanted.y - to.y
        spread += x * x + y * y
        real += x * u + y * v
        imaginary += x * v - y * u
    }
    if !(spread >= leastSpread) || !spread.isFinite { return nil }
    let a: Double = real / spread
    let c: Double = imaginary / spread
    let tx: Double = to.x - a * from.x + c * from.y
    let ty: Double = to.y - c * from.x - a * from.y
    return Matrix(a: a, b: -c, tx: tx, c: c, d: a, ty: ty)
}

private func mean(of points: [Point]) -> Point {
    var x: Double = 0
    var y: Double = 0
    for point in points {
        x += point.x
        y += point.y
    }
    let count: Double = Double(points.count)
    return Point(x: x / count, y: y / count)
}

/// Cut one face out of a frame by the similarity that brings its landmarks to the template.
func align(_ frame: Image, _ similarity: Matrix, _ spec: AlignmentSpec) -> Image {
    return warp(frame, similarity, spec.width, spec.height, .replicate)
}

/// Stretch the part of a frame inside a box, at least one pixel, to the template's size.
func resizeCrop(_ frame: Image, _ box: Box, _ spec: AlignmentSpec) -> Image {
    let x0: Int = whole(box.x.rounded(.down), 0, frame.width - 1)
    let y0: Int = whole(box.y.rounded(.down), 0, frame.height - 1)
    let x1: Int = whole((box.x + box.width).rounded(.up), x0 + 1, frame.width)
    let y1: Int = whole((box.y + box.height).rounded(.up), y0 + 1, frame.height)
    let part: Image = cut(frame, x0, y0, x1 - x0, y1 - y0)
    let x: Double = Double(spec.width) / Double(part.width)
    let y: Double = Double(spec.height) / Double(part.height)
    let matrix = Matrix(a: x, b: 0, tx: x / 2 - 0.5, c: 0, d: y, ty: y / 2 - 0.5)
    return warp(part, matrix, spec.width, spec.height, .replicate)
}

private func cut(_ frame: Image, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> Image {
    var made: [UInt8] = []
    made.reserveCapacity(width * height * 3)
    for row in y..<(y + height) {
        let start: Int = (row * frame.width + x) * 3
        made.append(contentsOf: frame.rgb[start..<(start + width * 3)])
    }
    return Image(width: width, height: height, rgb: made)
}
