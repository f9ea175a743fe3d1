package dev.mf2edge.android

import androidx.camera.core.ImageProxy
import dev.mf2edge.Frame
import dev.mf2edge.FrameException

/**
 * Upright frames of CameraX images in `YUV_420_888`, the default of `ImageAnalysis`, with whatever
 * strides and rotation the camera has. The crop rectangle is not looked at.
 *
 * [mirror] turns left and right around, as front cameras' previews do. Leave it false where faces are
 * analysed: left and right of a result are the subject's own, and a mirrored picture exchanges them.
 * Mirror what you draw instead.
 *
 * [range] is what the bytes stand for. It is not asked of the image, which tells only through
 * CameraX' experimental `getImage`.
 *
 * For one thread at a time: the buffers are used again for the next image.
 */
public class ImageProxyFrames @JvmOverloads constructor(
    private val mirror: Boolean = false,
    private val range: YuvRange = YuvRange.FULL,
) {
    private val planes = Array(3) { ByteArray(0) }
    private var rgb = ByteArray(0)

    /**
     * The image as a frame, valid until the next call. The image may be closed afterwards.
     *
     * @throws FrameException for another format, an image that is closed, or one that is cut short
     */
    public fun frame(image: ImageProxy): Frame {
        val yuv = read(image)
        val orientation = Orientation(image.imageInfo.rotationDegrees, mirror)
        val size = yuv.width * yuv.height * 3
        if (rgb.size != size) rgb = ByteArray(size)
        toRgb(yuv, orientation, range, rgb)
        val (width, height) = if (orientation.swaps) yuv.height to yuv.width else yuv.width to yuv.height
        return Frame(width, height, rgb)
    }

    private fun read(image: ImageProxy): Yuv420 = try {
        val found = image.planes
        if (image.format != YUV_420_888 || found.size != planes.size) {
            throw FrameException(
                "image of format ${image.format} with ${found.size} planes; expected YUV_420_888 " +
                    "($YUV_420_888) with 3: leave ImageAnalysis' output format as it is",
            )
        }
        val (y, u, v) = List(found.size) { copy(found[it], it) }
        Yuv420(image.width, image.height, y, u, v)
    } catch (error: IllegalStateException) {
        throw FrameException("the image cannot be read (${error.message}); expected an open one")
    }

    /** Plane by plane in one go: single bytes of a direct buffer are slow to read. */
    private fun copy(plane: ImageProxy.PlaneProxy, number: Int): YuvPlane {
        val buffer = plane.buffer.duplicate()
        buffer.rewind()
        if (planes[number].size != buffer.remaining()) planes[number] = ByteArray(buffer.remaining())
        buffer.get(planes[number])
        return YuvPlane(planes[number], plane.rowStride, plane.pixelStride)
    }
}

/** `android.graphics.ImageFormat.YUV_420_888`. */
private const val YUV_420_888 = 35
