import XCTest

@testable import MF2Edge

/// Each stage against the goldens that every binding reproduces.
final class StageTests: XCTestCase {
    func testManifestsAreJudgedAsPythonJudgesThem() throws {
        let json = Json(value: try parseJson(try fixture("manifests.json")), place: "$")
        let fields: Fields = try json.fields()
        let texts: [String] = try fields.required("texts").list { try $0.text() }
        let bases: [[UInt8]] = texts.map { Array($0.utf8) }
        var count: Int = 0
        _ = try fields.required("cases").list { (item: Json) throws -> Void in
            let one: Fields = try item.fields()
            let of: Int = try one.required("of").whole()
            let base: [UInt8] = bases[of]
            let start: Int = try one.required("start").whole()
            let end: Int = try one.required("end").whole()
            let middle: String = try one.required("middle").text()
            let valid: Bool = try one.required("valid").value == .bool(true)
            var bytes: [UInt8] = Array(base.prefix(start))
            bytes.append(contentsOf: Array(middle.utf8))
            bytes.append(contentsOf: base.suffix(end))
            XCTAssertEqual(accepts(bytes), valid, "case \(count)")
            count += 1
        }
        XCTAssertGreaterThan(count, 300)
    }

    private func accepts(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try parseModel(bytes, source: "case")
            return true
        } catch Mf2EdgeError.manifest {
            return false
        } catch {
            XCTFail("\(error) is no Mf2EdgeError.manifest")
            return false
        }
    }

    func testAlign() throws {
        let stored: [String: Golden] = try goldens()
        let spec: AlignmentSpec = try shippedSpec().alignment
        let frame: Image = try image(stored, "stages/frame")
        let cases: Golden = try golden(stored, "stages/align/landmarks")
        let matrices: Golden = try golden(stored, "stages/align/matrix")
        let aligned: Golden = try golden(stored, "stages/align/aligned")
        let tolerance: Double = try golden(stored, "stages/tolerance/align").numbers[0]
        let allowed: Double = try golden(stored, "stages/tolerance/matrix").numbers[0]
        for i in 0..<cases.shape[0] {
            let found: Matrix = try XCTUnwrap(similarity(landmarks(cases.row(i)), spec))
            let entries: [Double] = [found.a, found.b, found.tx, found.c, found.d, found.ty]
            XCTAssertLessThanOrEqual(largestDifference(entries, matrices.row(i)), allowed)
            let made: [Double] = align(frame, found, spec).rgb.map { Double($0) }
            XCTAssertLessThanOrEqual(largestDifference(made, aligned.row(i)), tolerance, "case \(i)")
        }
    }

    func testWarp() throws {
        let stored: [String: Golden] = try goldens()
        let frame: Image = try image(stored, "stages/frame")
        let matrices: Golden = try golden(stored, "stages/warp/matrix")
        let views: Golden = try golden(stored, "stages/warp/view")
        let tolerance: Double = try golden(stored, "stages/tolerance/align").numbers[0]
        for i in 0..<matrices.shape[0] {
            let m: [Double] = matrices.row(i)
            let matrix = Matrix(a: m[0], b: m[1], tx: m[2], c: m[3], d: m[4], ty: m[5])
            let view: Image = warp(frame, matrix, views.shape[2], views.shape[1], .black)
            let made: [Double] = view.rgb.map { Double($0) }
            XCTAssertLessThanOrEqual(largestDifference(made, views.row(i)), tolerance, "view \(i)")
        }
    }

    func testPreprocess() throws {
        let stored: [String: Golden] = try goldens()
        let spec: PreprocessingSpec = try shippedSpec().preprocessing
        let aligned: Golden = try golden(stored, "aligned")
        let face = Image(width: aligned.shape[2], height: aligned.shape[1], rgb: aligned.bytes)
        let made: [Double] = toInput(face, spec, .nchw).map { Double($0) }
        let recorded: [Double] = try golden(stored, "preprocess").numbers
        let tolerance: Double = try golden(stored, "tolerance/preprocess").numbers[0]
        XCTAssertLessThanOrEqual(largestDifference(made, recorded), tolerance)
        let last: [Float] = toInput(face, spec, .nhwc)
        let count: Int = face.width * face.height
        XCTAssertEqual(Double(last[3 * 7 + 2]), recorded[2 * count + 7], accuracy: tolerance)
    }

    func testDecode() throws {
        let stored: [String: Golden] = try goldens()
        let decoder = Decoder(try shippedSpec())
        let emotions: Golden = try golden(stored, "emotion_logits")
        let units: Golden = try golden(stored, "au_logits")
        let tolerance: Double = try golden(stored, "tolerance/decode").numbers[0]
        for i in 0..<emotions.shape[0] {
            let told: [Double] = decoder.scores(.emotion, emotions.row(i).map { Float($0) })
            let recorded: [Double] = try golden(stored, "emotion_scores").row(i)
            XCTAssertLessThanOrEqual(largestDifference(told, recorded), tolerance)
            let scores: [Double] = decoder.scores(.actionUnits, units.row(i).map { Float($0) })
            let known: [Double] = try golden(stored, "au_scores").row(i)
            XCTAssertLessThanOrEqual(largestDifference(scores, known), tolerance)
        }
    }

    func testSmooth() throws {
        let stored: [String: Golden] = try goldens()
        let spec: ModelSpec = try shippedSpec()
        let labels: [String] = spec.head(.emotion).labels
        let units: [String] = spec.head(.actionUnits).labels
        let times: [Double] = try golden(stored, "smooth/timestamps_ms").numbers
        let emotions: Golden = try golden(stored, "smooth/emotion_scores")
        let scores: Golden = try golden(stored, "smooth/au_scores")
        let smoothedEmotions: Golden = try golden(stored, "smooth/smoothed_emotion_scores")
        let smoothedScores: Golden = try golden(stored, "smooth/smoothed_au_scores")
        let strengths: Golden = try golden(stored, "smooth/strength_scores")
        let smoothedStrengths: Golden = try golden(stored, "smooth/smoothed_strength_scores")
        let regions: [String] = spec.findHead(.visibility)?.labels ?? []
        let seen: Golden = try golden(stored, "smooth/visibility_scores")
        let smoothedSeen: Golden = try golden(stored, "smooth/smoothed_visibility_scores")
        let present: Golden = try golden(stored, "smooth/present")
        let label: Golden = try golden(stored, "smooth/label")
        let tolerance: Double = try golden(stored, "tolerance/smooth").numbers[0]
        var smoother = Smoother(spec, trackId: 1)
        for (t, time) in times.enumerated() {
            var raw: FaceState = state(
                labels, emotions.row(t), units, scores.row(t), strengths.row(t)
            )
            raw.visibility = OrderedMap(regions, seen.row(t))
            let smoothed: FaceState = smoother.update(raw, time).state
            let told: [Double] = smoothed.emotion.scores.values
            XCTAssertLessThanOrEqual(largestDifference(told, smoothedEmotions.row(t)), tolerance)
            let smoothedUnits: [Double] = smoothed.actionUnits.values.map { $0.score }
            XCTAssertLessThanOrEqual(largestDifference(smoothedUnits, smoothedScores.row(t)), tolerance)
            let marked: [Double] = smoothed.actionUnits.values.compactMap { $0.strength }
            XCTAssertLessThanOrEqual(largestDifference(marked, smoothedStrengths.row(t)), tolerance)
            let visible: [Double] = smoothed.visibility.values
            XCTAssertLessThanOrEqual(largestDifference(visible, smoothedSeen.row(t)), tolerance)
            let there: [Double] = smoothed.actionUnits.values.map { $0.present ? 1 : 0 }
            XCTAssertEqual(there, present.row(t), "frame \(t)")
            XCTAssertEqual(smoothed.emotion.label, labels[Int(label.numbers[t])], "frame \(t)")
        }
        XCTAssertEqual(times.count, 240)
    }

    private func state(
        _ labels: [String], _ emotions: [Double], _ units: [String], _ scores: [Double],
        _ strengths: [Double]
    ) -> FaceState {
        let best: Double = emotions.max() ?? 0
        let label: String = labels[emotions.firstIndex(of: best) ?? 0]
        let actionUnits: [ActionUnit] = zip(scores, strengths).map { score, strength in
            ActionUnit(
                name: "", score: score, present: false, reason: .confident, strength: strength
            )
        }
        return FaceState(
            box: Box(x: 0, y: 0, width: 1, height: 1),
            landmarks: nil,
            detectionScore: 1,
            emotion: Emotion(
                label: label,
                rawLabel: label,
                score: best,
                scores: OrderedMap(labels, emotions),
                reason: .confident
            ),
            actionUnits: OrderedMap(units, actionUnits),
            status: .ok,
            headPose: nil,
            quality: FaceQuality(overall: 1, size: 1, sharpness: 1, pose: 1, light: 1),
            trackId: nil
        )
    }

    private func golden(_ stored: [String: Golden], _ name: String) throws -> Golden {
        return try XCTUnwrap(stored[name], "no golden \(name)")
    }

    private func image(_ stored: [String: Golden], _ name: String) throws -> Image {
        let found: Golden = try golden(stored, name)
        return Image(width: found.shape[1], height: found.shape[0], rgb: found.bytes)
    }

    private func landmarks(_ numbers: [Double]) -> Landmarks {
        func point(_ i: Int) -> Point {
            return Point(x: numbers[2 * i], y: numbers[2 * i + 1])
        }
        return Landmarks(
            rightEye: point(0),
            leftEye: point(1),
            noseTip: point(2),
            mouthCenter: point(3),
            rightEar: point(4),
            leftEar: point(5)
        )
    }
}
