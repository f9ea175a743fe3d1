import Foundation

// Which way up a face is, and whether it is one: the rules of mf2_edge/pipeline/finder.py.

/// The look that shows a candidate upright; nil where no look shows a face. `look` looks at it turned
/// by so many radians, clockwise.
func orient(
    _ candidate: Candidate, _ rules: DetectionRules, _ look: (_ turn: Double) throws -> Detection?
) rethrows -> Detection? {
    let right: Point = candidate.rightEye
    let left: Point = candidate.leftEye
    let turn: Double = atan2(left.y - right.y, left.x - right.x)
    var best: Detection? = try look(turn)
    let first: Double = best?.score ?? 0
    if first >= rules.oppositeBelow { return best }
    let opposite: Detection? = try look(turn + Double.pi)
    if isBetter(opposite, first, rules) { return opposite }
    if first < rules.quartersBelow {
        for quarter in [Double.pi / 2, -Double.pi / 2] {
            let turned: Detection? = try look(turn + quarter)
            if isBetter(turned, best?.score ?? 0, rules) { best = turned }
        }
    }
    if let found = best, found.score < rules.turnedLook {
        best?.doubtful = (opposite?.score ?? 0) > found.score - rules.turnedGain
    }
    return best
}

/// The rule of acceptance: a candidate's score and that of the look at it.
func isFace(_ score: Double, _ look: Double, _ rules: DetectionRules) -> Bool {
    if look >= rules.doubtfulLook { return true }
    return score >= rules.sureScore && look >= rules.sureLook
}

private func isBetter(_ turned: Detection?, _ first: Double, _ rules: DetectionRules) -> Bool {
    let score: Double = turned?.score ?? 0
    return score >= rules.turnedLook && score > first + rules.turnedGain
}
