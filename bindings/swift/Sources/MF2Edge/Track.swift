/// A face that was lost for longer, milliseconds, is gone.
private let forgetMs: Double = 1000

/// Intersection over union from which two boxes are one face.
private let sameFace: Double = 0.3

/// Largest distance of a face that comes back from where it is expected, in its widths.
private let near: Double = 1

/// Time, milliseconds, over which the velocity of a face is averaged.
private let steadyMs: Double = 150

/// One face through the frames; its number is 0 as long as one search alone has found it.
final class Track {
    var id: Int = 0
    var visible: Bool = true
    private(set) var face: Detection
    private(set) var seenMs: Double
    /// Pixels a millisecond.
    private var velocity = Point(x: 0, y: 0)

    init(_ face: Detection, _ seenMs: Double) {
        self.face = face
        self.seenMs = seenMs
    }

    /// The face, moved on as it moved until now.
    func expected(_ timestampMs: Double) -> Detection {
        let elapsed: Double = timestampMs - seenMs
        return shifted(face, velocity.x * elapsed, velocity.y * elapsed)
    }

    /// Take the face's new place.
    func see(_ found: Detection, _ timestampMs: Double) {
        let elapsed: Double = timestampMs - seenMs
        if elapsed > 0 {
            let from: Point = face.box.centre
            let to: Point = found.box.centre
            let x: Double = to.x - from.x - velocity.x * elapsed
            let y: Double = to.y - from.y - velocity.y * elapsed
            // Never divided by `elapsed`, which may be next to nothing.
            velocity.x += x / (elapsed + steadyMs)
            velocity.y += y / (elapsed + steadyMs)
        }
        face = found
        seenMs = timestampMs
        visible = true
    }
}

/// Track: which face of a frame is which of the frames before, as mf2_edge/tracking/tracker.py does it.
///
/// Known faces are followed by one look of the detector at where each is expected; the whole frame is
/// searched now and then, and when a face was lost. A new face is told of, and numbered, when the next
/// search finds it as well; those of the first search at once. Nothing here recognises people. Its
/// memory is that of the faces of the last second.
final class Tracker {
    private let detector: FaceDetector
    private let detectEveryMs: Double
    private var tracks: [Track] = []
    private var nextId: Int = 1
    private var searchedMs: Double?

    init(_ detector: FaceDetector, detectEveryMs: Double) {
        self.detector = detector
        self.detectEveryMs = detectEveryMs
    }

    /// Visible faces, and the numbers of those that are gone for good.
    func update(_ frame: Frame, _ timestampMs: Double) throws -> (faces: [Track], gone: [Int]) {
        let lost: Bool = try follow(frame, timestampMs)
        if isSearchDue(timestampMs, lost) {
            let found: [Detection] = try detector.detect(frame)
            match(found, timestampMs)
            searchedMs = timestampMs
        }
        var kept: [Track] = []
        var gone: [Int] = []
        for track in tracks {
            if track.visible || timestampMs - track.seenMs <= forgetMs {
                kept.append(track)
            } else if track.id > 0 {
                gone.append(track.id)
            }
        }
        tracks = kept
        return (kept.filter { $0.id > 0 && $0.visible }, gone)
    }

    /// Look for each visible face where it is expected; whether one was lost.
    private func follow(_ frame: Frame, _ timestampMs: Double) throws -> Bool {
        let known: [Track] = tracks.filter { $0.visible }
        var taken: [Box] = []
        // The longest known first: of two on one face, it stays.
        for track in known {
            let expected: Detection = track.expected(timestampMs)
            guard let face = try look(frame, expected),
                !taken.contains(where: { overlap(face.box, $0) > sameFace })
            else {
                track.visible = false
                continue
            }
            taken.append(face.box)
            track.see(face, timestampMs)
        }
        return known.contains(where: { !$0.visible })
    }

    private func look(_ frame: Frame, _ expected: Detection) throws -> Detection? {
        // Outside the frame, as after a clock's jump, there is nothing to look at.
        if expected.landmarks == nil || !isInside(expected.box, frame) { return nil }
        guard let face = try detector.follow(frame, expected) else { return nil }
        return overlap(face.box, expected.box) > sameFace ? face : nil
    }

    private func isSearchDue(_ timestampMs: Double, _ lost: Bool) -> Bool {
        guard let last = searchedMs else { return true }
        return timestampMs - last >= (lost ? detectEveryMs / 4 : detectEveryMs)
    }

    /// Each found face is one that is followed, one that was lost, or a new one.
    private func match(_ faces: [Detection], _ timestampMs: Double) {
        let followed: [Track] = tracks.filter { $0.visible }
        let waiting: [Track] = tracks.filter { $0.id == 0 }
        for face in faces {
            let track: Track
            if let known = followed.first(where: { overlap(face.box, $0.face.box) > sameFace }) {
                track = known
            } else {
                track = nearestLost(face, timestampMs) ?? Track(face, timestampMs)
                if !tracks.contains(where: { $0 === track }) { tracks.append(track) }
                track.see(face, timestampMs)
            }
            let again: Bool = waiting.contains(where: { $0 === track })
            if track.id == 0 && (again || searchedMs == nil) {
                track.id = nextId
                nextId += 1
            }
        }
        tracks = tracks.filter { (track: Track) -> Bool in
            return track.id > 0 || !waiting.contains(where: { $0 === track })
        }
    }

    /// The lost track whose face is expected nearest to this one, if any is near.
    private func nearestLost(_ face: Detection, _ timestampMs: Double) -> Track? {
        var best: Track?
        var least: Double = near
        for track in tracks where !track.visible {
            let width: Double = max(face.box.width, track.face.box.width)
            let there: Point = track.expected(timestampMs).box.centre
            let x: Double = face.box.centre.x - there.x
            let y: Double = face.box.centre.y - there.y
            let apart: Double = (x * x + y * y).squareRoot() / width
            if apart < least || (best == nil && apart <= least) {
                best = track
                least = apart
            }
        }
        return best
    }
}

/// Intersection over union of two boxes, 0..1.
func overlap(_ a: Box, _ b: Box) -> Double {
    let width: Double = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    let height: Double = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 || height <= 0 { return 0 }
    let shared: Double = width * height
    return shared / (a.area + b.area - shared)
}

/// Whether any of it is; not so if a number of it is none.
private func isInside(_ box: Box, _ frame: Frame) -> Bool {
    let across: Bool = box.x < Double(frame.width) && box.x + box.width > 0
    return across && box.y < Double(frame.height) && box.y + box.height > 0
}

private func shifted(_ face: Detection, _ x: Double, _ y: Double) -> Detection {
    var moved: Detection = face
    moved.box.x += x
    moved.box.y += y
    moved.landmarks = face.landmarks?.map { Point(x: $0.x + x, y: $0.y + y) }
    return moved
}
