package dev.mf2edge

private const val BELOW_A_FLOAT = 0x1FFFFFFFL
private const val HALF_WAY = 0x10000000L

/**
 * `a * b + c`, rounded once: the fused multiply-add of float, which Android has as `Math.fma` only
 * from API level 33 on.
 *
 * The product of two floats is exact in double, so one rounding too many happens only where the sum,
 * rounded to double, falls half way between two floats; then what the double lost decides (Knuth's
 * TwoSum finds it). Subnormal results, below 1.2e-38, may still be off by one unit of 1.4e-45.
 */
internal fun fma(a: Float, b: Float, c: Float): Float {
    val product = a.toDouble() * b.toDouble()
    val addend = c.toDouble()
    val sum = product + addend
    if (sum.toRawBits() and BELOW_A_FLOAT != HALF_WAY) return sum.toFloat()
    val part = sum - product
    val lost = (product - (sum - part)) + (addend - part)
    return when {
        lost > 0 -> Math.nextUp(sum).toFloat()
        lost < 0 -> Math.nextDown(sum).toFloat()
        else -> sum.toFloat()
    }
}
