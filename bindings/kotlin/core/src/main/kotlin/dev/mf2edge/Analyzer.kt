package dev.mf2edge

import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/** What may be chosen when an analyzer is loaded. */
public data class AnalyzerOptions(
    /** Which artifact of the bundle to run: TFLITE or EXECUTORCH, as the engine reads it. */
    public val format: ArtifactFormat = ArtifactFormat.TFLITE,
    /** Of its weights; null takes the bundle's first artifact of the format. */
    public val precision: Precision? = null,
    /** Which faces are looked for. */
    public val detection: DetectionOptions = DetectionOptions(),
    /** Where the folders `yunet_n` and `blazeface_short_range` lie; null is that of the bundle. */
    public val detectors: BundleFiles? = null,
    /** Whether to tell also the Action Units that could not be shown reliable. */
    public val includeExperimental: Boolean = false,
)

/** What is running. */
public data class Info(
    public val spec: ModelSpec,
    /** The model file that was loaded. */
    public val artifact: ArtifactSpec,
) {
    /** sha256 of the bytes of `manifest.json`, which names the bundle in records. */
    public val manifestSha256: String get() = spec.manifestSha256
}

/**
 * Emotion and Action Units of the faces in single images. Stateless between calls.
 *
 * Any thread may call it: calls that meet are answered in turn. A call takes milliseconds, so none
 * belongs on a thread that draws. After [close] every call throws [RuntimeUnavailableException].
 */
public class FaceStateAnalyzer private constructor(private val pipeline: Pipeline) : AutoCloseable {
    private val turn = ReentrantLock(true)
    private var closed = false

    /** What is running: `model.json`, the sha256 of its manifest, and which artifact. */
    public val info: Info get() = pipeline.info

    /**
     * The state of every face in a frame, largest first; empty when nobody is there.
     *
     * [boxes] (pixels of the frame) skip detection: then there is one result a box, in their order.
     *
     * @throws BoxException for a box that is not finite, has no size or lies outside the frame
     * @throws InferenceException if a model fails
     */
    @JvmOverloads
    public fun predict(frame: Frame, boxes: List<Box>? = null): List<FaceState> = inTurn {
        if (boxes == null) it.predict(frame.toImage()) else it.predict(frame.toImage(), boxes)
    }

    /**
     * The state of the one face in each crop: exactly one result a crop, in order.
     *
     * @throws InferenceException if a model fails
     */
    public fun predictCrops(crops: List<Frame>): List<FaceState> =
        crops.map { crop -> inTurn { it.predictCrop(crop.toImage()) } }

    /**
     * The state of one face that another detector found. Its landmarks are looked for inside its box if
     * it has none; with landmarks that cannot be aligned, its status is UNALIGNED.
     *
     * @throws BoxException for a box that is not finite, has no size or lies outside the frame
     * @throws InferenceException if a model fails
     */
    public fun analyze(frame: Frame, face: Detection): FaceState = inTurn {
        val image = frame.toImage()
        checkBox(face.box, "the face's box", image)
        it.analyze(image, face)
    }

    /** The faces of a frame and their landmarks, largest first; throws as [predict]. */
    public fun detect(frame: Frame): List<Detection> = inTurn { it.detector.detect(frame.toImage()) }

    /**
     * A stream of frames of one scene: track ids, smoothed answers, events of Action Units.
     *
     * Between searches for new faces, [detectEveryMs] apart, known ones are followed by one cheap look.
     *
     * @throws IllegalArgumentException unless [detectEveryMs] is 0 or more
     */
    @JvmOverloads
    public fun stream(detectEveryMs: Double = 200.0): FaceStateStream {
        require(detectEveryMs >= 0) {
            "detectEveryMs is $detectEveryMs; expected 0 or more milliseconds"
        }
        return FaceStateStream(this, detectEveryMs)
    }

    /** Wait for calls that are running, and free the models. Calling it again does nothing. */
    override fun close(): Unit = turn.withLock {
        if (closed) return
        closed = true
        pipeline.close()
    }

    /** Do something when no other call is within the models. */
    internal fun <T> inTurn(work: (Pipeline) -> T): T = turn.withLock {
        if (closed) throw RuntimeUnavailableException("the analyzer was closed; load another")
        work(pipeline)
    }

    public companion object {
        /**
         * Load a bundle, each file checked before it is used.
         *
         * @throws BundleException (or [ManifestException], [ChecksumException]) if it cannot be used
         * @throws RuntimeUnavailableException if the engine cannot run here
         */
        @JvmStatic
        @JvmOverloads
        public fun load(
            bundle: BundleFiles,
            runners: RunnerFactory,
            options: AnalyzerOptions = AnalyzerOptions(),
        ): FaceStateAnalyzer = FaceStateAnalyzer(Pipeline.open(bundle, runners, options))
    }
}
