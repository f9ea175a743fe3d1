import Foundation

@testable import MF2Edge

/// Answers 0 to everything, in the sizes that the manifest states; or `answer`.
final class FakeRunner: Runner {
    private let sizes: [Int]
    var answer: Float = 0

    init(_ spec: ModelSpec) {
        var widths: [(output: Int, width: Int)] = []
        for head in spec.heads {
            widths.append((head.output, head.labels.count))
        }
        for embedding in spec.embeddings {
            widths.append((embedding.output, embedding.width))
        }
        self.sizes = widths.sorted { $0.output < $1.output }.map { $0.width }
    }

    init(sizes: [Int]) {
        self.sizes = sizes
    }

    func run(_ input: [Float]) throws -> [[Float]] {
        return sizes.map { [Float](repeating: answer, count: $0) }
    }
}

/// Sees what it is told to.
final class FakeDetector: FaceDetector {
    var faces: [Detection] = []
    var trouble: Mf2EdgeError?

    func detect(_ frame: Frame) throws -> [Detection] {
        if let error = trouble { throw error }
        return faces
    }

    func refine(_ frame: Frame, _ box: Box) throws -> Detection? {
        return faces.first
    }

    func follow(_ frame: Frame, _ face: Detection) throws -> Detection? {
        return faces.first { overlap($0.box, face.box) > 0.3 }
    }
}

/// An upright face whose box begins at x, y and is 40 px wide.
func upright(_ x: Double, _ y: Double) -> Detection {
    func point(_ right: Double, _ down: Double) -> Point {
        return Point(x: x + right, y: y + down)
    }
    return Detection(
        box: Box(x: x, y: y, width: 40, height: 40),
        score: 0.9,
        landmarks: Landmarks(
            rightEye: point(12, 14),
            leftEye: point(28, 14),
            noseTip: point(20, 22),
            mouthCenter: point(20, 30),
            rightEar: point(4, 16),
            leftEar: point(36, 16)
        )
    )
}

func grey(_ width: Int = 96, _ height: Int = 64) throws -> Frame {
    return try Frame(
        width: width, height: height, rgb: [UInt8](repeating: 120, count: width * height * 3)
    )
}

/// An analyzer of the shipped bundle on a fake engine that answers `answer`, and its detector.
func fakeAnalyzer(_ answer: Float = 0) throws -> (analyzer: FaceStateAnalyzer, detector: FakeDetector) {
    let bundle = try ModelBundle(folder: shippedBundle)
    let detector = FakeDetector()
    let runner = FakeRunner(bundle.spec)
    runner.answer = answer
    let analyzer = try FaceStateAnalyzer(
        bundle: bundle,
        artifact: try bundle.select(.tflite),
        runner: runner,
        detector: detector
    )
    return (analyzer, detector)
}
