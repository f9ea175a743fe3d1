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
         * A frame of `height * width` pixels 0xAARRGGBB; what is transparent lies on white. Android's
         * `Bitmap.getPixels` gives them with straight alpha, whatever the bitmap itself has.
         *
         * @throws FrameException as the constructor
         */
        @JvmStatic
        @JvmOverloads
        public fun fromArgb(
            width: Int,
            height: Int,
            pixels: IntArray,
            alpha: Alpha = Alpha.STRAIGHT,
        ): Frame {
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
                val opacity = if (alpha == Alpha.IGNORED) OPAQUE else pixel ushr 24
                rgb[at++] = alpha.onWhite((pixel shr 16).toByte(), opacity)
                rgb[at++] = alpha.onWhite((pixel shr 8).toByte(), opacity)
                rgb[at++] = alpha.onWhite(pixel.toByte(), opacity)
            }
            return Frame(width, height, rgb)
        }

        /**
         * A frame of four bytes a pixel: red, green, blue and alpha, rows [rowStride] bytes apart, as a
         * plane of Android's `ImageAnalysis` in RGBA_8888 lies; what is transparent lies on white.
         *
         * Bytes that `Bitmap.copyPixelsToBuffer` gives are [Alpha.PREMULTIPLIED], unless the bitmap
         * was told otherwise.
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
            alpha: Alpha = Alpha.STRAIGHT,
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
            val isIgnored = alpha == Alpha.IGNORED
            var to = 0
            for (y in 0 until height) {
                var from = y * rowStride
                for (x in 0 until width) {
                    val opacity = rgba[from + 3].toInt() and 0xFF
                    if (opacity == OPAQUE || isIgnored) {
                        rgb[to] = rgba[from]
                        rgb[to + 1] = rgba[from + 1]
                        rgb[to + 2] = rgba[from + 2]
                    } else {
                        rgb[to] = alpha.onWhite(rgba[from], opacity)
                        rgb[to + 1] = alpha.onWhite(rgba[from + 1], opacity)
                        rgb[to + 2] = alpha.onWhite(rgba[from + 2], opacity)
                    }
                    to += CHANNELS
                    from += 4
                }
            }
            return Frame(width, height, rgb)
        }
    }
}

/** What the fourth channel of a picture says. */
public enum class Alpha {
    /** How opaque a pixel is; its colours are whole, as in image files. */
    STRAIGHT,

    /** The same, multiplied into the colours, as Android's `Bitmap` keeps them. */
    PREMULTIPLIED,

    /** Nothing: the picture is opaque, and the channel may hold anything. */
    IGNORED,
}

private const val OPAQUE = 255

/** A level on white, rounded to the nearest; both kinds of alpha give the same one. */
private fun Alpha.onWhite(level: Byte, opacity: Int): Byte {
    if (opacity == OPAQUE) return level
    val own = level.toInt() and 0xFF
    val white = OPAQUE - opacity
    val shown = if (this == Alpha.STRAIGHT) (own * opacity + OPAQUE / 2) / OPAQUE else own
    return minOf(shown + white, OPAQUE).toByte()
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
