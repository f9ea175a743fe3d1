package dev.mf2edge

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor

/** Looks with a lower score are not told from nothing. */
private const val LOOK_SCORE = 0.1

/** Side of BlazeFace's box, as a part of the height of a face from forehead to chin. */
private const val BOX_OF_FACE = 0.85

/**
 * Detect: every face of a frame and its six landmarks, as mf2_edge/pipeline/finder.py finds them.
 *
 * YuNet sees the frame once; then BlazeFace looks once at each of its boxes, upright and filling half the
 * view. Which way up a face is, and whether it is one, the looks decide.
 */
internal class YuNetDetector(
    private val finder: YuNet,
    private val landmarks: BlazeFace,
    private val options: DetectionOptions,
) : AutoCloseable {
    private val rules = finder.spec.rules
    private var quarters = 0

    /** Any number of faces of a frame, in its pixels, largest first. */
    fun detect(frame: Image): List<Detection> {
        val side = options.side(maxOf(frame.height, frame.width), finder.spec)
        val found = search(frame, side, 0)
        if (found.isNotEmpty()) return found
        val turned = minOf(side, finder.spec.fastSide)
        return turns().asSequence().map { search(frame, turned, it) }.find { it.isNotEmpty() }.orEmpty()
    }

    /** The face inside [box] with its landmarks; null if there is none. */
    fun refine(frame: Image, box: Box): Detection? = landmarks.lookInside(frame, box)

    /** A face that was at [face] a moment ago, by one look there; or null. */
    fun follow(frame: Image, face: Detection): Detection? = landmarks.lookCloser(frame, face)

    /** The same detector for the frames of one scene: of turned frames, a quarter a call. */
    fun forStream(): YuNetDetector {
        val turned = if (options.turnedFrames == TurnedFrames.ALL) TurnedFrames.NEXT else options.turnedFrames
        return YuNetDetector(finder, landmarks, options.copy(turnedFrames = turned))
    }

    override fun close() {
        landmarks.use { finder.close() }
    }

    private fun turns(): List<Int> = when (options.turnedFrames) {
        TurnedFrames.ALL -> listOf(1, 3, 2)
        TurnedFrames.NONE -> emptyList()
        TurnedFrames.NEXT -> {
            quarters = quarters % 3 + 1
            listOf(quarters)
        }
    }

    /** Find, look, orient and accept; largest first. */
    private fun search(frame: Image, side: Int, quarters: Int): List<Detection> {
        val smallest = BOX_OF_FACE * options.minPixels(maxOf(frame.height, frame.width))
        val candidates = finder.find(frame, side, quarters).sortedByDescending { it.box.area }
        val faces = candidates.mapNotNull { candidate ->
            orient(candidate, rules) { turn -> levelLook(frame, candidate.box, turn) }
                ?.takeIf { isFace(candidate.score, it.score, rules) && it.box.longer >= smallest }
                ?.let { it.copy(score = (candidate.score + it.score) / 2) }
        }
        val sure = faces.filter { it.score >= options.minDetectionScore }
        val distinct = landmarks.distinct(sure).sortedByDescending { it.box.area }
        return distinct.take(options.maxFaces ?: distinct.size)
    }

    /** The look at a box turned by [turn], once more where its face is not level there. */
    private fun levelLook(frame: Image, box: Box, turn: Double): Detection? {
        val face = lookAt(frame, box, turn) ?: return null
        val turns = (rollOf(face.landmarks!!) - turn + PI) / (2 * PI)
        val off = (turns - floor(turns)) * 2 * PI - PI
        if (abs(off) <= rules.roll * PI / 180) return face
        return lookAt(frame, box, turn + off)?.takeIf { it.score >= face.score } ?: face
    }

    /** The best face of one pass that agrees with a box in place and size. */
    private fun lookAt(frame: Image, box: Box, turn: Double): Detection? {
        val view = View(box.centre, rules.view * box.longer, turn)
        return landmarks.look(frame, view, LOOK_SCORE).find { face ->
            val near = distance(face.box.centre, box.centre) <= rules.offCentre * box.longer
            near && face.box.longer / box.longer in rules.size
        }
    }
}

/** The longer side to which a frame is reduced whose longer side is [longest]; none is enlarged. */
internal fun DetectionOptions.side(longest: Int, spec: YuNetSpec): Int {
    if (minFace == null) return minOf(longest, if (fast) spec.fastSide else spec.side)
    val wanted = ceil(longest * spec.smallestFace / minPixels(longest))
    return minOf(longest.toDouble(), maxOf(spec.strides.last().toDouble(), wanted)).toInt()
}

private fun DetectionOptions.minPixels(longest: Int): Double {
    val face = minFace ?: return 0.0
    return if (face >= 1) face else face * longest
}

private val Box.longer: Double get() = maxOf(width, height)
