package dev.mf2edge

/** Reasons that smoothing may replace; the others say that the picture itself is poor. */
private val TRUSTED = setOf(Reason.CONFIDENT, Reason.LOW_CONFIDENCE)

/**
 * Smooths one face's results over time and reports onset, apex and offset of its Action Units.
 *
 * The steps are those of mf2_edge/tracking/smoother.py; parameters are the manifest's `smoothing`. Constant in
 * size, whatever the length of the stream.
 */
internal class Smoother(private val spec: ModelSpec, private val trackId: Int) {
    private val emotionFilter = OneEuro(spec.smoothing.emotion, together = true)
    private val unitFilter = OneEuro(spec.smoothing.actionUnits, together = false)
    private val strengthFilter = OneEuro(spec.smoothing.actionUnits, together = false)
    private val visibilityFilter = OneEuro(spec.smoothing.actionUnits, together = false)
    private val peaks = LinkedHashMap<String, Peak>()
    private var label: String? = null
    private var lastMs: Double? = null

    /** Where the score of a unit that is present was highest. */
    private class Peak(val timestampMs: Double, val score: Double)

    /** A smoothed state, and what began or ended. */
    class Smoothed(val state: FaceState, val events: List<ActionUnitEvent>)

    /** [timestampMs] is not before the last one. */
    fun update(state: FaceState, timestampMs: Double): Smoothed {
        val before = lastMs
        val seconds = if (before == null) 0.0 else (timestampMs - before) / 1e3
        lastMs = timestampMs
        val seen = visibilityFilter.update(state.visibility.values.toList(), seconds)
        val visibility = state.visibility.keys.zip(seen).toMap()
        val emotion = smoothEmotion(state.emotion, seconds, hidden = isCovered(visibility))
        val scores = state.actionUnits.values.map { it.score }
        val smoothed = unitFilter.update(scores, seconds)
        val told = state.actionUnits.filterValues { it.strength != null }
        val strengths = told.keys
            .zip(strengthFilter.update(told.values.map { it.strength!! }, seconds))
            .toMap()
        val events = ArrayList<ActionUnitEvent>()
        val units = state.actionUnits.entries.zip(smoothed).associate { (entry, score) ->
            val (unit, raw) = entry
            val hidden = !isVisible(unit, visibility)
            // While its region is hidden nobody sees whether a unit begins, grows or ends.
            val present =
                if (hidden) unit in peaks else isPresent(unit, score, first = before == null)
            if (present && !hidden) events += hold(unit, timestampMs, score)
            if (!present && !hidden) events += end(unit, timestampMs, score)
            val changed = raw.reason in TRUSTED && present != raw.present
            val reason = ofVisibility(if (changed) Reason.SMOOTHED else raw.reason, hidden)
            unit to raw.copy(
                score = score,
                present = present,
                reason = reason,
                strength = strengths[unit],
            )
        }
        val made = state.copy(
            emotion = emotion,
            actionUnits = units,
            trackId = trackId,
            visibility = visibility,
        )
        return Smoothed(made, events)
    }

    /** What ends because the face is gone: apex and offset of all that was present. */
    fun close(timestampMs: Double): List<ActionUnitEvent> =
        peaks.keys.toList().flatMap { end(it, timestampMs, 0.0) }

    private fun smoothEmotion(emotion: Emotion, seconds: Double, hidden: Boolean): Emotion {
        val smoothed = emotionFilter.update(emotion.scores.values.toList(), seconds)
        val scores = emotion.scores.keys.zip(smoothed).toMap()
        val best = scores.maxBy { it.value }.key
        val held = label
        val margin = spec.smoothing.emotionMargin
        val changes = held == null || scores.getValue(best) >= scores.getValue(held) + margin
        val reported = if (changes) best else held
        label = reported
        val score = scores.getValue(reported)
        val reason = when {
            emotion.reason !in TRUSTED -> emotion.reason
            reported != emotion.rawLabel -> Reason.SMOOTHED
            score < spec.decoding.minEmotionScore -> Reason.LOW_CONFIDENCE
            else -> Reason.CONFIDENT
        }
        return Emotion(
            reported,
            emotion.rawLabel,
            score,
            scores,
            ofVisibility(reason, hidden),
            spec.reliabilityOf(reported),
        )
    }

    private fun isPresent(unit: String, score: Double, first: Boolean): Boolean {
        val slack = spec.smoothing.auHysteresis
        if (first) return score >= PRESENT
        return score >= PRESENT + if (unit in peaks) -slack else slack
    }

    /** A unit that is present: its onset if it was not, its peak if it is higher than ever. */
    private fun hold(unit: String, timestampMs: Double, score: Double): List<ActionUnitEvent> {
        val peak = peaks[unit]
        if (peak == null || score > peak.score) peaks[unit] = Peak(timestampMs, score)
        if (peak != null) return emptyList()
        return listOf(event(unit, ActionUnitEvent.Kind.ONSET, timestampMs, score))
    }

    /** A unit that is absent: its apex and offset if it was present. */
    private fun end(unit: String, timestampMs: Double, score: Double): List<ActionUnitEvent> {
        val peak = peaks.remove(unit) ?: return emptyList()
        return listOf(
            event(unit, ActionUnitEvent.Kind.APEX, peak.timestampMs, peak.score),
            event(unit, ActionUnitEvent.Kind.OFFSET, timestampMs, score),
        )
    }

    private fun event(unit: String, kind: ActionUnitEvent.Kind, timestampMs: Double, score: Double) =
        ActionUnitEvent(trackId, unit, kind, timestampMs, score)
}

/** The reason once the smoothed visibility is known. */
private fun ofVisibility(reason: Reason, hidden: Boolean): Reason = when {
    hidden -> Reason.NOT_VISIBLE
    reason == Reason.NOT_VISIBLE -> Reason.SMOOTHED
    else -> reason
}
