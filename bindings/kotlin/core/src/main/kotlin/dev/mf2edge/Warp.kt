package dev.mf2edge

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.sqrt

// Resample a frame.
//
// The resampler is the one that mf2_edge/pipeline/align.py specifies: a frame that shrinks by half or more is
// first reduced by an integer, each block to its rounded mean; then bilinear, pixel centres at
// integers, and what lies outside is the nearest edge pixel or black.
//
// BlazeFace moves its points by tenths of a pixel where a few input pixels differ by one level, so
// numbers are rounded here as OpenCV rounds them (bindings/README.md says how).

/** An RGB image that a stage made, three bytes a pixel, row by row. */
internal class Image(val width: Int, val height: Int, val rgb: ByteArray)

internal fun Frame.toImage() = Image(width, height, rgb)

/** Affine map, frame -> output, pixels: x' = a x + b y + tx, y' = c x + d y + ty. */
internal data class Matrix(
    val a: Double,
    val b: Double,
    val tx: Double,
    val c: Double,
    val d: Double,
    val ty: Double,
)

/** What lies outside the frame. */
internal enum class Outside { REPLICATE, BLACK }

/** A part of an image, of `width` x `height` from pixel `start`, read as if it were all there is. */
private class Window(
    val rgb: ByteArray,
    /** Pixels from one row to the next. */
    val stride: Int,
    val start: Int,
    val width: Int,
    val height: Int,
)

/** So that the sum over a block stays within an Int. */
private const val LARGEST_STEP = 2048

/**
 * Resample an image through [matrix] into one of [width] x [height] pixels.
 *
 * Only the part that the output sees is touched, so the cost does not grow with the frame.
 */
internal fun warp(image: Image, matrix: Matrix, width: Int, height: Int, outside: Outside): Image {
    val (a, b, tx, c, d, ty) = matrix
    val determinant = a * d - b * c
    val step = floor(1 / sqrt(abs(determinant)) + 1e-9).toInt().coerceIn(1, LARGEST_STEP)
    val xs = listOf(-0.5 - tx, width - 0.5 - tx)
    val ys = listOf(-0.5 - ty, height - 0.5 - ty)
    val across = xs.flatMap { x -> ys.map { y -> (d * x - b * y) / determinant } }
    val down = xs.flatMap { x -> ys.map { y -> (a * y - c * x) / determinant } }
    val columns = span(across, image.width, step)
    val rows = span(down, image.height, step)
    val (x0, y0) = columns.first to rows.first
    val start = y0 * image.width + x0
    val seen = Window(image.rgb, image.width, start, columns.count(), rows.count())
    val moved = Matrix(a, b, tx + (a * x0 + b * y0), c, d, ty + (c * x0 + d * y0))
    if (step == 1) return bilinear(seen, inverseOf(moved), width, height, outside)
    val middle = (step - 1) / 2.0
    val (x, y) = moved.tx + (a + b) * middle to moved.ty + (c + d) * middle
    val reduced = Matrix(a * step, b * step, x, c * step, d * step, y)
    return bilinear(reduce(seen, step, outside), inverseOf(reduced), width, height, outside)
}

/** The pixels that the output reads, at least one; the first is a multiple of [step]. */
private fun span(seen: List<Double>, length: Int, step: Int): IntRange {
    val reach = 2 * step + 1
    val first = (floor(seen.min()) - reach).coerceIn(0.0, length - 1.0).toInt()
    val low = first - first % step
    val end = (ceil(seen.max()) + reach).coerceIn(low + 1.0, maxOf(length, low + 1).toDouble())
    return low until maxOf(end.toInt(), low + 1)
}

/** Output -> source in float32, as OpenCV inverts it: xx, xy, xt, yx, yy, yt. */
private fun inverseOf(matrix: Matrix): FloatArray {
    val (a, b, tx, c, d, ty) = matrix
    val inverse = 1 / (a * d - b * c)
    val xx = d * inverse
    val xy = b * -inverse
    val yx = c * -inverse
    val yy = a * inverse
    val entries = doubleArrayOf(xx, xy, -xx * tx - xy * ty, yx, yy, -yx * tx - yy * ty)
    return FloatArray(entries.size) { entries[it].toFloat() }
}

private fun bilinear(
    source: Window,
    inverse: FloatArray,
    width: Int,
    height: Int,
    outside: Outside,
): Image {
    val rgb = source.rgb
    val (lastX, lastY) = source.width - 1 to source.height - 1
    val black = outside == Outside.BLACK
    val made = ByteArray(width * height * 3)
    var at = 0
    for (row in 0 until height) {
        val rowX = row * inverse[1] + inverse[2]
        val rowY = row * inverse[4] + inverse[5]
        for (column in 0 until width) {
            val x = fma(column.toFloat(), inverse[0], rowX)
            val y = fma(column.toFloat(), inverse[3], rowY)
            val left = floor(x)
            val top = floor(y)
            val u = x - left
            val v = y - top
            val x0 = left.toInt().coerceIn(-2, lastX + 1)
            val y0 = top.toInt().coerceIn(-2, lastY + 1)
            val x1 = x0 + 1
            val y1 = y0 + 1
            val above = source.start + y0.coerceIn(0, lastY) * source.stride
            val below = source.start + y1.coerceIn(0, lastY) * source.stride
            val p00 = (above + x0.coerceIn(0, lastX)) * 3
            val p01 = (above + x1.coerceIn(0, lastX)) * 3
            val p10 = (below + x0.coerceIn(0, lastX)) * 3
            val p11 = (below + x1.coerceIn(0, lastX)) * 3
            // What a neighbour counts: 0 where it is black.
            val counts0 = if (black && (x0 < 0 || x0 > lastX)) 0 else 0xFF
            val counts1 = if (black && (x1 < 0 || x1 > lastX)) 0 else 0xFF
            val countsAbove = if (black && (y0 < 0 || y0 > lastY)) 0 else 0xFF
            val countsBelow = if (black && (y1 < 0 || y1 > lastY)) 0 else 0xFF
            for (k in 0 until 3) {
                val q00 = rgb[p00 + k].toInt() and counts0 and countsAbove
                val q01 = rgb[p01 + k].toInt() and counts1 and countsAbove
                val q10 = rgb[p10 + k].toInt() and counts0 and countsBelow
                val q11 = rgb[p11 + k].toInt() and counts1 and countsBelow
                val upper = fma(u, (q01 - q00).toFloat(), q00.toFloat())
                val lower = fma(u, (q11 - q10).toFloat(), q10.toFloat())
                val level = fma(v, lower - upper, upper)
                made[at++] = Math.rint(level.toDouble()).toInt().coerceIn(0, 255).toByte()
            }
        }
    }
    return Image(width, height, made)
}

/** Rounded mean of `step` x `step` blocks; a last incomplete block is completed by the border. */
private fun reduce(window: Window, step: Int, outside: Outside): Window {
    val width = (window.width + step - 1) / step
    val height = (window.height + step - 1) / step
    val made = ByteArray(width * height * 3)
    val sums = IntArray(width * 3)
    val share = (1.0 / (step * step)).toFloat()
    for (row in 0 until height) {
        sums.fill(0)
        for (y in row * step until (row + 1) * step) {
            if (y >= window.height && outside == Outside.BLACK) break
            addRow(window, minOf(y, window.height - 1), step, outside, sums)
        }
        for (i in sums.indices) {
            // OpenCV rounds halves up in blocks of 2 x 2, to the even in larger ones.
            val mean = when (step) {
                2 -> sums[i] + 2 shr 2
                else -> Math.rint((sums[i].toDouble() * share).toFloat().toDouble()).toInt()
            }
            made[row * sums.size + i] = mean.coerceIn(0, 255).toByte()
        }
    }
    return Window(made, width, 0, width, height)
}

/** Add row [y] of the window to the sums of its blocks, three a block. */
private fun addRow(window: Window, y: Int, step: Int, outside: Outside, sums: IntArray) {
    val rgb = window.rgb
    val first = (window.start + y * window.stride) * 3
    val end = first + window.width * 3
    var at = first
    for (to in sums.indices step 3) {
        var r = 0
        var g = 0
        var b = 0
        val last = minOf(at + step * 3, end)
        while (at < last) {
            r += rgb[at].toInt() and 0xFF
            g += rgb[at + 1].toInt() and 0xFF
            b += rgb[at + 2].toInt() and 0xFF
            at += 3
        }
        sums[to] += r
        sums[to + 1] += g
        sums[to + 2] += b
    }
    val missing = sums.size / 3 * step - window.width
    if (missing == 0 || outside == Outside.BLACK) return
    for (k in 0 until 3) sums[sums.size - 3 + k] += missing * (rgb[end - 3 + k].toInt() and 0xFF)
}
