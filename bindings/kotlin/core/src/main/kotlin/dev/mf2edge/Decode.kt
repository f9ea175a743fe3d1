package dev.mf2edge

import kotlin.math.abs
import kotlin.math.exp

/**
 * Decode: from logits to emotion and Action Units, with the manifest's calibration.
 *
 *     emotion       scores = softmax(logits / temperature)
 *     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
 */
internal class Decoder(private val manifest: Manifest) {
    private val emotionHead = manifest.head(HeadName.EMOTION)
    private val unitHead = manifest.head(HeadName.ACTION_UNITS)

    /** The results for one face; a status other than OK is the reason of each, else [doubt]. */
    fun decode(outputs: List<FloatArray>, status: Status, doubt: Reason?): Answers {
        val cause = when (status) {
            Status.UNALIGNED -> Reason.UNALIGNED
            Status.SMALL -> Reason.FACE_TOO_SMALL
            Status.OK -> doubt
        }
        val emotion = emotionScores(outputs[emotionHead.output.toInt()])
        val units = unitScores(outputs[unitHead.output.toInt()])
        return Answers(emotion(emotion, cause), units(units, cause))
    }

    /** One calibrated probability a label, from the logits of the head of emotions. */
    fun emotionScores(logits: FloatArray): List<Double> {
        val scaled = logits.map { it / manifest.calibration.emotion.temperature }
        val largest = scaled.max()
        val powers = scaled.map { exp(it - largest) }
        val sum = powers.sum()
        return powers.map { it / sum }
    }

    /** One calibrated probability a unit, from the logits of the head of Action Units. */
    fun unitScores(logits: FloatArray): List<Double> = unitHead.labels.mapIndexed { i, label ->
        val calibration = manifest.calibration.actionUnits.getValue(label)
        sigmoid(logits[i] * calibration.scale + calibration.bias)
    }

    private fun emotion(scores: List<Double>, cause: Reason?): Emotion {
        val labels = emotionHead.labels
        val score = scores.max()
        val label = labels[scores.indexOf(score)]
        val unsure = score < manifest.decoding.minEmotionScore
        val reason = cause ?: if (unsure) Reason.LOW_CONFIDENCE else Reason.CONFIDENT
        return Emotion(label, label, score, labels.zip(scores).toMap(), reason)
    }

    private fun units(scores: List<Double>, cause: Reason?): Map<String, ActionUnit> =
        unitHead.labels.zip(scores).associate { (label, score) ->
            val unsure = abs(score - PRESENT) < manifest.decoding.auMargin
            val reason = cause ?: if (unsure) Reason.LOW_CONFIDENCE else Reason.CONFIDENT
            val name = ACTION_UNIT_NAMES.getValue(label)
            label to ActionUnit(name, score, score >= PRESENT, reason)
        }

    /** What the network says of one face. */
    data class Answers(val emotion: Emotion, val actionUnits: Map<String, ActionUnit>)
}

private fun sigmoid(z: Double): Double {
    val power = exp(-abs(z))
    return (if (z >= 0) 1.0 else power) / (1 + power)
}
