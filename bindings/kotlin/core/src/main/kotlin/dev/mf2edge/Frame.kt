package dev.mf2edge

/**
 * An image in memory: [rgb] holds `height * width * 3` bytes, row by row without gaps, 8 bits a
 * channel in the order red, green, blue, unsigned.
 *
 * The bytes are not copied: leave them as they are until the call that takes the frame returns.
 *
 * @throws FrameException for sides outside 2..32768 pixels, or another number of bytes
 */
public class Frame(
    /** Pixels. */
    public val width: Int,
    /** Pixels. */
    public val height: Int,
    /** Red, green, blue of each pixel. */
    public val rgb: ByteArray,
) {
    init {
        checkSize(width, height)
        val expected = width.toLong() * height * CHANNELS
        if (rgb.size.toLong() != expected) {
            throw FrameException(
                "frame of $width x $height px holds ${rgb.size} bytes; expected $expected, three a " +
                    "pixel in the order red, green, blue",
            )
        }
    }

    public companion object {
        /**
         * A frame of `height * width` pixels 0xAARRGGBB, as Android's `Bitmap.getPixels` gives them;
         * alpha is not looked at.
         *
         * @throws FrameException as the constructor
         */
        @JvmStatic
        public fun fromArgb(width: Int, height: Int, pixels: IntArray): Frame {
            checkSize(width, height)
            if (pixels.size.toLong() != width.toLong() * height) {
                throw FrameException(
                    "frame of $width x $height px holds ${pixels.size} pixels; expected " +
                        "${width.toLong() * height}",
                )
            }
            val rgb = bytesFor(width, height)
            var at = 0
            for (pixel in pixels) {
                rgb[at++] = (pixel shr 16).toByte()
                rgb[at++] = (pixel shr 8).toByte()
                rgb[at++] = pixel.toByte()
            }
            return Frame(width, height, rgb)
        }

        /**
         * A frame of four bytes a pixel: red, green, blue and one that is not looked at, rows
         * [rowStride] bytes apart, as a plane of Android's `ImageAnalysis` in RGBA_8888 lies.
         *
         * @throws FrameException as the constructor; also for a stride under `4 * width`
         */
        @JvmStatic
        @JvmOverloads
        public fun fromRgba(
            width: Int,
            height: Int,
            rgba: ByteArray,
            rowStride: Int = Math.multiplyExact(4, width),
        ): Frame {
            checkSize(width, height)
            val row = 4 * width
            if (rowStride < row) {
                throw FrameException(
                    "rows are $rowStride bytes apart; $width px of four bytes take $row",
                )
            }
            // The last row may end without its padding.
            val least = (height - 1L) * rowStride + row
            if (rgba.size < least) {
                throw FrameException(
                    "frame of $width x $height px holds ${rgba.size} bytes; expected $least, four a " +
                        "pixel and rows $rowStride bytes apart",
                )
            }
            val rgb = bytesFor(width, height)
            var to = 0
            for (y in 0 until height) {
                var from = y * rowStride
                for (x in 0 until width) {
                    rgb[to] = rgba[from]
                    rgb[to + 1] = rgba[from + 1]
                    rgb[to + 2] = rgba[from + 2]
                    to += CHANNELS
                    from += 4
                }
            }
            return Frame(width, height, rgb)
        }
    }
}

private const val CHANNELS = 3
private const val SMALLEST_SIDE = 2
private const val LARGEST_SIDE = 32768

private fun checkSize(width: Int, height: Int) {
    if (minOf(width, height) < SMALLEST_SIDE || maxOf(width, height) > LARGEST_SIDE) {
        throw FrameException(
            "frame is $width x $height px; expected sides of $SMALLEST_SIDE to $LARGEST_SIDE px",
        )
    }
    if (width.toLong() * height * CHANNELS > Int.MAX_VALUE) {
        throw FrameException(
            "frame of $width x $height px has more bytes than an array holds; reduce it",
        )
    }
}

private fun bytesFor(width: Int, height: Int) = ByteArray(width * height * CHANNELS)
