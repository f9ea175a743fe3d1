package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.random.Random

/** What the goldens do not hold: exact cases, and matrices that no face makes. */
internal class WarpTest {
    private val image = Image(7, 5, Random(0).nextBytes(7 * 5 * 3))

    @Test
    fun `the identity gives the image back`() {
        val same = warp(image, Matrix(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 7, 5, Outside.BLACK)
        assertArrayEquals(image.rgb, same.rgb)
    }

    @Test
    fun `a shift leaves black or the edge behind`() {
        val shift = Matrix(1.0, 0.0, 2.0, 0.0, 1.0, 0.0)
        val black = warp(image, shift, 7, 5, Outside.BLACK)
        val edge = warp(image, shift, 7, 5, Outside.REPLICATE)
        for (row in 0 until 5) {
            val first = row * 21
            assertArrayEquals(ByteArray(6), black.rgb.copyOfRange(first, first + 6))
            val pixel = image.rgb.copyOfRange(first, first + 3)
            assertArrayEquals(pixel + pixel, edge.rgb.copyOfRange(first, first + 6))
            val rest = image.rgb.copyOfRange(first, first + 15)
            assertArrayEquals(rest, black.rgb.copyOfRange(first + 6, first + 21))
        }
    }

    @Test
    fun `halves are rounded up in blocks of two, to the even in blocks of four`() {
        fun mean(side: Int, level: Int): Int {
            // One level is 1 in half of the pixels more than in the others.
            val rgb = ByteArray(side * side * 3) { (level + it / 3 % 2).toByte() }
            val scale = 1.0 / side
            val matrix = Matrix(scale, 0.0, scale / 2 - 0.5, 0.0, scale, scale / 2 - 0.5)
            return warp(Image(side, side, rgb), matrix, 1, 1, Outside.REPLICATE).rgb[0].toInt()
        }
        assertEquals(listOf(11, 12), listOf(mean(2, 10), mean(2, 11)))
        assertEquals(listOf(10, 12), listOf(mean(4, 10), mean(4, 11)))
    }

    @Test
    fun `no matrix crashes`() {
        val values = listOf(
            0.0, 1.0, -1.0, 1e-9, -1e-9, 1e9, -1e9, 1e300, Double.NaN, Double.POSITIVE_INFINITY,
        )
        val draw = Random(0)
        repeat(2000) {
            val (a, b, tx, c, d) = List(5) { values.random(draw) }
            val matrix = Matrix(a, b, tx, c, d, values.random(draw))
            for (outside in Outside.entries) {
                assertEquals(4 * 3 * 3, warp(image, matrix, 4, 3, outside).rgb.size)
            }
        }
    }
}
