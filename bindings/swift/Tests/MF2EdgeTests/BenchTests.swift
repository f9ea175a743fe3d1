import Foundation
import XCTest

@testable import MF2Edge
@testable import MF2EdgeBench

/// The report that `python -m mf2_edge.bench --import` reads.
final class BenchTests: XCTestCase {
    func testAReportOfAFakeEngine() throws {
        let bundle = try ModelBundle(folder: shippedBundle)
        let detector = FakeDetector()
        detector.faces = [upright(20, 10)]
        let run: Run = try MF2EdgeBench.measure(
            bundle: bundle,
            artifact: try bundle.select(.tflite),
            computeUnit: "cpu",
            runtime: "fake",
            detector: detector,
            photo: try grey(),
            effort: Effort(warmUp: 1, queries: 3, seconds: 0),
            load: { FakeRunner(bundle.spec) }
        )
        XCTAssertEqual(run.samplesMs.count, 3)
        XCTAssertEqual(run.stagesMs["predict"]?.count, 3)
        let phone = Phone(
            model: "iPhone13,2",
            osVersion: "17.4",
            thermalBefore: .nominal,
            thermalAfter: .fair,
            lowPowerMode: false,
            batteryPercent: nil
        )
        let report = DeviceReport(
            bundle: bundle.spec.name,
            bundleSha256: bundle.manifestSha256,
            date: Date(timeIntervalSince1970: 0),
            phone: phone,
            runs: [run]
        )
        let spaced: String = String(decoding: try report.json(), as: UTF8.self)
        let text: String = spaced.filter { !$0.isWhitespace }
        let keys: [String] = [
            "\"kind\":\"mf2-edge-device-report\"", "\"schema_version\":\"1.0\"",
            "\"battery_percent\":null", "\"platform\":\"ios\"", "\"date\":\"1970-01-01T",
            "\"artifact_sha256\"", "\"samples_ms\"", "\"thermal_after\":\"fair\"",
        ]
        for key in keys {
            XCTAssertTrue(text.contains(key), "\(key) in \(text)")
        }
    }
}
