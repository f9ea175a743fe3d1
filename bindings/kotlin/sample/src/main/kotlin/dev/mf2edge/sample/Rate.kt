package dev.mf2edge.sample

/** Frames a second over the last second. */
class Rate {
    private val times = ArrayDeque<Double>()

    /** Count a frame; [timestampMs] on a clock that does not run backwards. */
    fun at(timestampMs: Double): Double {
        times.addLast(timestampMs)
        while (timestampMs - times.first() > WINDOW_MS) times.removeFirst()
        val span = timestampMs - times.first()
        return if (span > 0) (times.size - 1) * 1000 / span else 0.0
    }
}

private const val WINDOW_MS = 1000.0
