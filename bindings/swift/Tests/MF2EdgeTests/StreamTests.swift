import XCTest

@testable import MF2Edge

/// When faces are told of, and under which number; a search comes every 200 ms.
final class StreamTests: XCTestCase {
    /// The numbers told at each time, where a face is seen at the times of `seen`.
    private func told(_ times: [Int], _ seen: Set<Int>) throws -> [[Int?]] {
        let fake = try fakeAnalyzer()
        let stream: FaceStateStream = fake.analyzer.stream()
        var numbers: [[Int?]] = []
        for time in times {
            fake.detector.faces = seen.contains(time) ? [upright(20, 10)] : []
            let states: [FaceState] = try stream.update(try grey(), timestampMs: Double(time))
            numbers.append(states.map { $0.trackId })
        }
        return numbers
    }

    func testFacesOfTheFirstSearchAreToldOfAtOnce() throws {
        XCTAssertEqual(try told([0, 40], [0, 40]), [[1], [1]])
    }

    func testANewFaceIsToldOfWhenTheNextSearchFindsItToo() throws {
        let times: [Int] = [0, 200, 240, 400, 440]
        XCTAssertEqual(try told(times, [200, 240, 400, 440]), [[], [], [], [1], [1]])
    }

    func testWhatOneSearchAloneHasFoundIsNeverToldOf() throws {
        let times: [Int] = [0, 200, 240, 400, 600, 800, 1000]
        XCTAssertEqual(try told(times, [200, 600]), [[], [], [], [], [], [], []])
    }

    func testAFaceThatComesBackWithinASecondKeepsItsNumber() throws {
        XCTAssertEqual(try told([0, 400, 800], [0, 800]), [[1], [], [1]])
    }

    func testAFaceThatComesBackLaterIsANewOne() throws {
        let times: [Int] = [0, 400, 1400, 1600, 1800]
        XCTAssertEqual(try told(times, [0, 1600, 1800]), [[1], [], [], [], [2]])
    }

    func testTimeDoesNotRunBackwards() throws {
        let stream: FaceStateStream = try fakeAnalyzer().analyzer.stream()
        _ = try stream.update(try grey(), timestampMs: 40)
        for time in [39.0, Double.nan, Double.infinity] {
            XCTAssertThrowsError(try stream.update(try grey(), timestampMs: time)) { error in
                guard case Mf2EdgeError.timestamp = error else { return XCTFail("\(error)") }
            }
        }
        try stream.reset()
        XCTAssertNoThrow(try stream.update(try grey(), timestampMs: 0))
    }

    func testEventsAreToldOnce() throws {
        let spec: ModelSpec = try shippedSpec()
        let bundle = try ModelBundle(folder: shippedBundle)
        let runner = FakeRunner(spec)
        let detector = FakeDetector()
        let analyzer = try FaceStateAnalyzer(
            bundle: bundle,
            artifact: try bundle.select(.tflite),
            runner: runner,
            detector: detector
        )
        detector.faces = [upright(20, 10)]
        runner.answer = 20
        let stream: FaceStateStream = analyzer.stream()
        _ = try stream.update(try grey(), timestampMs: 0)
        let units: [String] = try shownUnits()
        XCTAssertEqual(stream.takeEvents().map { $0.label }, units)
        XCTAssertTrue(stream.takeEvents().isEmpty)
        detector.faces = []
        _ = try stream.update(try grey(), timestampMs: 100)
        _ = try stream.update(try grey(), timestampMs: 1200)
        let last: [ActionUnitEvent] = stream.takeEvents()
        XCTAssertEqual(last.count, 2 * units.count)
        XCTAssertEqual(last[0].kind, .apex)
        XCTAssertEqual(last[1].kind, .offset)
    }
}
