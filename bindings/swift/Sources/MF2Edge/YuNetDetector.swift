import Foundation

/// Looks with a lower score are not told from nothing.
private let lookScore: Double = 0.1

/// Side of BlazeFace's box, as a part of the height of a face from forehead to chin.
private let boxOfFace: Double = 0.85

/// Detect: every face of a frame and its six landmarks, as mf2_edge/pipeline/finder.py finds them.
///
/// YuNet sees the frame once; then BlazeFace looks once at each of its boxes, upright and filling half the
/// view. Which way up a face is, and whether it is one, the looks decide. The networks of the bundles were
/// trained on faces aligned by BlazeFace.
public final class YuNetDetector: FaceDetector {
    private let finder: YuNet
    private let landmarks: BlazeFace
    private let options: DetectionOptions
    private var quarters: Int = 0

    /// The networks in the folders `yunet_n` and `blazeface_short_range` of a folder; `load` makes the
    /// runner of a model's bytes, which are checked first. It is called again for frames of other sizes.
    ///
    /// Throws `Mf2EdgeError.bundle` for a folder that holds no detector, `.checksum` for a damaged
    /// model, `.options` for options out of range, and what `load` throws.
    public init(
        folder: URL, options: DetectionOptions = DetectionOptions(), load: @escaping LoadModel
    ) throws {
        try options.check()
        let yunet: URL = folder.appendingPathComponent("yunet_n")
        let facts: URL = yunet.appendingPathComponent("detector.json")
        let known: YuNetSpec = try parseYuNet(try contents(of: facts), source: facts.path)
        self.finder = try YuNet(known, try model(yunet, known.file, known.sha256), load)
        let blazeface: URL = folder.appendingPathComponent("blazeface_short_range")
        let file: URL = blazeface.appendingPathComponent("detector.json")
        let spec: DetectorSpec = try parseDetector(try contents(of: file), source: file.path)
        let bytes: [UInt8] = try model(blazeface, spec.file, spec.sha256)
        self.landmarks = BlazeFace(spec, try load(spec.file, bytes))
        self.options = options
    }

    private init(_ finder: YuNet, _ landmarks: BlazeFace, _ options: DetectionOptions) {
        self.finder = finder
        self.landmarks = landmarks
        self.options = options
    }

    /// Any number of faces of a frame, in its pixels, largest first.
    public func detect(_ frame: Frame) throws -> [Detection] {
        let image = Image(frame)
        let side: Int = options.side(max(image.height, image.width), finder.spec)
        var found: [Detection] = try search(image, side, 0)
        if !found.isEmpty { return found }
        for turn in turns() {
            found = try search(image, min(side, finder.spec.fastSide), turn)
            if !found.isEmpty { break }
        }
        return found
    }

    /// The face in a box, with its landmarks; nil if there is none.
    public func refine(_ frame: Frame, _ box: Box) throws -> Detection? {
        return try landmarks.lookInside(Image(frame), box)
    }

    /// A face that was at `face` (with landmarks) a moment ago, by one look there; nil if it is gone.
    public func follow(_ frame: Frame, _ face: Detection) throws -> Detection? {
        return try landmarks.lookCloser(Image(frame), face)
    }

    /// The same detector for the frames of one scene: of turned frames, a quarter a call.
    public func forStream() -> FaceDetector {
        var others: DetectionOptions = options
        if others.turnedFrames == .all { others.turnedFrames = .next }
        return YuNetDetector(finder, landmarks, others)
    }

    private func turns() -> [Int] {
        switch options.turnedFrames {
        case .all: return [1, 3, 2]
        case .none: return []
        case .next:
            quarters = quarters % 3 + 1
            return [quarters]
        }
    }

    /// Find, look, orient and accept; largest first.
    private func search(_ frame: Image, _ side: Int, _ quarters: Int) throws -> [Detection] {
        let rules: DetectionRules = finder.spec.rules
        let smallest: Double = boxOfFace * options.minPixels(max(frame.height, frame.width))
        var faces: [Detection] = []
        let found: [Candidate] = try finder.find(frame, side: side, quarters: quarters)
        for each in bestFirst(found, { $0.box.area }) {
            let look = try orient(each, rules) { try levelLook(frame, each.box, $0) }
            guard var face = look, isFace(each.score, face.score, rules) else { continue }
            if longer(face.box) < smallest { continue }
            face.score = (each.score + face.score) / 2
            if face.score >= options.minDetectionScore { faces.append(face) }
        }
        let distinct: [Detection] = bestFirst(landmarks.distinct(faces), { $0.box.area })
        return Array(distinct.prefix(options.maxFaces ?? distinct.count))
    }

    /// The look at a box turned by `turn`, once more where its face is not level there.
    private func levelLook(_ frame: Image, _ box: Box, _ turn: Double) throws -> Detection? {
        guard let face = try lookAt(frame, box, turn) else { return nil }
        let turns: Double = (roll(face) - turn + Double.pi) / (2 * Double.pi)
        let off: Double = (turns - turns.rounded(.down)) * 2 * Double.pi - Double.pi
        if abs(off) <= finder.spec.rules.roll * Double.pi / 180 { return face }
        if let level = try lookAt(frame, box, turn + off), level.score >= face.score { return level }
        return face
    }

    /// The best face of one pass that agrees with a box in place and size.
    private func lookAt(_ frame: Image, _ box: Box, _ turn: Double) throws -> Detection? {
        let rules: DetectionRules = finder.spec.rules
        let side: Double = longer(box)
        let view = View(centre: box.centre, side: rules.view * side, turn: turn)
        return try landmarks.look(frame, view, lookScore).first { (face: Detection) -> Bool in
            let near: Bool = distance(face.box, box) <= rules.offCentre * side
            return near && rules.size.contains(longer(face.box) / side)
        }
    }
}

/// The checked bytes of the model that a detector's `detector.json` names.
private func model(_ folder: URL, _ file: String, _ expected: String) throws -> [UInt8] {
    if leaves(file) {
        throw Mf2EdgeError.bundle("\(folder.path): `\(file)` is not a path inside the folder")
    }
    let bytes: [UInt8] = try contents(of: folder.appendingPathComponent(file))
    if sha256(bytes) != expected {
        throw Mf2EdgeError.checksum(
            "\(file): its sha256 is not the one in detector.json of \(folder.path); copy it again"
        )
    }
    return bytes
}

private func longer(_ box: Box) -> Double {
    return max(box.width, box.height)
}
