package dev.mf2edge.android

import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import dev.mf2edge.ActionUnitEvent
import dev.mf2edge.FaceState
import dev.mf2edge.FaceStateStream
import dev.mf2edge.Frame
import dev.mf2edge.Mf2EdgeException

/** What one camera image showed. */
public class CameraFaces(
    /** Largest face first; coordinates are pixels of the upright frame. */
    public val faces: List<FaceState>,
    /** What began or ended since the image before. */
    public val events: List<ActionUnitEvent>,
    /** Pixels of the upright frame. */
    public val width: Int,
    /** Pixels of the upright frame. */
    public val height: Int,
    /** When the image was taken, on the camera's clock. */
    public val timestampMs: Double,
    /** From the image to its faces, conversion included. */
    public val tookMs: Double,
)

/**
 * Feeds a [FaceStateStream] with the images of CameraX' `ImageAnalysis`, one at a time.
 *
 * Give `setAnalyzer` an executor of one thread of its own, and leave the backpressure strategy at
 * `STRATEGY_KEEP_ONLY_LATEST`: an image is kept until its faces are known, so the next one that
 * arrives is the latest. Every image is closed, whatever happens.
 *
 * [onFaces] and [onError] are called on that thread. An error is of one image: the next is tried as
 * if nothing had been. When the frame's size or rotation changes, as with the phone or the camera,
 * the stream begins anew.
 */
public class FaceStateImageAnalyzer internal constructor(
    private val scene: Scene,
    private val frames: ImageProxyFrames,
    private val onFaces: (CameraFaces) -> Unit,
    private val onError: (Mf2EdgeException) -> Unit,
) : ImageAnalysis.Analyzer {
    /** [stream] is for this analyzer alone. */
    @JvmOverloads
    public constructor(
        stream: FaceStateStream,
        onFaces: (CameraFaces) -> Unit,
        onError: (Mf2EdgeException) -> Unit,
        frames: ImageProxyFrames = ImageProxyFrames(),
    ) : this(StreamScene(stream), frames, onFaces, onError)

    private var view: Triple<Int, Int, Int>? = null

    override fun analyze(image: ImageProxy) {
        val faces = try {
            image.use(::facesOf)
        } catch (error: Mf2EdgeException) {
            onError(error)
            return
        }
        onFaces(faces)
    }

    private fun facesOf(image: ImageProxy): CameraFaces {
        val began = System.nanoTime()
        val timestampMs = image.imageInfo.timestamp / NANOS_A_MS
        val frame = frames.frame(image)
        val seen = Triple(frame.width, frame.height, image.imageInfo.rotationDegrees)
        if (view != null && view != seen) scene.reset()
        view = seen
        val faces = scene.update(frame, timestampMs)
        val tookMs = (System.nanoTime() - began) / NANOS_A_MS
        return CameraFaces(faces, scene.takeEvents(), frame.width, frame.height, timestampMs, tookMs)
    }
}

/** What the analyzer needs of a stream. */
internal interface Scene {
    fun update(frame: Frame, timestampMs: Double): List<FaceState>

    fun takeEvents(): List<ActionUnitEvent>

    fun reset()
}

private class StreamScene(private val stream: FaceStateStream) : Scene {
    override fun update(frame: Frame, timestampMs: Double) = stream.update(frame, timestampMs)

    override fun takeEvents() = stream.takeEvents()

    override fun reset() = stream.reset()
}

private const val NANOS_A_MS = 1e6
