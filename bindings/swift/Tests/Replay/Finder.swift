import Foundation

@testable import MF2Edge

// The goldens of the face finder, bindings/goldens_finder.json; its maker says what the keys mean.

private typealias Told = [String: Any]

private func objects(_ told: Told, _ key: String) -> [Told] {
    return told[key] as? [Told] ?? []
}

private func number(_ told: Told, _ key: String) -> Double {
    return (told[key] as? NSNumber)?.doubleValue ?? Double.nan
}

private func whole(_ told: Told, _ key: String) -> Int {
    return (told[key] as? NSNumber)?.intValue ?? -1
}

private func numbers(_ told: Any?) -> [Double] {
    return (told as? [NSNumber] ?? []).map { $0.doubleValue }
}

func replayDetect(_ folder: URL, _ detectors: URL, _ load: @escaping LoadModel) throws -> [String: Any] {
    let file: URL = folder.appendingPathComponent("goldens_finder.json")
    let parsed: Any = try JSONSerialization.jsonObject(with: try Data(contentsOf: file))
    let goldens: Told = parsed as? Told ?? [:]
    let tolerance: Told = goldens["tolerance"] as? Told ?? [:]
    let stages = Arrays(folder: folder.appendingPathComponent("stages"))
    let portrait: Image = try stages("frame").image()
    let place: URL = detectors.appendingPathComponent("yunet_n/detector.json")
    let spec: YuNetSpec = try parseYuNet([UInt8](try Data(contentsOf: place)), source: place.path)
    var worst = Worst()
    if !(replayRules(goldens, spec).difference <= number(tolerance, "exact")) { worst.fail() }
    let frames: [Told] = objects(goldens, "frames")
    for told in frames {
        let detector = try YuNetDetector(folder: detectors, options: options(told), load: load)
        let frame = try Frame(picture(portrait, told))
        for faces in told["calls"] as? [[Told]] ?? [] {
            compare(&worst, try detector.detect(frame), faces, number(tolerance, "score"))
        }
    }
    worst.n = frames.count
    return worst.report(number(tolerance, "detect"))
}

/// What needs no network: sizes, candidates of maps, turned frames, and the rules.
private func replayRules(_ goldens: Told, _ spec: YuNetSpec) -> Worst {
    var worst = Worst()
    func see(_ same: Bool) {
        if !same { worst.fail() }
    }
    let step: Int = spec.strides[spec.strides.count - 1]
    for each in objects(goldens, "sides") {
        let height: Int = whole(each, "height")
        let width: Int = whole(each, "width")
        let side: Int = options(each).side(max(height, width), spec)
        let shape: Reduced = reducedShape(height, width, side: side, step: step)
        see(side == whole(each, "side"))
        see(shape.rows == whole(each, "rows") && shape.columns == whole(each, "columns"))
    }
    let decode: Told = goldens["decode"] as? Told ?? [:]
    let maps: [[Float]] = (decode["maps"] as? [Any] ?? []).map { (map: Any) -> [Float] in
        numbers(map).map { Float($0) }
    }
    let found: [Candidate] = candidates(maps, columns: whole(decode, "columns"), spec)
    let expected: [Any] = decode["candidates"] as? [Any] ?? []
    see(found.count == expected.count && !found.isEmpty)
    for (ours, theirs) in zip(found, expected) {
        worst.compare(row(ours), numbers(theirs))
    }
    for each in objects(goldens, "turned") {
        let shape = Reduced(
            rows: whole(each, "rows"), columns: whole(each, "columns"), scale: number(each, "scale")
        )
        let face: Candidate = candidate(numbers(each["candidate"]))
        let moved: Candidate = inFrame(face, quarters: whole(each, "quarters"), shape)
        worst.compare(row(moved), numbers(each["in_frame"]))
    }
    for each in objects(goldens, "orient") {
        let chosen: Detection? = oriented(each["looks"] as? [Any] ?? [], spec.rules)
        see(chosen.map { Int($0.box.x) } == (each["chosen"] as? NSNumber)?.intValue)
        see((chosen?.doubtful ?? false) == (each["doubtful"] as? Bool))
    }
    for each in goldens["accepted"] as? [[Any]] ?? [] {
        let scores: [Double] = each.prefix(2).compactMap { ($0 as? NSNumber)?.doubleValue }
        see(isFace(scores[0], scores[1], spec.rules) == (each[2] as? Bool))
    }
    return worst
}

private func oriented(_ looks: [Any], _ rules: DetectionRules) -> Detection? {
    let upright: Candidate = candidate([0.9, 0, 0, 1, 1, 0, 0, 1, 0])
    return orient(upright, rules) { (turn: Double) -> Detection? in
        let quarter: Int = (Int((turn / (Double.pi / 2)).rounded()) + 4) % 4
        guard let score = looks[quarter] as? NSNumber else { return nil }
        let box = Box(x: Double(quarter), y: 0, width: 1, height: 1)
        return Detection(box: box, score: score.doubleValue, landmarks: nil)
    }
}

private func options(_ told: Told) -> DetectionOptions {
    let given: Told = told["options"] as? Told ?? [:]
    return DetectionOptions(
        minFace: (given["min_face"] as? NSNumber)?.doubleValue,
        maxFaces: (given["max_faces"] as? NSNumber)?.intValue,
        minDetectionScore: (given["min_detection_score"] as? NSNumber)?.doubleValue ?? 0,
        fast: given["fast"] as? Bool ?? false,
        turnedFrames: TurnedFrames(rawValue: given["turned_frames"] as? String ?? "all") ?? .all
    )
}

private func candidate(_ row: [Double]) -> Candidate {
    return Candidate(
        box: Box(x: row[1], y: row[2], width: row[3], height: row[4]),
        score: row[0],
        rightEye: Point(x: row[5], y: row[6]),
        leftEye: Point(x: row[7], y: row[8])
    )
}

private func row(_ face: Candidate) -> [Double] {
    let place: [Double] = [face.score, face.box.x, face.box.y, face.box.width, face.box.height]
    return place + [face.rightEye.x, face.rightEye.y, face.leftEye.x, face.leftEye.y]
}

/// A picture of the goldens: views of the portrait on a grey canvas.
private func picture(_ portrait: Image, _ told: Told) -> Image {
    let width: Int = whole(told, "width")
    let height: Int = whole(told, "height")
    var rgb = [UInt8](repeating: UInt8(whole(told, "grey")), count: width * height * 3)
    for part in objects(told, "parts") {
        let m: [Double] = numbers(part["matrix"])
        let matrix = Matrix(a: m[0], b: m[1], tx: m[2], c: m[3], d: m[4], ty: m[5])
        let view: Image = warp(portrait, matrix, whole(part, "width"), whole(part, "height"), .black)
        for row in 0..<view.height {
            let to: Int = ((whole(part, "y") + row) * width + whole(part, "x")) * 3
            let line = view.rgb[(row * view.width * 3)..<((row + 1) * view.width * 3)]
            rgb.replaceSubrange(to..<(to + view.width * 3), with: line)
        }
    }
    return Image(width: width, height: height, rgb: rgb)
}

private func compare(_ worst: inout Worst, _ found: [Detection], _ recorded: [Told], _ score: Double) {
    if found.count != recorded.count { worst.fail() }
    for (face, told) in zip(found, recorded) {
        let box: Box = face.box
        worst.compare([box.x, box.y, box.width, box.height], numbers(told["box"]))
        var points: [Double] = []
        for name in LandmarkName.allCases {
            guard let point = face.landmarks?[name] else { continue }
            points += [point.x, point.y]
        }
        worst.compare(points, numbers(told["landmarks"]))
        if face.doubtful != (told["doubtful"] as? Bool) { worst.fail() }
        if abs(face.score - number(told, "score")) > score { worst.fail() }
    }
}
