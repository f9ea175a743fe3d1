import Foundation

/// Events that nobody takes are forgotten beyond these, oldest first.
private let keptEvents: Int = 10_000

/// The states of the faces of one scene over time; made by `FaceStateAnalyzer.stream`.
///
/// Frames have an order, so a stream has one user at a time: `update` or `reset` while another thread is
/// within one of them throws `Mf2EdgeError.busy`. Which thread that is does not matter. Memory and cost
/// a frame do not grow with the length of the stream.
public final class FaceStateStream: @unchecked Sendable {
    private let analyzer: FaceStateAnalyzer
    private let detectEveryMs: Double
    private let user = NSLock()
    private let lock = NSLock()
    private var events: [ActionUnitEvent] = []
    private var scene: Scene?

    init(_ analyzer: FaceStateAnalyzer, detectEveryMs: Double) {
        self.analyzer = analyzer
        self.detectEveryMs = detectEveryMs
    }

    /// The state of every face in the next frame, largest first, each with its `trackId`. A new face is
    /// told of once a second search has found it too.
    ///
    /// `timestampMs` on any clock that does not run backwards; frames may be dropped or repeated.
    /// Throws `Mf2EdgeError.timestamp` for a frame older than the one before or a time that is not
    /// finite, `.busy` if another thread is within a call of this stream, `.runtimeUnavailable` if the
    /// analyzer was closed, `.inference` if a model fails.
    public func update(_ frame: Frame, timestampMs: Double) throws -> [FaceState] {
        return try alone { () -> [FaceState] in
            return try analyzer.inTurn { (pipeline: Pipeline) -> [FaceState] in
                let memory: Scene = scene ?? Scene(pipeline.detector, detectEveryMs)
                scene = memory
                let found = try memory.update(pipeline, frame, timestampMs)
                keep(found.events)
                return found.states
            }
        }
    }

    /// What began or ended since the last call, in the order in which it was told. Any thread may ask.
    public func takeEvents() -> [ActionUnitEvent] {
        lock.lock()
        defer { lock.unlock() }
        let told: [ActionUnitEvent] = events
        events = []
        return told
    }

    /// Forget all faces and events, as for another scene; time may begin anew.
    ///
    /// Throws `Mf2EdgeError.busy` if another thread is within a call of this stream.
    public func reset() throws {
        try alone { () -> Void in
            scene = nil
            _ = takeEvents()
        }
    }

    private func keep(_ told: [ActionUnitEvent]) {
        lock.lock()
        defer { lock.unlock() }
        events += told
        if events.count > keptEvents { events.removeFirst(events.count - keptEvents) }
    }

    private func alone<Answer>(_ work: () throws -> Answer) throws -> Answer {
        if !user.try() {
            throw Mf2EdgeError.busy(
                "another thread is within a call of this stream; expected one frame after the other: "
                    + "feed it from one thread, or make a stream for each"
            )
        }
        defer { user.unlock() }
        return try work()
    }
}

/// A stream's memory, the faces of one scene: track, read each face, smooth, as mf2_edge/stream.py.
final class Scene {
    private let tracker: Tracker
    private var people: [Int: Person] = [:]
    private var lastMs: Double?

    init(_ detector: FaceDetector, _ detectEveryMs: Double) {
        self.tracker = Tracker(detector.forStream(), detectEveryMs: detectEveryMs)
    }

    /// The state of every face in the next frame, largest first, and what began or ended.
    func update(
        _ pipeline: Pipeline, _ frame: Frame, _ timestampMs: Double
    ) throws -> (states: [FaceState], events: [ActionUnitEvent]) {
        try checkTime(timestampMs)
        let found = try tracker.update(frame, timestampMs)
        lastMs = timestampMs
        var events: [ActionUnitEvent] = []
        for id in found.gone {
            // A face whose frame could not be read has a track, and nothing to close.
            if let person = people.removeValue(forKey: id) {
                events += person.smoother.close(timestampMs)
            }
        }
        var states: [FaceState] = []
        for track in found.faces {
            let person: Person = people[track.id] ?? Person(pipeline.spec, track.id)
            people[track.id] = person
            let smoothedFace: Detection = person.smooth(track.face, timestampMs)
            let raw: FaceState = try pipeline.analyze(frame, smoothedFace)
            let smoothed = person.smoother.update(raw, timestampMs)
            events += smoothed.events
            states.append(smoothed.state)
        }
        states.sort { $0.box.area > $1.box.area }
        return (states, events)
    }

    private func checkTime(_ timestampMs: Double) throws {
        if !timestampMs.isFinite {
            throw Mf2EdgeError.timestamp(
                "timestampMs is \(timestampMs); expected finite milliseconds"
            )
        }
        if let last = lastMs, timestampMs < last {
            throw Mf2EdgeError.timestamp(
                "timestampMs went back from \(last) to \(timestampMs); expected frames in order: drop "
                    + "the late one, or call reset() for another scene"
            )
        }
    }
}

/// What a stream remembers of one face.
private final class Person {
    var smoother: Smoother
    private var points: OneEuro
    private var lastMs: Double?

    init(_ spec: ModelSpec, _ id: Int) {
        self.smoother = Smoother(spec, trackId: id)
        self.points = OneEuro(spec.smoothing.landmarks, together: true)
    }

    /// The face with its box and landmarks smoothed, so that the crop does not jitter.
    func smooth(_ face: Detection, _ timestampMs: Double) -> Detection {
        let seconds: Double = (timestampMs - (lastMs ?? timestampMs)) / 1e3
        lastMs = timestampMs
        let box: Box = face.box
        var values: [Double] = [box.x, box.y, box.x + box.width, box.y + box.height]
        for name in LandmarkName.allCases {
            guard let point = face.landmarks?[name] else { continue }
            values += [point.x, point.y]
        }
        let smoothed: [Double] = points.update(values, seconds: seconds, unit: box.width)
        var next: Int = 4
        let landmarks: Landmarks? = face.landmarks?.map { _ in
            let point = Point(x: smoothed[next], y: smoothed[next + 1])
            next += 2
            return point
        }
        let width: Double = smoothed[2] - smoothed[0]
        let height: Double = smoothed[3] - smoothed[1]
        return Detection(
            box: Box(x: smoothed[0], y: smoothed[1], width: width, height: height),
            score: face.score,
            landmarks: landmarks
        )
    }
}
