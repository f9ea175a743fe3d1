package dev.mf2edge

import kotlin.math.PI
import kotlin.math.atan2

// Which way up a face is, and whether it is one: the rules of mf2_edge/pipeline/finder.py.

/**
 * The look that shows a candidate upright; null where no look shows a face. [look] looks at it turned by
 * so many radians, clockwise.
 */
internal fun orient(
    candidate: Candidate,
    rules: DetectionRules,
    look: (turn: Double) -> Detection?,
): Detection? {
    val (right, left) = candidate.rightEye to candidate.leftEye
    val turn = atan2(left.y - right.y, left.x - right.x)
    var best = look(turn)
    val first = scoreOf(best)
    if (first >= rules.oppositeBelow) return best
    val opposite = look(turn + PI)
    if (isBetter(opposite, first, rules)) return opposite
    if (first < rules.quartersBelow) {
        for (quarter in listOf(PI / 2, -PI / 2)) {
            val turned = look(turn + quarter)
            if (isBetter(turned, scoreOf(best), rules)) best = turned
        }
    }
    if (best == null || best.score >= rules.turnedLook) return best
    return best.copy(doubtful = scoreOf(opposite) > best.score - rules.turnedGain)
}

/** The rule of acceptance: a candidate's score and that of the look at it. */
internal fun isFace(score: Double, look: Double, rules: DetectionRules): Boolean =
    look >= rules.doubtfulLook || score >= rules.sureScore && look >= rules.sureLook

private fun isBetter(turned: Detection?, first: Double, rules: DetectionRules): Boolean =
    scoreOf(turned) >= rules.turnedLook && scoreOf(turned) > first + rules.turnedGain

private fun scoreOf(face: Detection?): Double = face?.score ?: 0.0
