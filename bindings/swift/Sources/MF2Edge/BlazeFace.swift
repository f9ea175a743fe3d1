import Foundation

/// `detector.json`: the facts of the detector's network.
struct DetectorSpec {
    let file: String
    let sha256: String
    /// Side of the square RGB view, pixels.
    let inputSize: Int
    /// The network reads (pixel - mean) / std.
    let mean: Double
    let std: Double
    let anchorLayers: [AnchorLayer]
    let keypoints: [LandmarkName]
    let minScore: Double
    let minScoreInBox: Double
    let overlap: Double
}

/// One grid of anchors: its stride in view pixels and how many anchors share a cell.
struct AnchorLayer {
    let stride: Int
    let perCell: Int
}

/// BlazeFace: one square view in, the faces it holds out (Bazarevsky et al. 2019, arXiv:1907.05047).
///
/// The network predicts, at every anchor, a score, a box and six points relative to the anchor's
/// centre. Coordinates are pixels of the view. One thread at a time.
final class BlazeFace {
    let spec: DetectorSpec
    private let runner: Runner
    private let anchors: [Point]
    /// Numbers an anchor: centre and size of the box, then the points.
    private let width: Int

    init(_ spec: DetectorSpec, _ runner: Runner) {
        self.spec = spec
        self.runner = runner
        self.anchors = centres(of: spec)
        self.width = 2 * (2 + spec.keypoints.count)
    }

    /// An anchor whose score passes: then x, y of the box's centre, of its size, of the points.
    private struct Anchored {
        let score: Double
        let values: [Double]

        var box: Box { return boxAround(Point(x: values[0], y: values[1]), values[2], values[3]) }
    }

    /// Faces of a square RGB view, overlapping ones merged, best first.
    func run(_ view: Image, _ minScore: Double) throws -> [Detection] {
        let factor: Double = Double(Float(1 / spec.std))
        let input: [Float] = view.rgb.map { (level: UInt8) -> Float in
            Float((Double(level) - spec.mean) * factor)
        }
        let (logits, values) = try outputs(input)
        let least: Double = log(minScore / (1 - minScore))
        var candidates: [Anchored] = []
        for (anchor, logit) in logits.enumerated() where Double(logit) >= least {
            var found: [Double] = []
            for i in 0..<width {
                let offset: Double = i % 2 == 0 ? anchors[anchor].x : anchors[anchor].y
                // The second pair is a size, not a position.
                let origin: Double = i == 2 || i == 3 ? 0 : offset
                found.append(Double(values[anchor * width + i]) + origin)
            }
            candidates.append(Anchored(score: 1 / (1 + exp(-Double(logit))), values: found))
        }
        return merged(candidates).map { detection($0) }
    }

    /// The best of each group of overlapping detections, best first.
    func distinct(_ faces: [Detection]) -> [Detection] {
        var kept: [Detection] = []
        for face in bestFirst(faces, { $0.score })
        where kept.allSatisfy({ MF2Edge.overlap(face.box, $0.box) <= spec.overlap }) {
            kept.append(face)
        }
        return kept
    }

    /// The logits of the anchors, and the numbers of each.
    private func outputs(_ input: [Float]) throws -> (logits: [Float], values: [Float]) {
        let found: [[Float]] = try runner.run(input).sorted { $0.count < $1.count }
        let expected: [Int] = [anchors.count, anchors.count * width]
        let sizes: [Int] = found.map { $0.count }
        if sizes != expected {
            throw Mf2EdgeError.inference(
                "\(spec.file) returns \(sizes) numbers; detector.json says \(expected); copy the "
                    + "detector again"
            )
        }
        if !found.allSatisfy({ $0.allSatisfy { $0.isFinite } }) {
            throw Mf2EdgeError.inference("an output of \(spec.file) holds NaN or infinity")
        }
        return (found[0], found[1])
    }

    /// One face a group of overlapping anchors, best first: their mean, weighted by score.
    private func merged(_ candidates: [Anchored]) -> [Anchored] {
        var faces: [Anchored] = []
        var rest: [Anchored] = bestFirst(candidates, { $0.score })
        while let best = rest.first {
            var group: [Anchored] = [best]
            var others: [Anchored] = []
            for each in rest.dropFirst() {
                if MF2Edge.overlap(best.box, each.box) > spec.overlap {
                    group.append(each)
                } else {
                    others.append(each)
                }
            }
            let total: Double = group.reduce(0) { $0 + $1.score }
            var mean = [Double](repeating: 0, count: width)
            for each in group {
                let weight: Double = each.score / total
                for i in 0..<width {
                    mean[i] += weight * each.values[i]
                }
            }
            faces.append(Anchored(score: best.score, values: mean))
            rest = others
        }
        return faces
    }

    private func detection(_ face: Anchored) -> Detection {
        func point(_ name: LandmarkName) -> Point {
            let at: Int = 4 + 2 * (spec.keypoints.firstIndex(of: name) ?? 0)
            return Point(x: face.values[at], y: face.values[at + 1])
        }
        let landmarks = Landmarks(
            rightEye: point(.rightEye),
            leftEye: point(.leftEye),
            noseTip: point(.noseTip),
            mouthCenter: point(.mouthCenter),
            rightEar: point(.rightEar),
            leftEar: point(.leftEar)
        )
        return Detection(box: face.box, score: face.score, landmarks: landmarks)
    }
}

/// In descending order of a score; equal ones keep their order.
func bestFirst<Item>(_ items: [Item], _ score: (Item) -> Double) -> [Item] {
    let places = items.indices.sorted { (a: Int, b: Int) -> Bool in
        let one: Double = score(items[a])
        let other: Double = score(items[b])
        return one == other ? a < b : one > other
    }
    return places.map { items[$0] }
}

/// A box of the given size in pixels.
func boxAround(_ centre: Point, _ width: Double, _ height: Double) -> Box {
    return Box(x: centre.x - width / 2, y: centre.y - height / 2, width: width, height: height)
}

/// Centres of all anchors, row by row, layer by layer; pixel centres are integers.
private func centres(of spec: DetectorSpec) -> [Point] {
    var made: [Point] = []
    for layer in spec.anchorLayers {
        let stride: Double = Double(layer.stride)
        let cells: Int = spec.inputSize / layer.stride
        let places: [Double] = (0..<cells).map { (cell: Int) -> Double in
            Double(Float((Double(cell) + 0.5) * stride - 0.5))
        }
        for y in places {
            for x in places {
                for _ in 0..<layer.perCell {
                    made.append(Point(x: x, y: y))
                }
            }
        }
    }
    return made
}

/// More than any detector has; a file of a few bytes must not ask for gigabytes.
private let mostAnchors: Int = 100_000

/// Pixels; a view is square.
private let largestView: Int = 4096

/// `detector.json`; throws `Mf2EdgeError.bundle` for what does not describe a detector.
func parseDetector(_ bytes: [UInt8], source: String) throws -> DetectorSpec {
    do {
        let json = Json(value: try parseJson(bytes), place: "$")
        let spec: DetectorSpec = try detector(json.fields())
        var count: Int = 0
        for layer in spec.anchorLayers {
            let cells: Int = spec.inputSize / layer.stride
            count += cells * cells * layer.perCell
            if count > mostAnchors {
                throw JsonError(message: "$.anchor_layers: more than \(mostAnchors) anchors")
            }
        }
        return spec
    } catch let error as JsonError {
        throw Mf2EdgeError.bundle("\(source): \(error.message); copy the detector again")
    }
}

private func detector(_ fields: Fields) throws -> DetectorSpec {
    func share(_ key: String) throws -> Double {
        return try fields.required(key).number(above: 0, most: 1)
    }
    return DetectorSpec(
        file: try fields.required("file").text(least: 1),
        sha256: try fields.required("sha256").text(pattern: "[0-9a-f]{64}"),
        inputSize: try fields.required("input_size").whole(least: 2, most: largestView),
        mean: try fields.required("mean").number(),
        std: try fields.required("std").number(above: 0),
        anchorLayers: try fields.required("anchor_layers").list { try anchorLayer($0.fields()) },
        keypoints: try keypoints(fields.required("keypoints")),
        minScore: try share("min_score"),
        minScoreInBox: try share("min_score_in_box"),
        overlap: try share("overlap")
    )
}

private func anchorLayer(_ fields: Fields) throws -> AnchorLayer {
    let layer = AnchorLayer(
        stride: try fields.required("stride").whole(above: 0, most: largestView),
        perCell: try fields.required("per_cell").whole(above: 0, most: largestView)
    )
    try fields.close()
    return layer
}

private func keypoints(_ json: Json) throws -> [LandmarkName] {
    let names: [LandmarkName] = try json.list { try $0.choice(LandmarkName.self) }
    if Set(names) != Set(LandmarkName.allCases) { throw json.refusal("expected all six landmarks") }
    return names
}
