package dev.mf2edge

// What comes out; names and meaning as in mf2_edge/types.py.
//
// Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
// y down. Left and right are the subject's own. Scores are in 0..1.

/** A position in pixels. */
public data class Point(public val x: Double, public val y: Double)

/** Axis-aligned rectangle in pixels; it may reach beyond the frame. */
public data class Box(
    public val x: Double,
    public val y: Double,
    public val width: Double,
    public val height: Double,
) {
    /** Area in square pixels. */
    public val area: Double get() = width * height

    /** The middle of the rectangle. */
    public val centre: Point get() = Point(x + width / 2, y + height / 2)
}

/** The six key points of BlazeFace (Bazarevsky et al. 2019), pixels; sides are the subject's own. */
public data class Landmarks(
    public val rightEye: Point,
    public val leftEye: Point,
    public val noseTip: Point,
    public val mouthCenter: Point,
    public val rightEar: Point,
    public val leftEar: Point,
) {
    /** The point of a name. */
    public operator fun get(name: LandmarkName): Point = when (name) {
        LandmarkName.RIGHT_EYE -> rightEye
        LandmarkName.LEFT_EYE -> leftEye
        LandmarkName.NOSE_TIP -> noseTip
        LandmarkName.MOUTH_CENTER -> mouthCenter
        LandmarkName.RIGHT_EAR -> rightEar
        LandmarkName.LEFT_EAR -> leftEar
    }

    /** All six, in the order of [LandmarkName]. */
    public fun toList(): List<Point> = LandmarkName.entries.map(::get)

    public companion object {
        /** Landmarks from a function that says where each lies. */
        @JvmStatic
        public fun of(point: (LandmarkName) -> Point): Landmarks {
            val (rightEye, leftEye, noseTip, mouthCenter, rightEar) = LandmarkName.entries.map(point)
            return Landmarks(
                rightEye, leftEye, noseTip, mouthCenter, rightEar, point(LandmarkName.LEFT_EAR),
            )
        }
    }
}

/** One face as a detector reports it: box, confidence in 0..1, landmarks where it has them. */
public data class Detection @JvmOverloads constructor(
    public val box: Box,
    public val score: Double,
    public val landmarks: Landmarks?,
    /** Nobody can tell which way up the face is: its answers bear the reason LOW_QUALITY. */
    public val doubtful: Boolean = false,
)

/** The categorical emotion of one face. */
public data class Emotion(
    /** The reported answer. */
    public val label: String,
    /** The network's answer; smoothing may report another. */
    public val rawLabel: String,
    /** Probability of [label]. */
    public val score: Double,
    /** One calibrated probability a label, in the manifest's order; they sum to 1. */
    public val scores: Map<String, Double>,
    /** Why the answers differ, or deserve less trust. */
    public val reason: Reason,
    /** How well [label] was told on faces that taught nothing; null where nobody measured it. */
    public val reliability: LabelReliability? = null,
)

/** FACS intensity: absent, A or B, C to E. */
public enum class IntensityLevel {
    /** The unit is absent. */
    NONE,

    /** FACS A or B. */
    SLIGHT,

    /** FACS C to E. */
    MARKED,
}

/** The score from which on a unit is present or marked, and a region visible, in every bundle. */
public const val PRESENT: Double = 0.5

/** One FACS Action Unit. */
public data class ActionUnit(
    /** Its name in words. */
    public val name: String,
    /** Calibrated probability. */
    public val score: Double,
    /** In a single frame, whether [score] >= 0.5; a stream decides with hysteresis. */
    public val present: Boolean,
    /** Why the decision deserves less trust, or differs from that of the single frame. */
    public val reason: Reason,
    /** Probability that the unit is marked (FACS C to E); null from a network without that head. */
    public val strength: Double? = null,
    /** How well the unit was told on faces that taught nothing; null where nobody measured it. */
    public val reliability: LabelReliability? = null,
) {
    /** Whether the region of the face that shows this unit is in view. */
    public val canBeJudged: Boolean get() = reason != Reason.NOT_VISIBLE

    /** How strong the unit is, 0 absent to 1 marked for sure; null where nobody can tell. */
    public val intensity: Double? get() = strength?.let { (score + minOf(it, score)) / 2 }

    /** The same in a word, which agrees with [present]. */
    public val level: IntensityLevel? get() = when {
        strength == null -> null
        !present -> IntensityLevel.NONE
        strength >= PRESENT -> IntensityLevel.MARKED
        else -> IntensityLevel.SLIGHT
    }
}

/** Whether the region that shows a unit can be judged; yes where nobody says it is hidden. */
internal fun isVisible(unit: String, visibility: Map<String, Double>): Boolean =
    (visibility[ACTION_UNIT_REGIONS.getValue(unit)] ?: 1.0) >= PRESENT

/** Whether too little shows for an emotion: two regions are hidden, or all that there are. */
internal fun isCovered(visibility: Map<String, Double>): Boolean {
    val hidden = visibility.values.count { it < PRESENT }
    return hidden >= 2 || (hidden > 0 && hidden == visibility.size)
}

/** The part of the regions that can be judged; 1 where nobody says. */
internal fun visiblePart(visibility: Map<String, Double>): Double =
    1.0 - visibility.values.count { it < PRESENT } / maxOf(visibility.size, 1).toDouble()

/** How a head is turned, degrees; 0, 0, 0 looks into the camera. */
public data class HeadPose(
    /** Positive where the face turns to its own left. */
    public val yaw: Double,
    /** Positive where it looks up. */
    public val pitch: Double,
    /** Positive where the head tips towards its own left shoulder. */
    public val roll: Double,
)

/** How much a face's picture lets one read, 0 to 1; [overall] is the least part. */
public data class FaceQuality(
    public val overall: Double,
    public val size: Double,
    public val sharpness: Double,
    public val pose: Double,
    public val light: Double,
    /** The part of the face's regions that can be judged; 1 where the network does not tell. */
    public val visibility: Double = 1.0,
)

/** What one face shows in one frame. */
public data class FaceState(
    public val box: Box,
    public val landmarks: Landmarks?,
    /** 0..1; 1 for boxes given by the caller. */
    public val detectionScore: Double,
    public val emotion: Emotion,
    /** "AU12" and so on, in the manifest's order. */
    public val actionUnits: Map<String, ActionUnit>,
    public val status: Status,
    /** Null where there are no usable landmarks. */
    public val headPose: HeadPose?,
    public val quality: FaceQuality,
    /** The number of the face as long as it is there, from 1; null where there is no stream. */
    public val trackId: Int?,
    /** Of each region of the face, the probability that it can be judged; empty without that head. */
    public val visibility: Map<String, Double> = emptyMap(),
)

/** One moment of an Action Unit's course in a stream (FACS: onset, apex, offset). */
public data class ActionUnitEvent(
    public val trackId: Int,
    /** "AU12" and so on. */
    public val label: String,
    /** Apex (where the score was highest) and offset are told together, at the end. */
    public val kind: Kind,
    public val timestampMs: Double,
    public val score: Double,
) {
    /** Becomes present; its score was highest; is gone. */
    public enum class Kind { ONSET, APEX, OFFSET }
}

/** Quarters of a turn tried in a frame without upright faces. */
public enum class TurnedFrames {
    /** Until a face is found. */
    ALL,

    /** One a call, in turn; what streams do. */
    NEXT,

    NONE,
}

/** Which faces are looked for, as `YuNetDetector` in Python. */
public data class DetectionOptions @JvmOverloads constructor(
    /**
     * Height of the smallest face wanted, forehead to chin: pixels or, below 1, a part of the frame's
     * longer side; smaller ones are left out. Null is what the default side finds, about 6 %.
     */
    public val minFace: Double? = null,
    /** The largest so many; null is all. */
    public val maxFaces: Int? = null,
    /** Leaves out faces found less surely, 0..1. */
    public val minDetectionScore: Double = 0.0,
    /** Faces from about 12 % of the longer side on, at a third of the price; not with [minFace]. */
    public val fast: Boolean = false,
    public val turnedFrames: TurnedFrames = TurnedFrames.ALL,
) {
    init {
        require(minFace == null || minFace > 0 && minFace.isFinite()) {
            "minFace is $minFace; expected pixels, or below 1 a part of the frame's longer side"
        }
        require(minFace == null || !fast) {
            "minFace and fast: expected one of them; minFace sets the price itself"
        }
        require(maxFaces == null || maxFaces >= 1) { "maxFaces is $maxFaces; expected 1 or more" }
        require(minDetectionScore in 0.0..1.0) {
            "minDetectionScore is $minDetectionScore; expected 0 to 1"
        }
    }
}
