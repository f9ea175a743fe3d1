package dev.mf2edge

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.exp

/**
 * A low-pass filter that smooths strongly where a value rests and little where it moves: of a row of
 * values, with its memory; [together] makes them share one speed.
 *
 * After the 1 EUR filter (Casiez, Roussel and Vogel 2012, doi:10.1145/2207676.2208639), in the form
 * that mf2_edge/tracking/one_euro.py specifies, the same at any frame rate.
 */
internal class OneEuro(private val spec: OneEuroSpec, private val together: Boolean) {
    private var slow: List<Double>? = null
    private var value = emptyList<Double>()

    /** The smoothed values; [unit] is what speed counts in, for pixels the width of the face. */
    fun update(x: List<Double>, seconds: Double, unit: Double = 1.0): List<Double> {
        val before = slow
        if (before == null) {
            slow = x
            value = x
            return x
        }
        val share = gain(spec.speedCutoffHz, seconds)
        val recent = before.zip(x) { mean, each -> mean + share * (each - mean) }
        val factor = 2 * PI * spec.speedCutoffHz / unit
        val speeds = x.zip(recent) { each, mean -> abs(each - mean) * factor }
        val fastest = speeds.maxOrNull() ?: 0.0
        val smoothed = value.mapIndexed { i, each ->
            val speed = if (together) fastest else speeds[i]
            each + gain(spec.minCutoffHz + spec.beta * speed, seconds) * (x[i] - each)
        }
        slow = recent
        value = smoothed
        return smoothed
    }
}

/** How much of the way a first-order low pass goes towards a value held for so long. */
private fun gain(cutoff: Double, seconds: Double): Double = 1 - exp(-2 * PI * seconds * cutoff)
