package dev.mf2edge

/**
 * The states of the faces of one scene over time; made by [FaceStateAnalyzer.stream].
 *
 * Frames have an order, so a stream has one user at a time: a call that meets another one throws
 * [ThreadException]. Memory and cost a frame do not grow with the length of the stream.
 */
public class FaceStateStream internal constructor() {
    /**
     * The state of every face in the next frame, largest first, each with its
     * [trackId][FaceState.trackId]. A new face is told of once a second search has found it too.
     *
     * [timestampMs] on any clock that does not run backwards; frames may be dropped or repeated.
     *
     * @throws TimestampException for a frame older than the one before, or a time that is not finite
     * @throws ThreadException if another thread is within a call of this stream
     * @throws RuntimeUnavailableException if the analyzer was closed
     */
    public fun update(frame: Frame, timestampMs: Double): List<FaceState> = TODO()

    /** What began or ended since the last call, in the order in which it was told. */
    public fun takeEvents(): List<ActionUnitEvent> = TODO()

    /** Forget all faces and events, as for another scene; time may begin anew. */
    public fun reset(): Unit = TODO()
}
