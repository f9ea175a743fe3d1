package dev.mf2edge.android

import dev.mf2edge.FrameException

/**
 * What the bytes of a Y'CbCr image of ITU-R BT.601 stand for. Phones' cameras give [FULL] as a rule;
 * decoded videos are mostly [LIMITED]. From Android 13 on `android.media.Image.getDataSpace` tells.
 */
public enum class YuvRange {
    /** Luma 0 to 255, chroma 128 +- 127.5, as in JFIF (ITU-T T.871). */
    FULL,

    /** Luma 16 to 235, chroma 128 +- 112, as in video (BT.601-7, 2.5.3). */
    LIMITED,
}

/** One plane: the sample of column x and row y is `bytes[y * rowStride + x * pixelStride]`. */
internal class YuvPlane(val bytes: ByteArray, val rowStride: Int, val pixelStride: Int)

/**
 * A 4:2:0 image of any strides. The planes [u] and [v] (Cb and Cr) hold one sample for each 2 x 2
 * pixels, a last odd column or row included.
 *
 * @throws FrameException if a plane has fewer bytes than its strides need
 */
internal class Yuv420(
    val width: Int,
    val height: Int,
    val y: YuvPlane,
    val u: YuvPlane,
    val v: YuvPlane,
) {
    init {
        check("Y", y, width, height)
        check("U", u, (width + 1) / 2, (height + 1) / 2)
        check("V", v, (width + 1) / 2, (height + 1) / 2)
    }

    private fun check(name: String, plane: YuvPlane, columns: Int, rows: Int) {
        // The last row may end with its last sample.
        val least = (rows - 1L) * plane.rowStride + (columns - 1L) * plane.pixelStride + 1
        if (plane.pixelStride < 1 || plane.bytes.size < least) {
            throw FrameException(
                "plane $name of $width x $height px holds ${plane.bytes.size} bytes; expected " +
                    "$least at strides ${plane.rowStride} and ${plane.pixelStride}",
            )
        }
    }
}

/**
 * How an image is turned upright: clockwise by [degrees], then mirrored left to right if [mirror].
 *
 * @throws FrameException unless [degrees] is 0, 90, 180 or 270
 */
internal class Orientation(val degrees: Int, val mirror: Boolean) {
    init {
        if (degrees !in setOf(0, 90, 180, 270)) {
            throw FrameException("rotation is $degrees degrees; expected 0, 90, 180 or 270")
        }
    }

    /** Whether width and height change places. */
    val swaps: Boolean get() = degrees % 180 != 0

    /** Position in the upright image, row by row, of a pixel of the image of these sides. */
    fun place(x: Int, y: Int, width: Int, height: Int): Int {
        val columns = if (swaps) height else width
        val (column, row) = when (degrees) {
            0 -> x to y
            90 -> height - 1 - y to x
            180 -> width - 1 - x to height - 1 - y
            else -> y to width - 1 - x
        }
        return row * columns + if (mirror) columns - 1 - column else column
    }
}

/**
 * Upright red, green and blue, three bytes a pixel, row by row, into [rgb] of `width * height * 3`.
 *
 * BT.601 with a chroma sample for its 2 x 2 pixels (nearest neighbour), rounded to the nearest
 * integer and cut to 0..255.
 */
internal fun toRgb(image: Yuv420, orientation: Orientation, range: YuvRange, rgb: ByteArray) {
    require(rgb.size == image.width * image.height * 3) { "rgb holds ${rgb.size} bytes" }
    // A pixel's place is linear in x and y.
    val origin = orientation.place(0, 0, image.width, image.height)
    val right = orientation.place(1, 0, image.width, image.height) - origin
    val down = orientation.place(0, 1, image.width, image.height) - origin
    val numbers = if (range == YuvRange.FULL) FULL else LIMITED
    for (y in 0 until image.height) {
        var from = y * image.y.rowStride
        val u = y / 2 * image.u.rowStride
        val v = y / 2 * image.v.rowStride
        var to = 3 * (origin + y * down)
        for (x in 0 until image.width) {
            val luma = numbers.luma * ((image.y.bytes[from].toInt() and 0xff) - numbers.black) + HALF
            val cb = (image.u.bytes[u + x / 2 * image.u.pixelStride].toInt() and 0xff) - 128
            val cr = (image.v.bytes[v + x / 2 * image.v.pixelStride].toInt() and 0xff) - 128
            rgb[to] = level(luma + numbers.redOfCr * cr)
            rgb[to + 1] = level(luma - numbers.greenOfCb * cb - numbers.greenOfCr * cr)
            rgb[to + 2] = level(luma + numbers.blueOfCb * cb)
            from += image.y.pixelStride
            to += 3 * right
        }
    }
}

/** The matrix of BT.601 in fixed point, for a step of luma and of chroma in the given units. */
private class Numbers(lumaSteps: Double, chromaSteps: Double, val black: Int) {
    val luma = fixed(255 / lumaSteps)
    val redOfCr = fixed(2 * (1 - RED) * 255 / chromaSteps)
    val greenOfCb = fixed(2 * (1 - BLUE) * BLUE / (1 - RED - BLUE) * 255 / chromaSteps)
    val greenOfCr = fixed(2 * (1 - RED) * RED / (1 - RED - BLUE) * 255 / chromaSteps)
    val blueOfCb = fixed(2 * (1 - BLUE) * 255 / chromaSteps)

    private fun fixed(value: Double) = Math.round(value * (1 shl SHIFT)).toInt()
}

/** Weights of red and blue in luma. */
private const val RED = 0.299
private const val BLUE = 0.114

/** Bits behind the point; the largest sum, 544 levels, stays below 2^31. */
private const val SHIFT = 20
private const val HALF = 1 shl (SHIFT - 1)
private val FULL = Numbers(255.0, 255.0, 0)
private val LIMITED = Numbers(219.0, 224.0, 16)

private fun level(fixed: Int): Byte = (fixed shr SHIFT).coerceIn(0, 255).toByte()
