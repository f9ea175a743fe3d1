import Dispatch
import Foundation
import MF2Edge

/// How long to measure.
public struct Effort {
    /// Queries before the clock counts.
    public var warmUp: Int
    /// Queries that are timed, at least.
    public var queries: Int
    /// Seconds that they take together, at least.
    public var seconds: Double

    /// MLPerf Mobile's rule: 1,024 queries and 60 seconds, whichever comes last.
    public init(warmUp: Int = 16, queries: Int = 1024, seconds: Double = 60) {
        self.warmUp = warmUp
        self.queries = queries
        self.seconds = seconds
    }
}

/// Measure one artifact of a bundle on one engine.
///
/// `load` loads the model, and its time is told; `photo` is what `predict` is timed on, a picture with a
/// face. Throws what the model or `load` throws.
public func measure(
    bundle: ModelBundle,
    artifact: ArtifactSpec,
    computeUnit: String,
    runtime: String,
    detector: FaceDetector,
    photo: Frame,
    effort: Effort = Effort(),
    load: () throws -> Runner
) throws -> Run {
    let started: Double = now()
    let runner: Runner = try load()
    let loaded: Double = now()
    let size: InputSpec = bundle.spec.input
    let input: [Float] = noise(size.width * size.height * size.channels, artifact.input)
    let before: Double = now()
    _ = try runner.run(input)
    let first: Double = now() - before
    let samples: [Double] = try timed(effort) { _ = try runner.run(input) }
    let analyzer = try FaceStateAnalyzer(
        bundle: bundle, artifact: artifact, runner: runner, detector: detector
    )
    let whole: [Double] = try timed(effort) { _ = try analyzer.predict(photo) }
    return Run(
        artifactSha256: artifact.sha256,
        computeUnit: computeUnit,
        runtime: runtime,
        loadMs: loaded - started,
        firstMs: first,
        samplesMs: samples,
        stagesMs: ["predict": whole]
    )
}

/// Milliseconds of every query after the warm-up, in order.
func timed(_ effort: Effort, _ query: () throws -> Void) throws -> [Double] {
    for _ in 0..<effort.warmUp {
        try query()
    }
    var samples: [Double] = []
    let started: Double = now()
    while samples.count < max(effort.queries, 1) || now() - started < effort.seconds * 1000 {
        let before: Double = now()
        try query()
        samples.append(now() - before)
    }
    return samples
}

/// Milliseconds of a clock that does not run backwards.
private func now() -> Double {
    return Double(DispatchTime.now().uptimeNanoseconds) / 1e6
}

/// A network's time hangs on the size of its input, not on what it shows.
private func noise(_ count: Int, _ input: ModelInput) -> [Float] {
    var state: UInt32 = 1
    var made: [Float] = []
    made.reserveCapacity(count)
    for _ in 0..<count {
        state = state &* 1_664_525 &+ 1_013_904_223
        let pixel: Float = Float(state >> 24)
        made.append(input == .image ? pixel : (pixel - 127.5) / 128)
    }
    return made
}
