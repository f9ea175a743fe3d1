package dev.mf2edge

import kotlin.math.ceil
import kotlin.math.floor

// Align: bring a face to the template of the manifest, as mf2_edge/pipeline/align.py does.

/** Below this spread, square pixels, landmarks count as one point. */
private const val LEAST_SPREAD = 1e-12

/**
 * Least-squares similarity from frame pixels to the template's (Umeyama 1991, in two dimensions); null
 * where the landmarks coincide or are not finite, which no similarity maps to a template.
 */
internal fun similarity(landmarks: Landmarks, spec: AlignmentSpec): Matrix? {
    val names = LandmarkName.entries.associateBy { it.key }
    val source = spec.points.keys.map { landmarks[names.getValue(it)] }
    val target = spec.points.values.map { (x, y) -> Point(x, y) }
    val from = meanOf(source)
    val to = meanOf(target)
    var (spread, real, imaginary) = listOf(0.0, 0.0, 0.0)
    for ((point, wanted) in source zip target) {
        val (x, y) = Point(point.x - from.x, point.y - from.y)
        val (u, v) = Point(wanted.x - to.x, wanted.y - to.y)
        spread += x * x + y * y
        real += x * u + y * v
        imaginary += x * v - y * u
    }
    if (!(spread >= LEAST_SPREAD && spread.isFinite())) return null
    val (a, c) = real / spread to imaginary / spread
    val tx = to.x - a * from.x + c * from.y
    return Matrix(a, -c, tx, c, a, to.y - c * from.x - a * from.y)
}

private fun meanOf(points: List<Point>) =
    Point(points.sumOf { it.x } / points.size, points.sumOf { it.y } / points.size)

/** Cut one face out of a frame by the similarity that brings its landmarks to the template. */
internal fun align(frame: Image, similarity: Matrix, spec: AlignmentSpec): Image =
    warp(frame, similarity, spec.width.toInt(), spec.height.toInt(), Outside.REPLICATE)

/** Stretch the part of a frame inside a box, at least one pixel, to the template's size. */
internal fun resizeCrop(frame: Image, box: Box, spec: AlignmentSpec): Image {
    val x0 = floor(box.x).toInt().coerceIn(0, frame.width - 1)
    val y0 = floor(box.y).toInt().coerceIn(0, frame.height - 1)
    val x1 = ceil(box.x + box.width).toInt().coerceIn(x0 + 1, frame.width)
    val y1 = ceil(box.y + box.height).toInt().coerceIn(y0 + 1, frame.height)
    val part = cut(frame, x0, y0, x1 - x0, y1 - y0)
    val x = spec.width.toDouble() / part.width
    val y = spec.height.toDouble() / part.height
    val matrix = Matrix(x, 0.0, x / 2 - 0.5, 0.0, y, y / 2 - 0.5)
    return warp(part, matrix, spec.width.toInt(), spec.height.toInt(), Outside.REPLICATE)
}

private fun cut(frame: Image, x: Int, y: Int, width: Int, height: Int): Image {
    val made = ByteArray(width * height * 3)
    for (row in 0 until height) {
        val start = ((y + row) * frame.width + x) * 3
        frame.rgb.copyInto(made, row * width * 3, start, start + width * 3)
    }
    return Image(width, height, made)
}
