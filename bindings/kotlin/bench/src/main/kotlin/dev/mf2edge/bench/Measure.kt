package dev.mf2edge.bench

import dev.mf2edge.ModelFile
import dev.mf2edge.RunnerFactory

/** How long to measure. A bench ends at [queries] or after [seconds], whichever comes first. */
public data class Effort(
    /** Queries that are run first and not counted. */
    public val warmUp: Int = 20,
    /** As MLPerf Mobile counts them. */
    public val queries: Int = 1024,
    public val seconds: Double = 60.0,
)

/** The times of one model, ms. */
public class Measured(
    /** To open the file and make it ready. */
    public val loadMs: Double,
    /** The first query after loading. */
    public val firstMs: Double,
    /** Every timed query in order, warm-up left out; at least one. */
    public val samplesMs: List<Double>,
)

/** Nanoseconds since some moment; never backwards. */
public typealias Clock = () -> Long

/**
 * Load a model, query it with one input, and free it.
 *
 * @throws dev.mf2edge.Mf2EdgeException if it cannot be loaded; whatever its runner throws
 */
public fun measure(
    engine: RunnerFactory,
    model: ModelFile,
    input: FloatArray,
    effort: Effort,
    clock: Clock = System::nanoTime,
): Measured {
    val began = clock()
    engine.open(model).use { runner ->
        val loadMs = (clock() - began) / NANOS_A_MS
        val firstMs = time(clock) { runner.run(input) }
        return Measured(loadMs, firstMs, samples(effort, clock) { runner.run(input) })
    }
}

/** The times of something that is done again and again, ms. */
public fun samples(effort: Effort, clock: Clock = System::nanoTime, query: () -> Unit): List<Double> {
    repeat(effort.warmUp) { query() }
    val began = clock()
    val samples = mutableListOf<Double>()
    do {
        samples += time(clock, query)
    } while (samples.size < effort.queries && clock() - began < effort.seconds * NANOS_A_S)
    return samples
}

private inline fun time(clock: Clock, work: () -> Unit): Double {
    val began = clock()
    work()
    return (clock() - began) / NANOS_A_MS
}

private const val NANOS_A_MS = 1e6
private const val NANOS_A_S = 1e9
