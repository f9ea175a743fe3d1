package dev.mf2edge

/** A stream's memory, the faces of one scene: track, read each face, smooth, as mf2_edge/stream.py. */
internal class Scene(private val pipeline: Pipeline, detectEveryMs: Double) {
    private val tracker = Tracker(pipeline.detector.forStream(), detectEveryMs)
    private val people = HashMap<Int, Person>()
    private var lastMs: Double? = null

    /** The state of every face in the next frame, largest first; [tell] hears what began or ended. */
    fun update(
        frame: Image,
        timestampMs: Double,
        tell: (List<ActionUnitEvent>) -> Unit,
    ): List<FaceState> {
        checkTime(timestampMs)
        val found = tracker.update(frame, timestampMs)
        lastMs = timestampMs
        // A face whose frame could not be read has a track, and nothing to close.
        for (id in found.gone) people.remove(id)?.let { tell(it.smoother.close(timestampMs)) }
        val states = found.faces.map { track ->
            val person = people.getOrPut(track.id) { Person(pipeline.info.spec, track.id) }
            val raw = pipeline.analyze(frame, person.smooth(track.face, timestampMs))
            val smoothed = person.smoother.update(raw, timestampMs)
            tell(smoothed.events)
            smoothed.state
        }
        return states.sortedByDescending { it.box.area }
    }

    private fun checkTime(timestampMs: Double) {
        if (!timestampMs.isFinite()) {
            throw TimestampException("timestampMs is $timestampMs; expected finite milliseconds")
        }
        val last = lastMs ?: return
        if (timestampMs < last) {
            throw TimestampException(
                "timestampMs went back from $last to $timestampMs; expected frames in order: drop the " +
                    "late one, or call reset() for another scene",
            )
        }
    }
}

/** What a stream remembers of one face. */
private class Person(spec: ModelSpec, id: Int) {
    val smoother = Smoother(spec, id)
    private val points = OneEuro(spec.smoothing.landmarks, together = true)
    private var lastMs: Double? = null

    /** The face with its box and landmarks smoothed, so that the crop does not jitter. */
    fun smooth(face: Detection, timestampMs: Double): Detection {
        val seconds = lastMs?.let { (timestampMs - it) / 1e3 } ?: 0.0
        lastMs = timestampMs
        val (x, y, width, height) = face.box
        val corners = listOf(x, y, x + width, y + height)
        val values = corners + face.landmarks!!.toList().flatMap { listOf(it.x, it.y) }
        val smoothed = points.update(values, seconds, width)
        val (x0, y0, x1, y1) = smoothed
        val landmarks = Landmarks.of { name ->
            Point(smoothed[4 + 2 * name.ordinal], smoothed[5 + 2 * name.ordinal])
        }
        return Detection(Box(x0, y0, x1 - x0, y1 - y0), face.score, landmarks)
    }
}
