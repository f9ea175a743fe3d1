package dev.mf2edge

import kotlin.math.asin
import kotlin.math.atan2
import kotlin.math.max
import kotlin.math.sqrt

// Head pose from the six landmarks of the detector, as mf2_edge/pipeline/pose.py estimates it: the rotation
// that a weak-perspective camera sees an average head turned by (Horn et al. 1988,
// doi:10.1364/JOSAA.5.001127).

/** An adult's average head, millimetres: x to the head's left, y down, z away from the viewer. */
private val HEAD = mapOf(
    LandmarkName.RIGHT_EYE to listOf(-32.0, 0.0, 0.0),
    LandmarkName.LEFT_EYE to listOf(32.0, 0.0, 0.0),
    LandmarkName.NOSE_TIP to listOf(0.0, 42.0, -32.0),
    LandmarkName.MOUTH_CENTER to listOf(0.0, 72.0, -14.0),
    LandmarkName.RIGHT_EAR to listOf(-72.0, 14.0, 88.0),
    LandmarkName.LEFT_EAR to listOf(72.0, 14.0, 88.0),
)

/** The head's points less their mean, one list an axis. */
private val CENTRED = List(3) { axis -> centred(HEAD.values.map { it[axis] }) }

/** Of their inner products. */
private val SQUARE = CENTRED.map { u -> CENTRED.map { v -> dot(u, v) } }

private const val DEGENERATE = 1e-6

/** Yaw, pitch and roll in degrees; null where the landmarks are degenerate. */
internal fun headPose(landmarks: Landmarks): HeadPose? {
    val points = HEAD.keys.map { landmarks[it] }
    if (!points.all { it.x.isFinite() && it.y.isFinite() }) return null
    val a = leastSquares(points.map { it.x })
    val b = leastSquares(points.map { it.y })
    // The nearest orthonormal rows: (A Aᵀ)^(-1/2) A, whose root has a closed form for two rows.
    val (p, q, r) = listOf(dot(a, a), dot(a, b), dot(b, b))
    val root = sqrt(max(p * r - q * q, 0.0))
    val smallest = (p + r - sqrt((p - r) * (p - r) + 4 * q * q)) / 2
    if (!(sqrt(max(smallest, 0.0)) >= DEGENERATE)) return null
    val scale = 1 / (root * sqrt(p + r + 2 * root))
    val across = a.zip(b) { u, v -> scale * ((r + root) * u - q * v) }
    val down = a.zip(b) { u, v -> scale * (-q * u + (p + root) * v) }
    val away = across[0] * down[1] - across[1] * down[0]
    // R = yaw * pitch * roll, turns about the camera's axes: y down, x right, z away.
    return HeadPose(
        yaw = Math.toDegrees(atan2(-across[2], away)),
        pitch = Math.toDegrees(asin(down[2].coerceIn(-1.0, 1.0))),
        roll = Math.toDegrees(atan2(down[0], down[1])),
    )
}

/** One row of the camera's matrix, by the normal equations of the head's points. */
private fun leastSquares(values: List<Double>): List<Double> {
    val middle = centred(values)
    val right = CENTRED.map { dot(it, middle) }
    // Cramer's rule.
    val whole = determinant(SQUARE)
    return List(3) { k ->
        val put = SQUARE.mapIndexed { i, row -> row.mapIndexed { j, v -> if (j == k) right[i] else v } }
        determinant(put) / whole
    }
}

private fun determinant(rows: List<List<Double>>): Double {
    val (u, v, w) = rows
    return u[0] * (v[1] * w[2] - v[2] * w[1]) -
        u[1] * (v[0] * w[2] - v[2] * w[0]) +
        u[2] * (v[0] * w[1] - v[1] * w[0])
}

private fun centred(values: List<Double>): List<Double> {
    val mean = values.sum() / values.size
    return values.map { it - mean }
}

private fun dot(u: List<Double>, v: List<Double>): Double = u.indices.sumOf { u[it] * v[it] }
