// What comes out; names and meaning as in mf2_edge/types.py.
//
// Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
// y down. Left and right are the subject's own. Scores are in 0..1.

/// A position in pixels.
public struct Point: Equatable, Sendable {
    /// To the right.
    public var x: Double
    /// Down.
    public var y: Double

    /// A position in pixels.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}

/// Axis-aligned rectangle in pixels; it may reach beyond the frame.
public struct Box: Equatable, Sendable {
    /// Of the left edge.
    public var x: Double
    /// Of the upper edge.
    public var y: Double
    /// Pixels.
    public var width: Double
    /// Pixels.
    public var height: Double

    /// A rectangle in pixels.
    public init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    /// Square pixels.
    public var area: Double { return width * height }

    /// The middle of the rectangle.
    public var centre: Point { return Point(x: x + width / 2, y: y + height / 2) }
}

/// Points of a face, pixels; sides are the subject's own. Detectors that know no ears leave them out.
public struct Landmarks: Equatable, Sendable {
    /// Centre of the right eye.
    public var rightEye: Point
    /// Centre of the left eye.
    public var leftEye: Point
    /// Tip of the nose.
    public var noseTip: Point
    /// Centre of the mouth.
    public var mouthCenter: Point
    /// The right ear, where the detector knows it.
    public var rightEar: Point?
    /// The left ear, where the detector knows it.
    public var leftEar: Point?

    /// Points of a face, pixels.
    public init(
        rightEye: Point,
        leftEye: Point,
        noseTip: Point,
        mouthCenter: Point,
        rightEar: Point? = nil,
        leftEar: Point? = nil
    ) {
        self.rightEye = rightEye
        self.leftEye = leftEye
        self.noseTip = noseTip
        self.mouthCenter = mouthCenter
        self.rightEar = rightEar
        self.leftEar = leftEar
    }

    /// The point of a name, nil where the detector does not know it.
    public subscript(name: LandmarkName) -> Point? {
        switch name {
        case .rightEye: return rightEye
        case .leftEye: return leftEye
        case .noseTip: return noseTip
        case .mouthCenter: return mouthCenter
        case .rightEar: return rightEar
        case .leftEar: return leftEar
        }
    }

    /// All points, each changed.
    func map(_ change: (Point) -> Point) -> Landmarks {
        return Landmarks(
            rightEye: change(rightEye),
            leftEye: change(leftEye),
            noseTip: change(noseTip),
            mouthCenter: change(mouthCenter),
            rightEar: rightEar.map(change),
            leftEar: leftEar.map(change)
        )
    }
}

/// One face as a detector reports it.
public struct Detection: Equatable, Sendable {
    /// Where it is.
    public var box: Box
    /// Confidence, 0..1.
    public var score: Double
    /// Nil from detectors that know none.
    public var landmarks: Landmarks?
    /// Nobody can tell which way up the face is: its answers bear the reason `.lowQuality`.
    public var doubtful: Bool

    /// One face as a detector reports it.
    public init(box: Box, score: Double, landmarks: Landmarks?, doubtful: Bool = false) {
        self.box = box
        self.score = score
        self.landmarks = landmarks
        self.doubtful = doubtful
    }
}

/// The categorical emotion of one face.
public struct Emotion: Equatable, Sendable {
    /// The reported answer.
    public let label: String
    /// The network's answer; smoothing may report another.
    public let rawLabel: String
    /// Probability of `label`.
    public let score: Double
    /// One calibrated probability a label, in the manifest's order; they sum to 1.
    public let scores: OrderedMap<Double>
    /// Why the answers differ, or deserve less trust.
    public let reason: Reason
    /// How well `label` was told on faces that taught nothing; nil where nobody measured it.
    public internal(set) var reliability: LabelReliability? = nil
}

/// FACS intensity: absent, A or B, C to E.
public enum IntensityLevel: String, Sendable {
    case none
    case slight
    case marked
}

/// The score from which on a unit is present or marked, and a region visible, in every bundle.
public let presentScore: Double = 0.5

/// One FACS Action Unit.
public struct ActionUnit: Equatable, Sendable {
    /// Its name in words.
    public let name: String
    /// Calibrated probability.
    public let score: Double
    /// In a single frame, whether `score` >= 0.5; a stream decides with hysteresis.
    public let present: Bool
    /// Why the decision deserves less trust, or differs from that of the single frame.
    public let reason: Reason
    /// Probability that the unit is marked (FACS C to E); nil from a network without that head.
    public internal(set) var strength: Double? = nil
    /// How well the unit was told on faces that taught nothing; nil where nobody measured it.
    public internal(set) var reliability: LabelReliability? = nil

    /// Whether the region of the face that shows this unit is in view.
    public var canBeJudged: Bool { return reason != .notVisible }

    /// How strong the unit is, 0 absent to 1 marked for sure; nil where nobody can tell.
    public var intensity: Double? {
        guard let marked = strength else { return nil }
        return (score + min(marked, score)) / 2
    }

    /// The same in a word, which agrees with `present`.
    public var level: IntensityLevel? {
        guard let marked = strength else { return nil }
        if !present { return IntensityLevel.none }
        return marked >= presentScore ? .marked : .slight
    }
}

/// Whether the region that shows a unit can be judged; yes where nobody says it is hidden.
func isVisible(_ unit: String, _ visibility: OrderedMap<Double>) -> Bool {
    guard let region = actionUnitRegions[unit], let seen = visibility[region] else { return true }
    return seen >= presentScore
}

/// Whether too little shows for an emotion: two regions are hidden, or all that there are.
func isCovered(_ visibility: OrderedMap<Double>) -> Bool {
    let hidden: Int = hiddenRegions(visibility)
    return hidden >= 2 || (hidden > 0 && hidden == visibility.values.count)
}

/// The part of the regions that can be judged; 1 where nobody says.
func visiblePart(_ visibility: OrderedMap<Double>) -> Double {
    return 1 - Double(hiddenRegions(visibility)) / Double(max(visibility.values.count, 1))
}

private func hiddenRegions(_ visibility: OrderedMap<Double>) -> Int {
    return visibility.values.filter { $0 < presentScore }.count
}

/// How a head is turned, degrees; 0, 0, 0 looks into the camera.
public struct HeadPose: Equatable, Sendable {
    /// Positive where the face turns to its own left.
    public let yaw: Double
    /// Positive where it looks up.
    public let pitch: Double
    /// Positive where the head tips towards its own left shoulder.
    public let roll: Double
}

/// How much a face's picture lets one read, 0 to 1; `overall` is the least part.
public struct FaceQuality: Equatable, Sendable {
    /// The least of the others.
    public internal(set) var overall: Double
    /// Of the face in pixels.
    public let size: Double
    /// Of its edges.
    public let sharpness: Double
    /// Of how far the head is turned.
    public let pose: Double
    /// Of exposure and contrast.
    public let light: Double
    /// The part of the face's regions that can be judged; 1 where the network does not tell.
    public internal(set) var visibility: Double = 1
}

/// What one face shows in one frame.
public struct FaceState: Equatable, Sendable {
    /// Where it is.
    public let box: Box
    /// Nil where none were found.
    public let landmarks: Landmarks?
    /// 0..1; 1 for boxes given by the caller.
    public let detectionScore: Double
    /// The categorical emotion.
    public let emotion: Emotion
    /// "AU12" and so on, in the manifest's order.
    public let actionUnits: OrderedMap<ActionUnit>
    /// How far the face could be analysed.
    public let status: Status
    /// Nil where there are no usable landmarks.
    public let headPose: HeadPose?
    /// How much its picture lets one read.
    public let quality: FaceQuality
    /// The number of the face as long as it is there, from 1; nil where there is no stream.
    public let trackId: Int?
    /// Of each region of the face, the probability that it can be judged; empty without that head.
    public internal(set) var visibility: OrderedMap<Double> = OrderedMap<Double>()
}

/// One moment of an Action Unit's course in a stream (FACS: onset, apex, offset).
public struct ActionUnitEvent: Equatable, Sendable {
    /// Becomes present; its score was highest; is gone.
    public enum Kind: String, Sendable {
        case onset
        case apex
        case offset
    }

    /// The face.
    public let trackId: Int
    /// "AU12" and so on.
    public let label: String
    /// Apex and offset are told together, at the end.
    public let kind: Kind
    /// On the clock of the stream.
    public let timestampMs: Double
    /// Of the unit at that moment.
    public let score: Double
}
