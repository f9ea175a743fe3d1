package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
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

    /** Sums that double rounds to half way between two floats, where one more rounding shows. */
    @Test
    fun `decides what falls half way`() {
        val draw = Random(1)
        var twice = 0
        repeat(200_000) {
            // The product is half a unit of c, and a little that double loses.
            val c = draw.nextInt(1 shl 23, 1 shl 24).toFloat()
            val a = 0.5f + draw.nextInt(1, 8) * Math.ulp(0.5f)
            val b = 1f + draw.nextInt(-8, 8) * Math.ulp(1f)
            for (sign in listOf(1f, -1f)) {
                val expected = Math.fma(a * sign, b, c * sign)
                assertEquals(expected, fma(a * sign, b, c * sign)) { "$a * $b + $c" }
                if ((a * sign).toDouble() * b + c * sign != expected.toDouble()) twice++
            }
        }
        check(twice > 0)
    }

    @Test
    fun `one rounding too many would show`() {
        // 1 + 2^-24 + 2^-54: double drops the last term, and a float would then round to the even.
        val tiny = Math.scalb(1f, -27)
        val a = Math.scalb(1f, -24) + Math.scalb(1f, -47)
        val b = 1f + Math.scalb(1f, -23)
        for (c in listOf(1f, -1f, 1f + Math.ulp(1f))) {
            assertEquals(Math.fma(a, b, c), fma(a, b, c))
            assertEquals(Math.fma(-a, b, c), fma(-a, b, c))
            assertEquals(Math.fma(tiny, tiny, c), fma(tiny, tiny, c))
        }
        val half = Math.scalb(1f, -12)
        val more = half + Math.scalb(1f, -35)
        assertEquals(Math.fma(more, half, 1f), fma(more, half, 1f))
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
