package dev.mf2edge

import kotlin.math.abs
import kotlin.math.sqrt

// Face quality: how much the picture of a face lets one read. The parts and their ramps are those of
// mf2_edge/pipeline/quality.py.

/** Below this `overall` of the picture, answers bear the reason LOW_QUALITY. */
internal const val LOW_QUALITY: Double = 0.3

/** Grey level from which a pixel counts as overexposed. */
private const val WHITE = 250

/** Quality of one face from its aligned picture and its box in source pixels. */
internal fun faceQuality(aligned: Image, box: Box, pose: HeadPose?): FaceQuality {
    val grey = toGrey(aligned)
    val (mean, deviation) = spread(grey)
    val edges = spread(laplacian(grey, aligned.width, aligned.height)).deviation
    val contrast = maxOf(deviation, 1.0)
    val size = ramp(minOf(box.width, box.height), 16.0, 64.0)
    val sharpness = ramp(edges * edges / (contrast * contrast), 0.003, 0.012)
    val turn = pose?.let { ramp(maxOf(abs(it.yaw), abs(it.pitch)), 60.0, 25.0) } ?: 0.5
    val exposure = minOf(ramp(mean, 20.0, 60.0), ramp(mean, 250.0, 220.0))
    val white = ramp(grey.count { it >= WHITE } / grey.size.toDouble(), 0.55, 0.25)
    val light = minOf(minOf(exposure, white), ramp(deviation, 5.0, 20.0))
    return FaceQuality(minOf(minOf(size, sharpness), minOf(turn, light)), size, sharpness, turn, light)
}

/** The same, with what the network says of the face's regions. */
internal fun FaceQuality.withVisibility(regions: Map<String, Double>): FaceQuality {
    val visibility = visiblePart(regions)
    return copy(overall = minOf(overall, visibility), visibility = visibility)
}

/** Rec. 601 luma in the fixed point of OpenCV. */
private fun toGrey(image: Image) = IntArray(image.width * image.height) { i ->
    val r = image.rgb[i * 3].toInt() and 0xFF
    val g = image.rgb[i * 3 + 1].toInt() and 0xFF
    val b = image.rgb[i * 3 + 2].toInt() and 0xFF
    r * 9798 + g * 19235 + b * 3735 + 16384 shr 15
}

/** Sum of the 4 neighbours less 4 times the pixel; edges mirror, the edge pixel not repeated. */
private fun laplacian(grey: IntArray, width: Int, height: Int): IntArray {
    val made = IntArray(grey.size)
    for (y in 0 until height) {
        val above = mirror(y - 1, height) * width
        val below = mirror(y + 1, height) * width
        val at = y * width
        for (x in 0 until width) {
            val beside = grey[at + mirror(x - 1, width)] + grey[at + mirror(x + 1, width)]
            made[at + x] = grey[above + x] + grey[below + x] + beside - 4 * grey[at + x]
        }
    }
    return made
}

private fun mirror(at: Int, length: Int): Int {
    val inside = if (at < 0) -at else if (at >= length) 2 * length - 2 - at else at
    return inside.coerceIn(0, length - 1)
}

private data class Spread(val mean: Double, val deviation: Double)

private fun spread(values: IntArray): Spread {
    val mean = values.sumOf { it.toDouble() } / values.size
    return Spread(mean, sqrt(values.sumOf { (it - mean) * (it - mean) } / values.size))
}

private fun ramp(value: Double, bad: Double, good: Double): Double =
    ((value - bad) / (good - bad)).coerceIn(0.0, 1.0)
