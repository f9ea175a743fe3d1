package dev.mf2edge

import kotlin.math.atan2
import kotlin.math.cos
import kotlin.math.hypot
import kotlin.math.sin

/** Part of the view's side that the face box fills in a closer look. */
private const val FACE_IN_VIEW = 0.5

/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
private val BOX_IN_VIEW = listOf(0.6, 0.45, 0.8)

/** One pass of the network over one view; its faces in pixels of the frame, best first. */
internal fun BlazeFace.look(frame: Image, view: View, minScore: Double): List<Detection> {
    val size = spec.inputSize
    val pixels = warp(frame, view.toPixels(size), size, size, Outside.BLACK)
    return run(pixels, minScore).map { view.toFrame(it, size) }
}

/** The same face again, eyes level, filling half the view; or null. */
internal fun BlazeFace.lookCloser(frame: Image, face: Detection): Detection? {
    val side = maxOf(face.box.width, face.box.height) / FACE_IN_VIEW
    val view = View(face.box.centre, side, rollOf(face.landmarks!!))
    return nearestTo(face.box, look(frame, view, spec.minScoreInBox))
}

/** The face inside a box whose margins are not known: several views of it are tried. */
internal fun BlazeFace.lookInside(frame: Image, box: Box): Detection? {
    val side = maxOf(box.width, box.height)
    for (part in BOX_IN_VIEW) {
        val faces = look(frame, View(box.centre, side / part), spec.minScoreInBox)
        val nearest = nearestTo(box, faces) ?: continue
        return lookCloser(frame, nearest) ?: nearest
    }
    return null
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

/** In-plane turn of the head, radians clockwise as seen, from the line through the eyes. */
internal fun rollOf(landmarks: Landmarks): Double {
    val (right, left) = landmarks
    return atan2(left.y - right.y, left.x - right.x)
}

private fun nearestTo(box: Box, faces: List<Detection>): Detection? =
    faces.minByOrNull { distance(it.box.centre, box.centre) }

/** Pixels. */
internal fun distance(a: Point, b: Point): Double = hypot(a.x - b.x, a.y - b.y)
