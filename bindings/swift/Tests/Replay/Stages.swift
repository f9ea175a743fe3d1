import Foundation
import MF2EdgeLiteRT

@testable import MF2Edge

// Each stage of the pipeline against its goldens: the largest difference, what is allowed, the cases.

/// The largest difference of a stage so far; NaN counts as infinite.
struct Worst {
    var difference: Double = 0
    var n: Int = 0

    mutating func compare(_ found: [Double], _ recorded: [Double]) {
        if found.count != recorded.count { fail() }
        for (ours, theirs) in zip(found, recorded) {
            let off: Double = abs(ours - theirs)
            difference = off.isNaN ? Double.infinity : max(difference, off)
        }
        n += 1
    }

    mutating func fail() {
        difference = Double.infinity
    }

    /// As a JSON object; the difference is null where it is infinite.
    func report(_ tolerance: Double) -> [String: Any] {
        let figure: Any = difference.isFinite ? difference : NSNull()
        return ["max_difference": figure, "tolerance": tolerance, "n": n]
    }
}

/// A folder of .npy files.
struct Arrays {
    let folder: URL

    func callAsFunction(_ name: String) throws -> Npy {
        return try readNpy(folder.appendingPathComponent("\(name).npy"))
    }

    func number(_ name: String) throws -> Double {
        return try self(name).numbers[0]
    }

    /// The array of a precision, where it has one of its own.
    func ofPrecision(_ name: String, _ precision: Precision) throws -> Npy {
        let own: String = "\(name)/\(precision.rawValue)"
        let file: URL = folder.appendingPathComponent("\(own).npy")
        return try self(FileManager.default.fileExists(atPath: file.path) ? own : name)
    }
}

func doubles(_ image: Image) -> [Double] {
    return image.rgb.map { Double($0) }
}

func doubles(_ numbers: [Float]) -> [Double] {
    return numbers.map { Double($0) }
}

func replayModels(_ file: URL) throws -> [String: Any] {
    let cases = Json(value: try parseJson([UInt8](try Data(contentsOf: file))), place: "$")
    var worst = Worst()
    _ = try cases.list { (item: Json) throws -> Void in
        let fields: Fields = try item.fields()
        let text: String = try fields.required("text").text()
        let valid: Bool = try fields.required("valid").value == .bool(true)
        let accepted: Bool
        do {
            _ = try parseModel(Array(text.utf8), source: "case")
            accepted = true
        } catch Mf2EdgeError.manifest {
            accepted = false
        }
        worst.difference += accepted == valid ? 0 : 1
        worst.n += 1
    }
    return worst.report(0)
}

/// A picture with transparent parts, its alpha straight and multiplied in, as a frame on white.
func replayFrame(_ stages: Arrays) throws -> [String: Any] {
    let kinds: [(String, Frame.Alpha)] = [
        ("alpha/rgba", .straight), ("alpha/premultiplied", .premultiplied),
    ]
    var worst = Worst()
    for (name, alpha) in kinds {
        let given: Npy = try stages(name)
        let width: Int = given.shape[1]
        let frame = try Frame(
            width: width, height: given.shape[0], pixels: given.bytes, rowStride: 4 * width,
            order: [0, 1, 2], alpha: alpha
        )
        worst.compare(doubles(Image(frame)), try stages("alpha/rgb").numbers)
    }
    return worst.report(try stages.number("tolerance/alpha"))
}

func replayAlign(_ stages: Arrays, _ spec: AlignmentSpec) throws -> [String: Any] {
    let frame: Image = try stages("frame").image()
    let cases: Npy = try stages("align/landmarks")
    var worst = Worst()
    for i in 0..<cases.shape[0] {
        guard let found = similarity(landmarks(cases.row(i)), spec) else {
            worst.fail()
            continue
        }
        var matrix = Worst()
        let entries: [Double] = [found.a, found.b, found.tx, found.c, found.d, found.ty]
        matrix.compare(entries, try stages("align/matrix").row(i))
        if matrix.difference > (try stages.number("tolerance/matrix")) { worst.fail() }
        worst.compare(doubles(align(frame, found, spec)), try stages("align/aligned").row(i))
    }
    let views: Npy = try stages("warp/matrix")
    let shape: [Int] = try stages("warp/view").shape
    for i in 0..<views.shape[0] {
        let m: [Double] = views.row(i)
        let matrix = Matrix(a: m[0], b: m[1], tx: m[2], c: m[3], d: m[4], ty: m[5])
        let view: Image = warp(frame, matrix, shape[2], shape[1], .black)
        worst.compare(doubles(view), try stages("warp/view").row(i))
    }
    return worst.report(try stages.number("tolerance/align"))
}

private func landmarks(_ numbers: [Double]) -> Landmarks {
    func point(_ i: Int) -> Point {
        return Point(x: numbers[2 * i], y: numbers[2 * i + 1])
    }
    return Landmarks(
        rightEye: point(0), leftEye: point(1), noseTip: point(2), mouthCenter: point(3),
        rightEar: point(4), leftEar: point(5)
    )
}

func replayPreprocess(_ goldens: Arrays, _ spec: PreprocessingSpec) throws -> [String: Any] {
    let aligned: Npy = try goldens("aligned")
    var worst = Worst()
    for i in 0..<aligned.shape[0] {
        let input: [Float] = toInput(aligned.image(i), spec, .nchw)
        worst.compare(doubles(input), try goldens("preprocess").row(i))
    }
    return worst.report(try goldens.number("tolerance/preprocess"))
}

/// Of several files the one that comes nearest to what it is allowed.
func replayRun(_ goldens: Arrays, _ bundle: ModelBundle, _ engine: LiteRT) throws -> [String: Any] {
    let aligned: Npy = try goldens("aligned")
    let spec: ModelSpec = bundle.spec
    var nearest: (worst: Worst, tolerance: Double)?
    for artifact in spec.artifacts where artifact.format == .tflite && artifact.ioDtype == .float32 {
        let runner = try LiteRTRunner(engine: engine, bundle: bundle, artifact: artifact)
        let model = try Model(runner, artifact, spec)
        var worst = Worst()
        for i in 0..<aligned.shape[0] {
            let face: Image = aligned.image(i)
            let input: [Float] = artifact.input == .image
                ? asInput(face, artifact.layout)
                : toInput(face, spec.preprocessing, artifact.layout)
            let outputs: [[Float]] = try model.run(input)
            for head in spec.heads {
                let name: String = "\(goldenName(head.name))_logits"
                let recorded: Npy = try goldens.ofPrecision(name, artifact.precision)
                worst.compare(doubles(outputs[head.output]), recorded.row(i))
            }
        }
        worst.n = aligned.shape[0]
        let tolerance = try goldens.ofPrecision("tolerance/model", artifact.precision).numbers[0]
        let known: Double = nearest.map { $0.worst.difference / $0.tolerance } ?? -1
        if worst.difference / tolerance > known { nearest = (worst, tolerance) }
    }
    guard let found = nearest else { throw ReplayError(message: "no .tflite in the bundle") }
    return found.worst.report(found.tolerance)
}

func replayDecode(_ goldens: Arrays, _ spec: ModelSpec) throws -> [String: Any] {
    let decoder = Decoder(spec)
    var worst = Worst()
    var faces: Int = 0
    for head in spec.heads {
        let logits: Npy = try goldens("\(goldenName(head.name))_logits")
        let scores: Npy = try goldens("\(goldenName(head.name))_scores")
        faces = logits.shape[0]
        for i in 0..<faces {
            worst.compare(decoder.scores(head.name, floats(logits, i)), scores.row(i))
        }
    }
    worst.n = faces
    return worst.report(try goldens.number("tolerance/decode"))
}

/// What the arrays of a head are called.
private func goldenName(_ head: HeadName) -> String {
    return head == .actionUnits ? "au" : head.rawValue
}

private func floats(_ array: Npy, _ i: Int) -> [Float] {
    return array.row(i).map { Float($0) }
}

/// Decode and smooth of a bundle that has every head.
func replayHeads(_ folder: URL) throws -> [String: Any] {
    let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent("model.json")))
    let spec: ModelSpec = try parseModel(bytes, source: "model.json")
    let goldens = Arrays(folder: folder.appendingPathComponent("goldens"))
    let series = Arrays(folder: folder.appendingPathComponent("smooth"))
    return [
        "decode": try replayDecode(goldens, spec),
        "smooth": try replaySmooth(series, spec),
        "answers": try replayAnswers(goldens, spec),
    ]
}

/// What each face says once its heads are decoded: intensity, visibility and reasons included.
private func replayAnswers(_ goldens: Arrays, _ spec: ModelSpec) throws -> [[String: Any]] {
    let decoder = Decoder(spec)
    let heads: [HeadSpec] = spec.heads.sorted { $0.output < $1.output }
    let logits: [Npy] = try heads.map { try goldens("\(goldenName($0.name))_logits") }
    return (0..<logits[0].shape[0]).map { i in
        let told = decoder.decode(logits.map { floats($0, i) }, .ok, nil)
        var units: [String: Any] = [:]
        for (label, unit) in told.actionUnits {
            var world: Any = NSNull()
            if let f1 = unit.reliability?.world?.f1 { world = f1 }
            units[label] = [
                "present": unit.present,
                "reason": unit.reason.rawValue,
                "intensity": unit.intensity ?? -1,
                "level": unit.level?.rawValue ?? "",
                "world": world,
            ] as [String: Any]
        }
        var visibility: [String: Any] = [:]
        for (region, score) in told.visibility { visibility[region] = score }
        return [
            "emotion": told.emotion.label,
            "reason": told.emotion.reason.rawValue,
            "action_units": units,
            "visibility": visibility,
        ]
    }
}

func replaySmooth(_ folder: Arrays, _ spec: ModelSpec) throws -> [String: Any] {
    let labels: [String] = spec.head(.emotion).labels
    let units: [String] = spec.head(.actionUnits).labels
    let times: [Double] = try folder("smooth/timestamps_ms").numbers
    let emotions: Npy = try folder("smooth/emotion_scores")
    let scores: Npy = try folder("smooth/au_scores")
    let smoothedEmotions: Npy = try folder("smooth/smoothed_emotion_scores")
    let smoothedScores: Npy = try folder("smooth/smoothed_au_scores")
    let regions: [String] = spec.findHead(.visibility)?.labels ?? []
    let marked: Bool = spec.findHead(.strength) != nil
    let strengths: Npy? = marked ? try folder("smooth/strength_scores") : nil
    let smoothedStrengths: Npy? = marked ? try folder("smooth/smoothed_strength_scores") : nil
    let seen: Npy? = regions.isEmpty ? nil : try folder("smooth/visibility_scores")
    let smoothedSeen: Npy? = regions.isEmpty ? nil : try folder("smooth/smoothed_visibility_scores")
    let present: Npy = try folder("smooth/present")
    let label: Npy = try folder("smooth/label")
    var smoother = Smoother(spec, trackId: 1)
    var worst = Worst()
    for (t, time) in times.enumerated() {
        var raw: FaceState = state(
            labels, emotions.row(t), units, scores.row(t), strengths?.row(t)
        )
        if let row = seen?.row(t) { raw.visibility = OrderedMap(regions, row) }
        let smoothed: FaceState = smoother.update(raw, time).state
        worst.compare(smoothed.emotion.scores.values, smoothedEmotions.row(t))
        worst.compare(smoothed.actionUnits.values.map { $0.score }, smoothedScores.row(t))
        if let row = smoothedStrengths?.row(t) {
            worst.compare(smoothed.actionUnits.values.compactMap { $0.strength }, row)
        }
        if let row = smoothedSeen?.row(t) { worst.compare(smoothed.visibility.values, row) }
        let there: [Double] = smoothed.actionUnits.values.map { $0.present ? 1 : 0 }
        if there != present.row(t) { worst.fail() }
        if smoothed.emotion.label != labels[Int(label.numbers[t])] { worst.fail() }
    }
    worst.n = times.count
    return worst.report(try folder.number("tolerance/smooth"))
}

private func state(
    _ labels: [String], _ emotions: [Double], _ units: [String], _ scores: [Double],
    _ strengths: [Double]?
) -> FaceState {
    let best: Double = emotions.max() ?? 0
    let label: String = labels[emotions.firstIndex(of: best) ?? 0]
    let actionUnits: [ActionUnit] = scores.enumerated().map { i, score in
        ActionUnit(
            name: "", score: score, present: false, reason: .confident, strength: strengths?[i]
        )
    }
    return FaceState(
        box: Box(x: 0, y: 0, width: 1, height: 1),
        landmarks: nil,
        detectionScore: 1,
        emotion: Emotion(
            label: label, rawLabel: label, score: best, scores: OrderedMap(labels, emotions),
            reason: .confident
        ),
        actionUnits: OrderedMap(units, actionUnits),
        status: .ok,
        headPose: nil,
        quality: FaceQuality(overall: 1, size: 1, sharpness: 1, pose: 1, light: 1),
        trackId: nil
    )
}
