package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random

internal class FmaTest {
    @Test
    fun `rounds once as the platform's own`() {
        val draw = Random(0)
        repeat(1_000_000) {
            val (a, b, c) = List(3) { float(draw) }
            assertEquals(Math.fma(a, b, c), fma(a, b, c)) { "$a * $b + $c" }
        }
    }

    /** The product is half a unit of c less a bit that double loses, so double alone ends elsewhere. */
    @Test
    fun `decides what falls half way`() {
        var elsewhere = 0
        for (k in 15..22) {
            val near = Math.scalb(1f, -k)
            val (a, b) = Math.scalb(1 + near, -12) to Math.scalb(1 - near, -12)
            for (unit in 0..100) {
                for (sign in listOf(1f, -1f)) {
                    val c = (1 + unit * Math.ulp(1f)) * sign
                    val expected = Math.fma(a, b, c)
                    assertEquals(expected, fma(a, b, c)) { "$a * $b + $c" }
                    if ((a.toDouble() * b + c).toFloat() != expected) elsewhere++
                }
            }
        }
        assertTrue(elsewhere > 100) { "only $elsewhere of the sums need care" }
    }

    @Test
    fun `carries what is not a number`() {
        assertEquals(Float.NaN, fma(Float.NaN, 1f, 1f))
        assertEquals(Float.POSITIVE_INFINITY, fma(Float.MAX_VALUE, 2f, 1f))
        assertEquals(Float.NaN, fma(Float.POSITIVE_INFINITY, 1f, Float.NEGATIVE_INFINITY))
    }

    /** Of either sign and of an exponent from -20 to 20. */
    private fun float(draw: Random): Float {
        val fraction = draw.nextInt(1 shl 23, 1 shl 24) * if (draw.nextBoolean()) 1f else -1f
        return Math.scalb(fraction, draw.nextInt(-20, 21) - 23)
    }
}
