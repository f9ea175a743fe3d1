import Foundation

/// Part of the view's side that the face box fills in a closer look.
private let faceInView: Double = 0.5

/// Part of the view's side that a given box fills; boxes differ in their margins, so in turn.
private let boxInView: [Double] = [0.6, 0.45, 0.8]

extension BlazeFace {
    /// One pass over one view; its faces in pixels of the frame, best first.
    func look(_ frame: Image, _ view: View, _ minScore: Double) throws -> [Detection] {
        let size: Int = spec.inputSize
        let pixels: Image = warp(frame, view.toPixels(size), size, size, .black)
        return try run(pixels, minScore).map { view.toFrame($0, size) }
    }

    /// The same face again, eyes level, filling half the view; nil if it is gone.
    func lookCloser(_ frame: Image, _ face: Detection) throws -> Detection? {
        let side: Double = max(face.box.width, face.box.height) / faceInView
        let view = View(centre: face.box.centre, side: side, turn: roll(face))
        return nearest(to: face.box, try look(frame, view, spec.minScoreInBox))
    }

    /// The face inside a box whose margins are not known: several views of it are tried.
    func lookInside(_ frame: Image, _ box: Box) throws -> Detection? {
        let side: Double = max(box.width, box.height)
        for part in boxInView {
            let view = View(centre: box.centre, side: side / part)
            let faces: [Detection] = try look(frame, view, spec.minScoreInBox)
            if let nearest = nearest(to: box, faces) {
                return try lookCloser(frame, nearest) ?? nearest
            }
        }
        return nil
    }
}

/// A square part of a frame: centre and side in frame pixels, clockwise turn in radians.
struct View {
    let centre: Point
    let side: Double
    var turn: Double = 0

    /// Similarity from frame pixels to the pixels of this view drawn `size` wide.
    func toPixels(_ size: Int) -> Matrix {
        let c: Double = cos(turn) * Double(size) / side
        let s: Double = sin(turn) * Double(size) / side
        let middle: Double = Double(size - 1) / 2
        let tx: Double = middle - c * centre.x - s * centre.y
        let ty: Double = middle + s * centre.x - c * centre.y
        return Matrix(a: c, b: s, tx: tx, c: -s, d: c, ty: ty)
    }

    /// A detection in the view's pixels, in the frame's; the box turns with its centre only.
    func toFrame(_ face: Detection, _ size: Int) -> Detection {
        let scale: Double = side / Double(size)
        let box = boxAround(
            point(face.box.centre, size), face.box.width * scale, face.box.height * scale
        )
        let landmarks: Landmarks? = face.landmarks?.map { point($0, size) }
        return Detection(box: box, score: face.score, landmarks: landmarks)
    }

    /// The frame pixel under a pixel of this view drawn `size` wide.
    private func point(_ seen: Point, _ size: Int) -> Point {
        let c: Double = cos(turn) * side / Double(size)
        let s: Double = sin(turn) * side / Double(size)
        let x: Double = seen.x - Double(size - 1) / 2
        let y: Double = seen.y - Double(size - 1) / 2
        return Point(x: centre.x + c * x - s * y, y: centre.y + s * x + c * y)
    }
}

/// In-plane turn of the head, radians clockwise as seen, from the line through the eyes.
func roll(_ face: Detection) -> Double {
    guard let eyes = face.landmarks else { return 0 }
    return atan2(eyes.leftEye.y - eyes.rightEye.y, eyes.leftEye.x - eyes.rightEye.x)
}

/// Between the middles of two boxes, pixels.
func distance(_ a: Box, _ b: Box) -> Double {
    return hypot(a.centre.x - b.centre.x, a.centre.y - b.centre.y)
}

private func nearest(to box: Box, _ faces: [Detection]) -> Detection? {
    return faces.min { distance($0.box, box) < distance($1.box, box) }
}
