package dev.mf2edge

import java.util.concurrent.locks.ReentrantLock

/** Events that nobody takes are forgotten beyond these, oldest first. */
private const val KEPT_EVENTS = 10_000

/**
 * The states of the faces of one scene over time; made by [FaceStateAnalyzer.stream].
 *
 * Frames have an order, so a stream has one user at a time: [update] or [reset] while another thread is
 * within one of them throws [ThreadException]. Which thread that is does not matter. Memory and cost a
 * frame do not grow with the length of the stream.
 */
public class FaceStateStream internal constructor(
    private val analyzer: FaceStateAnalyzer,
    private val detectEveryMs: Double,
) {
    private val user = ReentrantLock()
    private val events = ArrayDeque<ActionUnitEvent>()
    private var scene: Scene? = null

    /**
     * The state of every face in the next frame, largest first, each with its
     * [trackId][FaceState.trackId]. A new face is told of once a second search has found it too.
     *
     * [timestampMs] on any clock that does not run backwards; frames may be dropped or repeated.
     *
     * @throws TimestampException for a frame older than the one before, or a time that is not finite
     * @throws ThreadException if another thread is within a call of this stream
     * @throws RuntimeUnavailableException if the analyzer was closed
     * @throws InferenceException if a model fails
     */
    public fun update(frame: Frame, timestampMs: Double): List<FaceState> = alone {
        analyzer.inTurn { pipeline ->
            val memory = scene ?: Scene(pipeline, detectEveryMs).also { scene = it }
            memory.update(frame.toImage(), timestampMs, ::keep)
        }
    }

    /** What began or ended since the last call, in the order in which it was told. Any thread may ask. */
    public fun takeEvents(): List<ActionUnitEvent> = synchronized(events) {
        events.toList().also { events.clear() }
    }

    /**
     * Forget all faces and events, as for another scene; time may begin anew.
     *
     * @throws ThreadException if another thread is within a call of this stream
     */
    public fun reset(): Unit = alone {
        scene = null
        synchronized(events) { events.clear() }
    }

    private fun keep(told: List<ActionUnitEvent>) = synchronized(events) {
        events += told
        repeat(events.size - KEPT_EVENTS) { events.removeFirst() }
    }

    private fun <T> alone(work: () -> T): T {
        if (!user.tryLock()) {
            throw ThreadException(
                "another thread is within a call of this stream; expected one frame after the other: " +
                    "feed it from one thread, or make a stream for each",
            )
        }
        try {
            return work()
        } finally {
            user.unlock()
        }
    }
}
