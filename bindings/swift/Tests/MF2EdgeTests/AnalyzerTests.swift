import Foundation
import XCTest

@testable import MF2Edge

/// What users do right and wrong, on a fake engine.
final class AnalyzerTests: XCTestCase {
    func testFacesComeLargestFirst() throws {
        let fake = try fakeAnalyzer()
        var large: Detection = upright(50, 20)
        large.box.width = 44
        fake.detector.faces = [upright(5, 5), large]
        let states: [FaceState] = try fake.analyzer.predict(try grey())
        XCTAssertEqual(states.map { $0.box.x }, [50, 5])
        let scores: [Double] = states[0].emotion.scores.values
        XCTAssertEqual(scores.reduce(0, +), 1, accuracy: 1e-9)
        XCTAssertEqual(states[0].actionUnits.keys, try shownUnits())
        XCTAssertNotNil(states[0].headPose)
    }

    func testABoxWithoutAFaceIsUnaligned() throws {
        let box = Box(x: 10, y: 10, width: 40, height: 40)
        for (answer, reason) in [(Float(20), Reason.unaligned), (-20, .notVisible)] {
            let states = try fakeAnalyzer(answer).analyzer.predict(try grey(), boxes: [box])
            XCTAssertEqual(states.map { $0.status }, [.unaligned])
            XCTAssertEqual(states[0].emotion.reason, reason)
        }
    }

    func testEveryCropHasOneState() throws {
        let crops: [Frame] = [try grey(20, 30), try grey(200, 180)]
        XCTAssertEqual(try fakeAnalyzer().analyzer.predictCrops(crops).count, 2)
    }

    func testBadBoxesAreRefused() throws {
        let analyzer = try fakeAnalyzer().analyzer
        let bad: [Box] = [
            Box(x: .nan, y: 0, width: 10, height: 10),
            Box(x: 0, y: 0, width: 0, height: 10),
            Box(x: 96, y: 0, width: 10, height: 10),
            Box(x: 0, y: -20, width: 10, height: 10),
            Box(x: 0, y: 0, width: 1e300, height: 10),
        ]
        for box in bad {
            XCTAssertThrowsError(try analyzer.predict(try grey(), boxes: [box])) { error in
                guard case Mf2EdgeError.box = error else { return XCTFail("\(error)") }
            }
        }
    }

    func testBadFramesAreRefused() {
        XCTAssertThrowsError(try Frame(width: 4, height: 4, rgb: [1, 2, 3]))
        XCTAssertThrowsError(try Frame(width: 1, height: 4, rgb: [UInt8](repeating: 0, count: 12)))
        XCTAssertThrowsError(
            try Frame(width: 2, height: 2, pixels: [0, 1], rowStride: 8, order: [2, 1, 0])
        )
    }

    func testRowsWithPaddingAreRead() throws {
        // BGRA, two pixels a row and four bytes of padding.
        let row: [UInt8] = [3, 2, 1, 255, 6, 5, 4, 255, 9, 9, 9, 9]
        let frame = try Frame(
            width: 2, height: 2, pixels: row + row, rowStride: 12, order: [2, 1, 0]
        )
        XCTAssertEqual(frame.rgb, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6])
    }

    func testWhatIsTransparentLiesOnWhite() throws {
        func rgb(_ pixel: [UInt8], _ alpha: Frame.Alpha) throws -> [UInt8] {
            let pixels: [UInt8] = Array([pixel, pixel, pixel, pixel].joined())
            let frame = try Frame(
                width: 2, height: 2, pixels: pixels, rowStride: 8, order: [1, 2, 3], alpha: alpha
            )
            return Array(frame.rgb.prefix(3))
        }
        XCTAssertEqual(try rgb([64, 255, 128, 0], .straight), [255, 223, 191])
        XCTAssertEqual(try rgb([64, 64, 32, 0], .premultiplied), [255, 223, 191])
        XCTAssertEqual(try rgb([100, 200, 9, 0], .premultiplied), [255, 164, 155])
        XCTAssertEqual(try rgb([0, 1, 2, 3], .straight), [255, 255, 255])
        XCTAssertEqual(try rgb([0, 1, 2, 3], .ignored), [1, 2, 3])
    }

    func testADegenerateWarpIsNoCrash() throws {
        let image = Image(try grey())
        for value in [0, Double.nan, Double.infinity, 1e300] {
            let matrix = Matrix(a: value, b: 0, tx: 0, c: 0, d: value, ty: value)
            XCTAssertEqual(warp(image, matrix, 8, 8, .black).rgb.count, 192)
        }
    }

    func testAClosedAnalyzerSaysSo() throws {
        let analyzer = try fakeAnalyzer().analyzer
        let stream: FaceStateStream = analyzer.stream()
        analyzer.close()
        analyzer.close()
        XCTAssertThrowsError(try stream.update(try grey(), timestampMs: 0)) { error in
            guard case Mf2EdgeError.runtimeUnavailable = error else { return XCTFail("\(error)") }
        }
    }

    func testAModelOfOtherSizesIsRefused() throws {
        let bundle = try ModelBundle(folder: shippedBundle)
        XCTAssertThrowsError(
            try FaceStateAnalyzer(
                bundle: bundle,
                artifact: try bundle.select(.tflite),
                runner: FakeRunner(sizes: [8, 3]),
                detector: FakeDetector()
            )
        ) { error in
            guard case Mf2EdgeError.manifest = error else { return XCTFail("\(error)") }
        }
    }

    func testAModelThatAnswersNoNumberIsRefused() throws {
        let bundle = try ModelBundle(folder: shippedBundle)
        let runner = FakeRunner(bundle.spec)
        let detector = FakeDetector()
        let analyzer = try FaceStateAnalyzer(
            bundle: bundle,
            artifact: try bundle.select(.tflite),
            runner: runner,
            detector: detector
        )
        detector.faces = [upright(20, 10)]
        runner.answer = .nan
        XCTAssertThrowsError(try analyzer.predict(try grey())) { error in
            guard case Mf2EdgeError.inference = error else { return XCTFail("\(error)") }
        }
    }

    func testTheShippedModelIsChecked() throws {
        let bundle = try ModelBundle(folder: shippedBundle)
        let artifact: ArtifactSpec = try bundle.select(.tflite)
        XCTAssertEqual(try bundle.read(artifact).count, artifact.bytes)
        XCTAssertThrowsError(try bundle.select(.coreml, precision: .fp32))
        XCTAssertThrowsError(try ModelBundle(folder: shippedBundle.appendingPathComponent("no")))
    }

    func testSha256() {
        let empty: String = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let abc: String = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        XCTAssertEqual(sha256([]), empty)
        XCTAssertEqual(sha256(Array("abc".utf8)), abc)
        let long: String = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        XCTAssertEqual(sha256([UInt8](repeating: 0x61, count: 1_000_000)), long)
    }

    func testHeadPoseOfAnUprightFaceIsLevel() throws {
        let pose: HeadPose = try XCTUnwrap(headPose(try XCTUnwrap(upright(0, 0).landmarks)))
        XCTAssertEqual(pose.roll, 0, accuracy: 1e-6)
        XCTAssertEqual(pose.yaw, 0, accuracy: 1e-6)
        var earless: Landmarks = try XCTUnwrap(upright(0, 0).landmarks)
        earless.rightEar = nil
        earless.leftEar = nil
        XCTAssertEqual(try XCTUnwrap(headPose(earless)).roll, 0, accuracy: 1e-6)
        let one = Point(x: 1, y: 1)
        let same = Landmarks(rightEye: one, leftEye: one, noseTip: one, mouthCenter: one)
        XCTAssertNil(headPose(same))
    }
}
