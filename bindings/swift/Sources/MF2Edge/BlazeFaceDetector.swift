import Foundation

/// Smallest face looked for, as a part of the frame's longer side.
private let minFace: Double = 24.0 / 640

/// Part of the smallest tiles' side that the smallest face fills.
private let faceInTile: Double = 0.2

/// Each size of tiles is at least this part of the size before.
private let tileRatio: Double = 0.55

/// Part of the view's side that the face box fills in the second pass.
private let faceInView: Double = 0.5

/// Part of the view's side that a given box fills; boxes differ in their margins, so in turn.
private let boxInView: [Double] = [0.6, 0.45, 0.8]

/// How far a `BlazeFaceDetector` looks.
public enum Search: String, Sendable {
    /// At the whole frame once, for faces that fill about a sixth of it or more.
    case single
    /// Further, for small and turned faces, only while none was found.
    case adaptive
    /// For all faces.
    case exhaustive
}

/// Detect: find the faces in a frame and the six landmarks of each, as mf2_edge/detect.py does.
///
/// Two passes of BlazeFace: one finds faces, one looks again at each face upright and filling half the
/// view, which is what makes its landmarks good enough to align with. The networks of the bundles were
/// trained on faces aligned by it.
public final class BlazeFaceDetector: FaceDetector {
    private let network: BlazeFace
    private let search: Search

    /// The detector in a folder that holds `detector.json` and the model that it names; `load` makes
    /// the runner of that model's bytes, which are checked first.
    ///
    /// Throws `Mf2EdgeError.bundle` for a folder that holds no detector, `.checksum` for a damaged
    /// model, and what `load` throws.
    public init(
        folder: URL, search: Search = .adaptive, load: (_ name: String, _ model: [UInt8]) throws -> Runner
    ) throws {
        let file: URL = folder.appendingPathComponent("detector.json")
        let spec = try parseDetector(try contents(of: file), source: file.path)
        if leaves(spec.file) {
            throw Mf2EdgeError.bundle("\(file.path): `\(spec.file)` is not a path inside the folder")
        }
        let model: [UInt8] = try contents(of: folder.appendingPathComponent(spec.file))
        if sha256(model) != spec.sha256 {
            throw Mf2EdgeError.checksum("\(spec.file): its sha256 is not the one in \(file.path); copy it again")
        }
        self.network = BlazeFace(spec, try load(spec.file, model))
        self.search = search
    }

    /// Any number of faces of a frame, in its pixels, largest first.
    public func detect(_ frame: Frame) throws -> [Detection] {
        let image = Image(frame)
        let spec: DetectorSpec = network.spec
        let sets: [[View]] = rounds(image.width, image.height)
        var found = try look(image, sets[0], spec.minScore, spec.minScore)
        for views in sets.dropFirst() {
            if search == .adaptive && found.contains(where: { $0.score >= spec.sureScore }) { break }
            let more = try look(image, views, spec.candidateScore, spec.sureScore)
            found = network.distinct(found + more)
        }
        return found.sorted { $0.box.area > $1.box.area }
    }

    /// The face in a box, with its landmarks; nil if there is none.
    public func refine(_ frame: Frame, _ box: Box) throws -> Detection? {
        let image = Image(frame)
        let side: Double = max(box.width, box.height)
        for part in boxInView {
            let view = View(centre: box.centre, side: side / part)
            let faces = try pass(image, view, network.spec.minScoreInBox)
            if let nearest = nearest(to: box, faces) {
                return try lookCloser(image, nearest) ?? nearest
            }
        }
        return nil
    }

    /// A face that was at `face` (with landmarks) a moment ago, by one look there; nil if it is gone.
    public func follow(_ frame: Frame, _ face: Detection) throws -> Detection? {
        return try lookCloser(Image(frame), face)
    }

    /// Sets of views, cheapest first: the frame, the frame turned, ever smaller tiles of it.
    private func rounds(_ width: Int, _ height: Int) -> [[View]] {
        let long: Double = Double(max(width, height))
        let short: Double = Double(min(width, height))
        let centre = Point(x: Double(width - 1) / 2, y: Double(height - 1) / 2)
        let whole = View(centre: centre, side: long)
        if search == .single { return [[whole]] }
        let quarters: [Double] = [1, 3, 2]
        let turned: [View] = quarters.map { (quarter: Double) -> View in
            View(centre: centre, side: long, turn: quarter * Double.pi / 2)
        }
        let smallest: Double = minFace * long / faceInTile
        let largest: Double = max(min(short, 0.6 * long), smallest)
        let ratios: Double = log(smallest / largest) / log(tileRatio)
        let sizes: Int = 1 + Int(ratios.rounded(.up))
        let tiled: [[View]] = (0..<sizes).map { (i: Int) -> [View] in
            let part: Double = sizes == 1 ? 0 : Double(i) / Double(sizes - 1)
            return tiles(width, height, largest * pow(smallest / largest, part))
        }
        return [[whole], turned] + tiled
    }

    /// Both passes over some views: faces whose first and second look reach the given scores.
    private func look(
        _ frame: Image, _ views: [View], _ candidate: Double, _ accepted: Double
    ) throws -> [Detection] {
        let candidates: [Detection] = try views.flatMap { try pass(frame, $0, candidate) }
        let closer: [Detection] = try network.distinct(candidates).compactMap {
            try lookCloser(frame, $0)
        }
        return network.distinct(closer.filter { $0.score >= accepted })
    }

    /// One pass of the network over one view; its faces in pixels of the frame.
    private func pass(_ frame: Image, _ view: View, _ minScore: Double) throws -> [Detection] {
        let size: Int = network.spec.inputSize
        let pixels: Image = warp(frame, view.toPixels(size), size, size, .black)
        return try network.run(pixels, minScore).map { view.toFrame($0, size) }
    }

    /// The second pass: the same face again, eyes level, filling half the view.
    private func lookCloser(_ frame: Image, _ face: Detection) throws -> Detection? {
        guard let points = face.landmarks else { return nil }
        let side: Double = max(face.box.width, face.box.height) / faceInView
        let turn: Double = atan2(
            points.leftEye.y - points.rightEye.y, points.leftEye.x - points.rightEye.x
        )
        let view = View(centre: face.box.centre, side: side, turn: turn)
        return nearest(to: face.box, try pass(frame, view, network.spec.minScoreInBox))
    }
}

/// A square part of a frame: centre and side in frame pixels, clockwise turn in radians.
private struct View {
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

/// Squares of `side` that cover the frame, neighbours overlapping by a quarter at least.
private func tiles(_ width: Int, _ height: Int, _ side: Double) -> [View] {
    return tileCentres(height, side).flatMap { (y: Double) -> [View] in
        tileCentres(width, side).map { (x: Double) -> View in
            View(centre: Point(x: x, y: y), side: side)
        }
    }
}

private func tileCentres(_ length: Int, _ side: Double) -> [Double] {
    let long: Double = Double(length)
    if side >= long { return [(long - 1) / 2] }
    let steps: Double = (long - side) / (0.75 * side)
    let count: Int = Int(steps.rounded(.up)) + 1
    let step: Double = (long - side) / Double(count - 1)
    return (0..<count).map { (i: Int) -> Double in
        side / 2 + step * Double(i) - 0.5
    }
}

private func nearest(to box: Box, _ faces: [Detection]) -> Detection? {
    func distance(_ face: Detection) -> Double {
        return hypot(face.box.centre.x - box.centre.x, face.box.centre.y - box.centre.y)
    }
    return faces.min { distance($0) < distance($1) }
}
