package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

internal class FrameTest {
    @Test
    fun `takes the colours of packed pixels`() {
        val pixels = intArrayOf(0x00010203, -1, 0x7F000000, 0x00AABBCC)
        val expected = listOf(1, 2, 3, 255, 255, 255, 0, 0, 0, 0xAA, 0xBB, 0xCC)
        assertArrayEquals(bytes(expected), Frame.fromArgb(2, 2, pixels, Alpha.IGNORED).rgb)
    }

    @Test
    fun `passes over padding, and over alpha where asked to`() {
        val rows = listOf(1, 2, 3, 9, 4, 5, 6, 9, 99, 99) + listOf(7, 8, 9, 9, 10, 11, 12, 9)
        val frame = Frame.fromRgba(2, 2, bytes(rows), rowStride = 10, Alpha.IGNORED)
        assertArrayEquals(bytes((1..12).toList()), frame.rgb)
    }

    @Test
    fun `lays what is transparent on white`() {
        val pixels = intArrayOf(0x00010203, 0x7F000000, 0x40FF8000, -0x01000000)
        val straight = listOf(255, 255, 255, 128, 128, 128, 255, 223, 191, 0, 0, 0)
        assertArrayEquals(bytes(straight), Frame.fromArgb(2, 2, pixels).rgb)
        val multiplied = intArrayOf(0, 0x7F000000, 0x40402000, -0x01000000)
        val frame = Frame.fromArgb(2, 2, multiplied, Alpha.PREMULTIPLIED)
        assertArrayEquals(bytes(straight), frame.rgb)
    }

    @Test
    fun `cuts off colours above their premultiplied alpha`() {
        val rgba = bytes(List(4) { listOf(200, 9, 0, 100) }.flatten())
        val frame = Frame.fromRgba(2, 2, rgba, alpha = Alpha.PREMULTIPLIED)
        assertArrayEquals(bytes(List(4) { listOf(255, 164, 155) }.flatten()), frame.rgb)
    }

    @Test
    fun `refuses sides and lengths that do not fit`() {
        for ((width, height) in listOf(1 to 2, 2 to 1, 0 to 0, -5 to 4, 32769 to 2, 32768 to 32768)) {
            refused { Frame(width, height, ByteArray(12)) }
            refused { Frame.fromArgb(width, height, IntArray(4)) }
            refused { Frame.fromRgba(width, height, ByteArray(16), rowStride = 8) }
        }
        refused { Frame(2, 2, ByteArray(11)) }
        refused { Frame(2, 2, ByteArray(16)) }
        refused { Frame.fromArgb(2, 2, IntArray(3)) }
        refused { Frame.fromRgba(2, 2, ByteArray(15)) }
        refused { Frame.fromRgba(2, 2, ByteArray(16), rowStride = 7) }
        refused { Frame.fromRgba(2, 2, ByteArray(16), rowStride = Int.MAX_VALUE) }
    }

    private fun refused(make: () -> Frame) {
        val error = assertThrows(FrameException::class.java) { make() }
        assertTrue("expected" in error.message!! || "reduce" in error.message!! || "take" in error.message!!)
    }

    private fun bytes(values: List<Int>) = values.map(Int::toByte).toByteArray()
}
