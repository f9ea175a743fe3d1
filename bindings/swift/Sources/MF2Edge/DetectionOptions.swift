/// Quarters of a turn tried in a frame without upright faces.
public enum TurnedFrames: String, Sendable {
    /// Until a face is found.
    case all
    /// One a call, in turn; what streams do.
    case next
    case none
}

/// Which faces a `YuNetDetector` looks for.
public struct DetectionOptions: Equatable, Sendable {
    /// Height of the smallest face wanted, forehead to chin: pixels or, below 1, a part of the frame's
    /// longer side; smaller ones are left out. Nil is what the default side finds, about 6 %.
    public var minFace: Double?
    /// The largest so many; nil is all.
    public var maxFaces: Int?
    /// Leaves out faces found less surely, 0..1.
    public var minDetectionScore: Double
    /// Faces from about 12 % of the longer side on, at a third of the price; not with `minFace`.
    public var fast: Bool
    /// Quarters of a turn tried in a frame without upright faces.
    public var turnedFrames: TurnedFrames

    /// Which faces are looked for; a detector refuses what is out of range.
    public init(
        minFace: Double? = nil, maxFaces: Int? = nil, minDetectionScore: Double = 0,
        fast: Bool = false, turnedFrames: TurnedFrames = .all
    ) {
        self.minFace = minFace
        self.maxFaces = maxFaces
        self.minDetectionScore = minDetectionScore
        self.fast = fast
        self.turnedFrames = turnedFrames
    }

    /// Throws `Mf2EdgeError.options` for what is out of range.
    func check() throws {
        if let face = minFace {
            if !(face > 0 && face.isFinite) {
                throw Mf2EdgeError.options(
                    "minFace is \(face); expected pixels, or below 1 a part of the frame's longer side"
                )
            }
            if fast {
                throw Mf2EdgeError.options(
                    "minFace and fast: expected one of them; minFace sets the price itself"
                )
            }
        }
        if let faces = maxFaces, faces < 1 {
            throw Mf2EdgeError.options("maxFaces is \(faces); expected 1 or more")
        }
        if !(minDetectionScore >= 0 && minDetectionScore <= 1) {
            throw Mf2EdgeError.options("minDetectionScore is \(minDetectionScore); expected 0 to 1")
        }
    }

    /// The longer side to which a frame is reduced whose longer side is `longest`; none is enlarged.
    func side(_ longest: Int, _ spec: YuNetSpec) -> Int {
        if minFace == nil { return min(longest, fast ? spec.fastSide : spec.side) }
        let long: Double = Double(longest)
        let wanted: Double = (long * spec.smallestFace / minPixels(longest)).rounded(.up)
        return Int(min(long, max(Double(spec.strides[spec.strides.count - 1]), wanted)))
    }

    /// Height of the smallest face in pixels, 0 where none is told.
    func minPixels(_ longest: Int) -> Double {
        guard let face = minFace else { return 0 }
        return face >= 1 ? face : face * Double(longest)
    }
}
