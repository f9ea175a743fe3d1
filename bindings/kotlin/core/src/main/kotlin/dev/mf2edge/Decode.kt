package dev.mf2edge

import kotlin.math.abs
import kotlin.math.exp

/**
 * Decode: from logits to what a face shows, with the manifest's calibration.
 *
 *     emotion       scores = softmax(logits / temperature)
 *     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
 *     strength      score  = sigmoid(scale * logit + bias), of the same units, marked
 *     visibility    score  = sigmoid(logit + bias), of regions; below 0.5 one cannot be judged
 */
internal class Decoder(
    private val spec: ModelSpec,
    private val includeExperimental: Boolean = false,
) {
    private val emotionHead = spec.head(HeadName.EMOTION)
    private val unitHead = spec.head(HeadName.ACTION_UNITS)
    private val strengthHead = spec.findHead(HeadName.STRENGTH)
    private val visibilityHead = spec.findHead(HeadName.VISIBILITY)

    /** The results for one face; a status other than OK is the reason of each, else [doubt]. */
    fun decode(outputs: List<FloatArray>, status: Status, doubt: Reason?): Answers {
        val cause = when (status) {
            Status.UNALIGNED -> Reason.UNALIGNED
            Status.SMALL -> Reason.FACE_TOO_SMALL
            Status.OK -> doubt
        }
        val visibility = visibilityHead?.let { head ->
            head.labels.zip(scores(head.name, outputs[head.output.toInt()])).toMap()
        }.orEmpty()
        val emotion = emotion(emotionScores(outputs[emotionHead.output.toInt()]), cause)
        val hidden = isCovered(visibility)
        return Answers(
            if (hidden) emotion.copy(reason = Reason.NOT_VISIBLE) else emotion,
            units(outputs, cause, visibility),
            visibility,
        )
    }

    /** One calibrated score a label of that head, from its logits. */
    fun scores(head: HeadName, logits: FloatArray): List<Double> = when (head) {
        HeadName.EMOTION -> emotionScores(logits)
        HeadName.ACTION_UNITS -> scaled(logits, spec.calibration.actionUnits)
        HeadName.STRENGTH -> scaled(logits, spec.calibration.strength)
        HeadName.VISIBILITY -> spec.head(head).labels.mapIndexed { i, label ->
            sigmoid(logits[i] + spec.calibration.visibility.getValue(label).bias)
        }
    }

    private fun emotionScores(logits: FloatArray): List<Double> {
        val scaled = logits.map { it / spec.calibration.emotion.temperature }
        val largest = scaled.max()
        val powers = scaled.map { exp(it - largest) }
        val sum = powers.sum()
        return powers.map { it / sum }
    }

    private fun scaled(
        logits: FloatArray,
        calibration: Map<String, ActionUnitCalibration>,
    ): List<Double> = unitHead.labels.mapIndexed { i, label ->
        val fitted = calibration.getValue(label)
        sigmoid(logits[i] * fitted.scale + fitted.bias)
    }

    private fun emotion(scores: List<Double>, cause: Reason?): Emotion {
        val labels = emotionHead.labels
        val score = scores.max()
        val label = labels[scores.indexOf(score)]
        val unsure = score < spec.decoding.minEmotionScore
        val reason = cause ?: if (unsure) Reason.LOW_CONFIDENCE else Reason.CONFIDENT
        val named = labels.zip(scores).toMap()
        return Emotion(label, label, score, named, reason, spec.reliabilityOf(label))
    }

    private fun units(
        outputs: List<FloatArray>,
        cause: Reason?,
        visibility: Map<String, Double>,
    ): Map<String, ActionUnit> {
        val found = scores(unitHead.name, outputs[unitHead.output.toInt()])
        val strengths = strengthHead?.let { scores(it.name, outputs[it.output.toInt()]) }
        return unitHead.labels.withIndex()
            .filter { (_, label) -> includeExperimental || label !in spec.experimental }
            .associate { (i, label) ->
                val score = found[i]
                val unsure = abs(score - PRESENT) < spec.decoding.auMargin
                val reason = when {
                    !isVisible(label, visibility) -> Reason.NOT_VISIBLE
                    cause != null -> cause
                    else -> if (unsure) Reason.LOW_CONFIDENCE else Reason.CONFIDENT
                }
                label to ActionUnit(
                    ACTION_UNIT_NAMES.getValue(label),
                    score,
                    score >= PRESENT,
                    reason,
                    strengths?.get(i),
                    spec.reliabilityOf(label),
                )
            }
    }

    /** What the heads say of one face. */
    data class Answers(
        val emotion: Emotion,
        val actionUnits: Map<String, ActionUnit>,
        val visibility: Map<String, Double>,
    )
}

private fun sigmoid(z: Double): Double {
    val power = exp(-abs(z))
    return (if (z >= 0) 1.0 else power) / (1 + power)
}
