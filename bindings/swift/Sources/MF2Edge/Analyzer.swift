import Foundation

/// What is running.
public struct Info: Sendable {
    /// What the bundle says about itself.
    public let spec: ModelSpec
    /// sha256 of the bytes of `manifest.json`, which names the bundle in records.
    public var manifestSha256: String { return spec.manifestSha256 }
    /// The model file that runs.
    public let artifact: ArtifactSpec
}

/// Emotion and Action Units of the faces in single images. Stateless between calls.
///
/// Any thread may call it: calls that meet are answered in turn. A call takes milliseconds, so none
/// belongs on the main thread. After `close` every call throws `Mf2EdgeError.runtimeUnavailable`.
public final class FaceStateAnalyzer: @unchecked Sendable {
    /// What is running: `model.json`, the sha256 of its manifest, and which artifact.
    public let info: Info
    private let turn = NSLock()
    private var pipeline: Pipeline?

    /// An analyzer of a bundle's artifact, run by `runner`, on the faces that `detector` finds.
    ///
    /// `includeExperimental` tells also the Action Units that could not be shown reliable. Throws
    /// `Mf2EdgeError.manifest` if the model is not the one that `model.json` describes.
    public init(
        bundle: ModelBundle, artifact: ArtifactSpec, runner: Runner, detector: FaceDetector,
        includeExperimental: Bool = false
    ) throws {
        let model = try Model(runner, artifact, bundle.spec)
        self.info = Info(spec: bundle.spec, artifact: artifact)
        self.pipeline = Pipeline(
            bundle.spec, artifact, model, detector, includeExperimental: includeExperimental
        )
    }

    /// The state of every face in a frame, largest first; empty when nobody is there.
    ///
    /// `boxes` (pixels of the frame) skip detection: then there is one result a box, in their order.
    /// Throws `Mf2EdgeError.box` for a box that is not finite, has no size or lies outside the frame,
    /// `.inference` if a model fails.
    public func predict(_ frame: Frame, boxes: [Box]? = nil) throws -> [FaceState] {
        return try inTurn { (pipeline: Pipeline) -> [FaceState] in
            guard let given = boxes else { return try pipeline.predict(frame) }
            for (i, box) in given.enumerated() {
                try checkBox(box, "box \(i)", frame)
            }
            return try given.map {
                try pipeline.analyze(frame, Detection(box: $0, score: 1, landmarks: nil))
            }
        }
    }

    /// The state of the one face in each crop: exactly one result a crop, in order.
    ///
    /// Throws `Mf2EdgeError.inference` if a model fails.
    public func predictCrops(_ crops: [Frame]) throws -> [FaceState] {
        var states: [FaceState] = []
        for crop in crops {
            states.append(try inTurn { try $0.predictCrop(crop) })
        }
        return states
    }

    /// The state of one face that another detector found; its landmarks are looked for inside its box
    /// if it has none. Throws as `predict`.
    public func analyze(_ frame: Frame, _ face: Detection) throws -> FaceState {
        return try inTurn { (pipeline: Pipeline) -> FaceState in
            try checkBox(face.box, "the face's box", frame)
            return try pipeline.analyze(frame, face)
        }
    }

    /// A stream of frames of one scene: track ids, smoothed answers, events of Action Units.
    ///
    /// Between searches for new faces, `detectEveryMs` apart, known ones are followed by one look.
    /// What is less than 0, or no number, counts as 0.
    public func stream(detectEveryMs: Double = 200) -> FaceStateStream {
        let every: Double = detectEveryMs > 0 ? detectEveryMs : 0
        return FaceStateStream(self, detectEveryMs: every)
    }

    /// Wait for a call that is running, and free the model. Calling it again does nothing.
    public func close() {
        turn.lock()
        pipeline = nil
        turn.unlock()
    }

    /// Do something when no other call is within the models.
    func inTurn<Answer>(_ work: (Pipeline) throws -> Answer) throws -> Answer {
        turn.lock()
        defer { turn.unlock() }
        guard let open = pipeline else {
            throw Mf2EdgeError.runtimeUnavailable("the analyzer was closed; make another")
        }
        return try work(open)
    }
}

/// The stages strung together: a frame in, the state of every face in it out.
struct Pipeline {
    let spec: ModelSpec
    let detector: FaceDetector
    private let artifact: ArtifactSpec
    private let model: Model
    private let decoder: Decoder

    init(
        _ spec: ModelSpec, _ artifact: ArtifactSpec, _ model: Model, _ detector: FaceDetector,
        includeExperimental: Bool
    ) {
        self.spec = spec
        self.artifact = artifact
        self.model = model
        self.detector = detector
        self.decoder = Decoder(spec, includeExperimental: includeExperimental)
    }

    /// The state of every face, largest first.
    func predict(_ frame: Frame) throws -> [FaceState] {
        let found: [Detection] = try detector.detect(frame)
        let faces: [Detection] = found.sorted { $0.box.area > $1.box.area }
        return try faces.map { try analyze(frame, $0) }
    }

    /// The state of the one face in a crop, whose landmarks are looked for in all of it.
    func predictCrop(_ crop: Frame) throws -> FaceState {
        let box = Box(x: 0, y: 0, width: Double(crop.width), height: Double(crop.height))
        let found: Detection? = try detector.refine(crop, box)
        return try readFace(crop, found ?? Detection(box: box, score: 1, landmarks: nil))
    }

    /// A detected face; its landmarks are looked for if there are none.
    func analyze(_ frame: Frame, _ face: Detection) throws -> FaceState {
        var known: Detection = face
        if known.landmarks == nil {
            known.landmarks = try detector.refine(frame, face.box)?.landmarks
        }
        return try readFace(frame, known)
    }

    private func readFace(_ frame: Frame, _ face: Detection) throws -> FaceState {
        let image = Image(frame)
        var landmarks: Landmarks? = face.landmarks
        if let points = landmarks, !isUsable(points) { landmarks = nil }
        let matrix: Matrix? = landmarks.flatMap { similarity($0, spec.alignment) }
        let aligned: Image
        let status: Status
        if let found = matrix {
            aligned = align(image, found, spec.alignment)
            let side: Double = min(face.box.width, face.box.height)
            status = side < spec.decoding.minFaceSize ? .small : .ok
        } else {
            aligned = resizeCrop(image, face.box, spec.alignment)
            status = .unaligned
        }
        let pose: HeadPose? = landmarks.flatMap { headPose($0) }
        let quality: FaceQuality = faceQuality(aligned, face.box, pose)
        let poor: Bool = quality.overall < lowQuality || face.doubtful
        let doubt: Reason? = poor ? .lowQuality : nil
        let outputs: [[Float]] = try model.run(preprocess(aligned))
        let answers = decoder.decode(outputs, status, doubt)
        return FaceState(
            box: face.box,
            landmarks: face.landmarks,
            detectionScore: face.score,
            emotion: answers.emotion,
            actionUnits: answers.actionUnits,
            status: status,
            headPose: pose,
            quality: quality.withVisibility(answers.visibility),
            trackId: nil,
            visibility: answers.visibility
        )
    }

    private func preprocess(_ aligned: Image) -> [Float] {
        switch artifact.input {
        case .image: return asInput(aligned, artifact.layout)
        case .tensor: return toInput(aligned, spec.preprocessing, artifact.layout)
        }
    }
}

/// Pixels; far beyond any frame the arithmetic of positions is no longer exact.
private let largestPosition: Double = 1e6

/// `name` is what messages call the box.
func checkBox(_ box: Box, _ name: String, _ frame: Frame) throws {
    let what: String = "\(name) (x=\(box.x), y=\(box.y), width=\(box.width), height=\(box.height))"
    for number in [box.x, box.y, box.width, box.height] where !(abs(number) < largestPosition) {
        throw Mf2EdgeError.box("\(what): expected finite numbers below \(largestPosition)")
    }
    if box.width <= 0 || box.height <= 0 {
        throw Mf2EdgeError.box("\(what): expected a positive width and height")
    }
    let beside: Bool = box.x >= Double(frame.width) || box.x + box.width <= 0
    let above: Bool = box.y >= Double(frame.height) || box.y + box.height <= 0
    if beside || above {
        throw Mf2EdgeError.box(
            "\(what) lies outside the frame of \(frame.width) x \(frame.height) px"
        )
    }
}

/// Whether landmarks can carry an alignment: finite, eyes apart.
private func isUsable(_ landmarks: Landmarks) -> Bool {
    let right: Point = landmarks.rightEye
    let left: Point = landmarks.leftEye
    let finite: Bool = [right.x, right.y, left.x, left.y].allSatisfy { $0.isFinite }
    return finite && right != left
}
