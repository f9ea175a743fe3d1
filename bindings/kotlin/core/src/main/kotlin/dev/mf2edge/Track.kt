package dev.mf2edge

/** A face that was lost for longer, milliseconds, is gone. */
private const val FORGET_MS = 1000.0

/** Intersection over union from which two boxes are one face. */
private const val SAME_FACE = 0.3

/** Largest distance of a face that comes back from where it is expected, in its widths. */
private const val NEAR = 1.0

/** Time, milliseconds, over which the velocity of a face is averaged. */
private const val STEADY_MS = 150.0

/** One face through the frames; its number is 0 as long as one search alone has found it. */
internal class Track(face: Detection, seenMs: Double) {
    var id = 0
    var visible = true
    var face = face
        private set
    var seenMs = seenMs
        private set

    /** Pixels a millisecond. */
    private var velocity = Point(0.0, 0.0)

    /** The face, moved on as it moved until now. */
    fun expected(timestampMs: Double): Detection {
        val elapsed = timestampMs - seenMs
        return shifted(face, velocity.x * elapsed, velocity.y * elapsed)
    }

    /** Take the face's new place. */
    fun see(found: Detection, timestampMs: Double) {
        val elapsed = timestampMs - seenMs
        if (elapsed > 0) {
            val (from, to) = face.box.centre to found.box.centre
            val (x, y) = velocity
            // Never divided by `elapsed`, which may be next to nothing.
            velocity = Point(
                x + (to.x - from.x - x * elapsed) / (elapsed + STEADY_MS),
                y + (to.y - from.y - y * elapsed) / (elapsed + STEADY_MS),
            )
        }
        face = found
        seenMs = timestampMs
        visible = true
    }
}

/**
 * Track: which face of a frame is which of the frames before, as mf2_edge/tracking/tracker.py does it.
 *
 * Known faces are followed by one look of the detector at where each is expected; the whole frame is
 * searched now and then, and when a face was lost. A new face is told of, and numbered, when the next
 * search finds it as well; those of the first search at once. Nothing here recognises people. Its
 * memory is that of the faces of the last second.
 */
internal class Tracker(
    private val detector: YuNetDetector,
    private val detectEveryMs: Double,
) {
    private var tracks = emptyList<Track>()
    private var nextId = 1
    private var searchedMs: Double? = null

    /** Visible faces, and the numbers of those that are gone for good. */
    class Found(val faces: List<Track>, val gone: List<Int>)

    fun update(frame: Image, timestampMs: Double): Found {
        val lost = follow(frame, timestampMs)
        if (isSearchDue(timestampMs, lost)) {
            match(detector.detect(frame), timestampMs)
            searchedMs = timestampMs
        }
        val (stays, gone) = tracks.partition { it.visible || timestampMs - it.seenMs <= FORGET_MS }
        tracks = stays
        return Found(stays.filter { it.id > 0 && it.visible }, gone.map { it.id }.filter { it > 0 })
    }

    /** Look for each visible face where it is expected; whether one was lost. */
    private fun follow(frame: Image, timestampMs: Double): Boolean {
        val known = tracks.filter { it.visible }
        val taken = ArrayList<Box>()
        // The longest known first: of two on one face, it stays.
        for (track in known) {
            val expected = track.expected(timestampMs)
            // Outside the frame, as after a clock's jump, there is nothing to look at.
            val face = if (isInside(expected.box, frame)) detector.follow(frame, expected) else null
            val found = face != null && iou(face.box, expected.box) > SAME_FACE
            if (face == null || !found || taken.any { iou(face.box, it) > SAME_FACE }) {
                track.visible = false
                continue
            }
            taken += face.box
            track.see(face, timestampMs)
        }
        return known.any { !it.visible }
    }

    private fun isSearchDue(timestampMs: Double, lost: Boolean): Boolean {
        val last = searchedMs ?: return true
        return timestampMs - last >= if (lost) detectEveryMs / 4 else detectEveryMs
    }

    /** Each found face is one that is followed, one that was lost, or a new one. */
    private fun match(faces: List<Detection>, timestampMs: Double) {
        val followed = tracks.filter { it.visible }
        val waiting = tracks.filter { it.id == 0 }
        for (face in faces) {
            val known = followed.find { iou(face.box, it.face.box) > SAME_FACE }
            val track = known ?: nearestLost(face, timestampMs) ?: Track(face, timestampMs)
            if (known == null) {
                if (track !in tracks) tracks = tracks + track
                track.see(face, timestampMs)
            }
            if (track.id == 0 && (track in waiting || searchedMs == null)) track.id = nextId++
        }
        tracks = tracks.filter { it.id > 0 || it !in waiting }
    }

    /** The lost track whose face is expected nearest to this one, if any is near. */
    private fun nearestLost(face: Detection, timestampMs: Double): Track? {
        val apart = { track: Track ->
            val width = maxOf(face.box.width, track.face.box.width)
            distance(face.box.centre, track.expected(timestampMs).box.centre) / width
        }
        return tracks.filter { !it.visible && apart(it) <= NEAR }.minByOrNull(apart)
    }
}

/** Whether any of it is; not so if a number of it is none. */
private fun isInside(box: Box, frame: Image): Boolean =
    box.x < frame.width && box.x + box.width > 0 && box.y < frame.height && box.y + box.height > 0

private fun shifted(face: Detection, x: Double, y: Double): Detection {
    val points = face.landmarks!!
    return Detection(
        face.box.copy(x = face.box.x + x, y = face.box.y + y),
        face.score,
        Landmarks.of { name -> Point(points[name].x + x, points[name].y + y) },
    )
}
