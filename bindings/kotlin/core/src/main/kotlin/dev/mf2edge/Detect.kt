package dev.mf2edge

import kotlin.math.PI
import kotlin.math.atan2
import kotlin.math.ceil
import kotlin.math.cos
import kotlin.math.hypot
import kotlin.math.ln
import kotlin.math.pow
import kotlin.math.sin

/** Smallest face looked for, as a part of the frame's longer side. */
private const val MIN_FACE = 24.0 / 640

/** Part of the smallest tiles' side that the smallest face fills. */
private const val FACE_IN_TILE = 0.2

/** Each size of tiles is at least this part of the size before. */
private const val TILE_RATIO = 0.55

/** Part of the view's side that the face box fills in the second pass. */
private const val FACE_IN_VIEW = 0.5

/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
private val BOX_IN_VIEW = listOf(0.6, 0.45, 0.8)

/**
 * Detect: find the faces in a frame and the six landmarks of each, as mf2_edge/pipeline/detect.py does.
 *
 * Two passes of BlazeFace: one finds faces, one looks again at each face upright and filling half the
 * view, which is what makes its landmarks good enough to align with.
 */
internal class BlazeFaceDetector(private val network: BlazeFace, private val search: Search) {
    private val spec = network.spec

    /** Any number of faces of a frame, in its pixels, largest first. */
    fun detect(frame: Image): List<Detection> {
        val rounds = roundsOf(frame)
        var found = look(frame, rounds.first(), spec.minScore, spec.minScore)
        for (views in rounds.drop(1)) {
            if (search == Search.ADAPTIVE && found.any { it.score >= spec.sureScore }) break
            val more = look(frame, views, spec.candidateScore, spec.sureScore)
            found = network.distinct(found + more)
        }
        return found.sortedByDescending { it.box.area }
    }

    /** The face inside [box] with its landmarks; null if there is none. */
    fun refine(frame: Image, box: Box): Detection? {
        val side = maxOf(box.width, box.height)
        for (part in BOX_IN_VIEW) {
            val faces = pass(frame, View(box.centre, side / part), spec.minScoreInBox)
            val nearest = nearestTo(box, faces) ?: continue
            return lookCloser(frame, nearest) ?: nearest
        }
        return null
    }

    /** A face that was at [face] a moment ago, by one look there; or null. */
    fun follow(frame: Image, face: Detection): Detection? = lookCloser(frame, face)

    /** Sets of views, cheapest first: the frame, the frame turned, ever smaller tiles of it. */
    private fun roundsOf(frame: Image): List<List<View>> {
        val long = maxOf(frame.width, frame.height).toDouble()
        val centre = Point((frame.width - 1) / 2.0, (frame.height - 1) / 2.0)
        val whole = listOf(View(centre, long))
        if (search == Search.SINGLE) return listOf(whole)
        val turned = listOf(1, 3, 2).map { quarters -> View(centre, long, quarters * PI / 2) }
        val smallest = MIN_FACE * long / FACE_IN_TILE
        val short = minOf(frame.width, frame.height).toDouble()
        val largest = maxOf(minOf(short, 0.6 * long), smallest)
        val sizes = 1 + ceil(ln(smallest / largest) / ln(TILE_RATIO)).toInt()
        val tiled = List(sizes) { i ->
            val part = if (sizes == 1) 0.0 else i.toDouble() / (sizes - 1)
            tiles(frame, largest * (smallest / largest).pow(part))
        }
        return listOf(whole, turned) + tiled
    }

    /** Both passes over some views: faces whose first and second look reach the given scores. */
    private fun look(
        frame: Image,
        views: List<View>,
        candidate: Double,
        accepted: Double,
    ): List<Detection> {
        val candidates = views.flatMap { pass(frame, it, candidate) }
        val closer = network.distinct(candidates).mapNotNull { lookCloser(frame, it) }
        return network.distinct(closer.filter { it.score >= accepted })
    }

    /** One pass of the network over one view; its faces in pixels of the frame. */
    private fun pass(frame: Image, view: View, minScore: Double): List<Detection> {
        val size = spec.inputSize
        val pixels = warp(frame, view.toPixels(size), size, size, Outside.BLACK)
        return network.run(pixels, minScore).map { view.toFrame(it, size) }
    }

    /** The second pass: the same face again, eyes level, filling half the view. */
    private fun lookCloser(frame: Image, face: Detection): Detection? {
        val side = maxOf(face.box.width, face.box.height) / FACE_IN_VIEW
        val view = View(face.box.centre, side, rollOf(face.landmarks!!))
        return nearestTo(face.box, pass(frame, view, spec.minScoreInBox))
    }
}

/** A square part of a frame: centre and side in frame pixels, clockwise turn in radians. */
internal class View(
    private val centre: Point,
    private val side: Double,
    private val turn: Double = 0.0,
) {
    /** Similarity from frame pixels to the pixels of this view drawn [size] wide. */
    fun toPixels(size: Int): Matrix {
        val c = cos(turn) * size / side
        val s = sin(turn) * size / side
        val middle = (size - 1) / 2.0
        val tx = middle - c * centre.x - s * centre.y
        return Matrix(c, s, tx, -s, c, middle + s * centre.x - c * centre.y)
    }

    /** A detection in the view's pixels, in the frame's; the box turns with its centre only. */
    fun toFrame(face: Detection, size: Int): Detection {
        val scale = side / size
        val centre = toFrame(face.box.centre, size)
        val box = boxAround(centre, face.box.width * scale, face.box.height * scale)
        val points = face.landmarks!!
        return Detection(box, face.score, Landmarks.of { toFrame(points[it], size) })
    }

    /** The frame pixel under a pixel of this view drawn [size] wide. */
    private fun toFrame(point: Point, size: Int): Point {
        val c = cos(turn) * side / size
        val s = sin(turn) * side / size
        val x = point.x - (size - 1) / 2.0
        val y = point.y - (size - 1) / 2.0
        return Point(centre.x + c * x - s * y, centre.y + s * x + c * y)
    }
}

/** Squares of [side] that cover the frame, neighbours overlapping by a quarter at least. */
private fun tiles(frame: Image, side: Double): List<View> =
    tileCentres(frame.height, side).flatMap { y ->
        tileCentres(frame.width, side).map { x -> View(Point(x, y), side) }
    }

private fun tileCentres(length: Int, side: Double): List<Double> {
    if (side >= length) return listOf((length - 1) / 2.0)
    val count = ceil((length - side) / (0.75 * side)).toInt() + 1
    return List(count) { i -> side / 2 + (length - side) * i / (count - 1) - 0.5 }
}

/** In-plane turn of the head, radians clockwise as seen, from the line through the eyes. */
private fun rollOf(landmarks: Landmarks): Double {
    val (right, left) = landmarks
    return atan2(left.y - right.y, left.x - right.x)
}

private fun nearestTo(box: Box, faces: List<Detection>): Detection? =
    faces.minByOrNull { distance(it.box.centre, box.centre) }

/** Pixels. */
internal fun distance(a: Point, b: Point): Double = hypot(a.x - b.x, a.y - b.y)
