package dev.mf2edge.android

import dev.mf2edge.FrameException
import kotlin.math.abs
import kotlin.math.floor
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Levels before rounding, by the definition of BT.601 in floating point; `[y][x]` is (red, green, blue). */
private typealias Picture = List<List<List<Double>>>

private fun reference(image: Yuv420, range: YuvRange): Picture {
    fun sample(plane: YuvPlane, x: Int, y: Int) =
        plane.bytes[y * plane.rowStride + x * plane.pixelStride].toUByte().toDouble()
    return List(image.height) { y ->
        List(image.width) { x ->
            val cb = sample(image.u, x / 2, y / 2) - 128
            val cr = sample(image.v, x / 2, y / 2) - 128
            val (luma, pb, pr) = when (range) {
                YuvRange.FULL -> listOf(sample(image.y, x, y) / 255, cb / 255, cr / 255)
                YuvRange.LIMITED -> listOf((sample(image.y, x, y) - 16) / 219, cb / 224, cr / 224)
            }
            val red = luma + (2 - 2 * 0.299) * pr
            val blue = luma + (2 - 2 * 0.114) * pb
            // What luma leaves for green.
            val green = (luma - 0.299 * red - 0.114 * blue) / 0.587
            listOf(red, green, blue).map { it * 255 }
        }
    }
}

/** A quarter turn clockwise: the left column becomes the top row. */
private fun turned(picture: Picture): Picture =
    picture.first().indices.map { x -> picture.indices.reversed().map { y -> picture[y][x] } }

private fun upright(picture: Picture, degrees: Int, mirror: Boolean): Picture {
    val turned = generateSequence(picture, ::turned).elementAt(degrees / 90)
    return if (mirror) turned.map { it.reversed() } else turned
}

private fun Random.plane(columns: Int, rows: Int, pixelStride: Int): YuvPlane {
    val rowStride = columns * pixelStride + nextInt(0, 9)
    // Android's last row ends with its last sample.
    return YuvPlane(nextBytes((rows - 1) * rowStride + (columns - 1) * pixelStride + 1), rowStride, pixelStride)
}

private fun Random.image(): Yuv420 {
    val (width, height) = nextInt(2, 20) to nextInt(2, 20)
    val (columns, rows) = (width + 1) / 2 to (height + 1) / 2
    val stride = nextInt(1, 3)
    return Yuv420(
        width, height, plane(width, height, 1), plane(columns, rows, stride), plane(columns, rows, stride),
    )
}

private fun rgb(image: Yuv420, orientation: Orientation, range: YuvRange) =
    ByteArray(image.width * image.height * 3).also { toRgb(image, orientation, range, it) }

class YuvTest {
    @Test
    fun everyImageIsThatOfTheReference() {
        val random = Random(7)
        repeat(400) {
            val image = random.image()
            val orientation = Orientation(90 * random.nextInt(4), random.nextBoolean())
            val range = YuvRange.entries.random(random)
            val found = rgb(image, orientation, range)
            val wanted = upright(reference(image, range), orientation.degrees, orientation.mirror).flatten().flatten()
            assertEquals(wanted.size, found.size)
            for ((level, exact) in found.map { it.toUByte().toDouble() }.zip(wanted)) {
                val cut = exact.coerceIn(0.0, 255.0)
                // Halves may go either way in fixed point; all else is the nearest level.
                assertTrue(abs(level - cut) <= 0.5 + 0.001, "$level for $exact")
            }
        }
    }

    @Test
    fun greyIsExact() {
        for (level in 0..255) {
            val grey = YuvPlane(byteArrayOf(128.toByte()), 1, 1)
            val image = Yuv420(2, 2, YuvPlane(ByteArray(4) { level.toByte() }, 2, 1), grey, grey)
            val full = rgb(image, Orientation(0, false), YuvRange.FULL)
            assertArrayEquals(ByteArray(12) { level.toByte() }, full)
            val limited = rgb(image, Orientation(0, false), YuvRange.LIMITED)
            val wanted = floor((level - 16) * 255.0 / 219 + 0.5).coerceIn(0.0, 255.0)
            assertEquals(wanted, limited[0].toUByte().toDouble())
        }
    }

    @Test
    fun aPlaneThatIsCutShortIsRefused() {
        val whole = YuvPlane(ByteArray(16), 4, 1)
        val chroma = YuvPlane(ByteArray(4), 2, 1)
        assertThrows(FrameException::class.java) { Yuv420(4, 4, YuvPlane(ByteArray(15), 4, 1), chroma, chroma) }
        assertThrows(FrameException::class.java) { Yuv420(4, 4, whole, YuvPlane(ByteArray(3), 2, 1), chroma) }
        assertThrows(FrameException::class.java) { Yuv420(4, 4, whole, chroma, YuvPlane(ByteArray(4), 2, 2)) }
        assertThrows(FrameException::class.java) { Orientation(45, false) }
    }
}
