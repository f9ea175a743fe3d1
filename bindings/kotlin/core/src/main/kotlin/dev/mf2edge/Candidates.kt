package dev.mf2edge

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.exp
import kotlin.math.sqrt

// What YuNet's maps say, as mf2_edge/pipeline/yunet.py decodes them (Wu et al. 2023, *YuNet*): for each
// cell of three grids whether a face's middle lies there, the face's box and five points.

/** `detector.json`; the module above says what each key means. */
internal class YuNetSpec(
    val file: String,
    val sha256: String,
    val strides: List<Int>,
    val sizesAt: List<SizeAt>,
    val minScore: Double,
    val overlap: Double,
    val side: Int,
    val fastSide: Int,
    val smallestFace: Double,
    val rules: DetectionRules,
)

/** Where the model file holds a height and, behind it, a width: two int32, little-endian. */
internal class SizeAt(val byte: Int, val stride: Int)

/** How a candidate and the look at it decide together. */
internal class DetectionRules(
    val sureScore: Double,
    val sureLook: Double,
    val doubtfulLook: Double,
    val view: Double,
    val offCentre: Double,
    val size: ClosedFloatingPointRange<Double>,
    val roll: Double,
    val oppositeBelow: Double,
    val quartersBelow: Double,
    val turnedLook: Double,
    val turnedGain: Double,
)

/** What may be a face: box and eyes in pixels, probability 0..1. */
internal data class Candidate(
    val box: Box,
    val score: Double,
    val rightEye: Point,
    val leftEye: Point,
)

/** Rows and columns of the network's input, and the scale at which the frame lies in it. */
internal data class Reduced(val rows: Int, val columns: Int, val scale: Double)

/** Numbers a cell: two scores, the box, five points. */
private const val VALUES = 16

/** The input for a frame that is reduced so that [side] holds it; sizes are multiples of [step]. */
internal fun reducedShape(height: Int, width: Int, side: Int, step: Int): Reduced {
    val scale = minOf(1.0, side.toDouble() / maxOf(height, width))
    val whole = { length: Int -> maxOf(1, ceil(Math.rint(length * scale) / step).toInt()) * step }
    return Reduced(whole(height), whole(width), scale)
}

/** Candidates of the maps, finest first, of an input of that size; the best of each group. */
internal fun candidatesOf(maps: List<FloatArray>, columns: Int, spec: YuNetSpec): List<Candidate> {
    val found = maps.zip(spec.strides) { map, stride -> decode(map, columns / stride, stride, spec) }
    val kept = ArrayList<Candidate>()
    for (each in found.flatten().sortedByDescending { it.score }) {
        if (kept.all { iou(each.box, it.box) <= spec.overlap }) kept += each
    }
    return kept
}

private fun decode(map: FloatArray, wide: Int, stride: Int, spec: YuNetSpec): List<Candidate> {
    val found = ArrayList<Candidate>()
    for (cell in 0 until map.size / VALUES) {
        val value = { i: Int -> map[cell * VALUES + i].toDouble() }
        val score = sqrt(sigmoid(value(0)) * sigmoid(value(1)))
        if (score < spec.minScore) continue
        val (column, row) = cell % wide to cell / wide
        val point = { i: Int -> Point((column + value(i)) * stride, (row + value(i + 1)) * stride) }
        val box = boxAround(point(2), exp(value(4)) * stride, exp(value(5)) * stride)
        found += Candidate(box, score, point(6), point(8))
    }
    return found
}

/** A candidate of a view that was turned counter-clockwise by quarters, in pixels of the frame. */
internal fun inFrame(face: Candidate, quarters: Int, shape: Reduced): Candidate {
    val (rows, columns, scale) = shape
    val back = { (x, y): Point ->
        val (u, v) = when (quarters) {
            1 -> columns - y to x
            2 -> columns - x to rows - y
            3 -> y to rows - x
            else -> x to y
        }
        Point(u / scale, v / scale)
    }
    val (x, y, width, height) = face.box
    val (a, b) = back(Point(x, y)) to back(Point(x + width, y + height))
    val box = Box(minOf(a.x, b.x), minOf(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y))
    return Candidate(box, face.score, back(face.rightEye), back(face.leftEye))
}

private fun sigmoid(logit: Double) = 1 / (1 + exp(-logit))
