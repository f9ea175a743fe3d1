import Foundation

/// Decode: from logits to what a face shows, with the manifest's calibration.
///
///     emotion       scores = softmax(logits / temperature)
///     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
///     strength      score  = sigmoid(scale * logit + bias), of the same units, marked
///     visibility    score  = sigmoid(logit + bias), of regions; below 0.5 one cannot be judged
struct Decoder {
    private let spec: ModelSpec
    private let includeExperimental: Bool
    private let emotionHead: HeadSpec
    private let unitHead: HeadSpec

    init(_ spec: ModelSpec, includeExperimental: Bool = false) {
        self.spec = spec
        self.includeExperimental = includeExperimental
        self.emotionHead = spec.head(.emotion)
        self.unitHead = spec.head(.actionUnits)
    }

    /// What the heads say of one face.
    struct Answers {
        var emotion: Emotion
        var actionUnits: OrderedMap<ActionUnit>
        var visibility: OrderedMap<Double>
    }

    /// The results for one face; a status other than ok is the reason of each, else `doubt`.
    func decode(_ outputs: [[Float]], _ status: Status, _ doubt: Reason?) -> Answers {
        var cause: Reason? = doubt
        switch status {
        case .ok: break
        case .unaligned: cause = .unaligned
        case .small: cause = .faceTooSmall
        }
        var visibility = OrderedMap<Double>()
        if let head = spec.findHead(.visibility) {
            visibility = OrderedMap(head.labels, scores(.visibility, outputs[head.output]))
        }
        let emotions: [Double] = scores(.emotion, outputs[emotionHead.output])
        let reason: Reason? = isCovered(visibility) ? .notVisible : cause
        return Answers(
            emotion: emotion(emotions, reason),
            actionUnits: actionUnits(outputs, cause, visibility),
            visibility: visibility
        )
    }

    /// One calibrated score a label of that head, from its logits.
    func scores(_ head: HeadName, _ logits: [Float]) -> [Double] {
        switch head {
        case .emotion:
            return emotionScores(logits)
        case .actionUnits:
            return scaled(logits, spec.calibration.actionUnits)
        case .strength:
            return scaled(logits, spec.calibration.strength)
        case .visibility:
            let labels: [String] = spec.head(.visibility).labels
            return zip(labels, logits).map { label, logit in
                sigmoid(Double(logit) + (spec.calibration.visibility[label]?.bias ?? 0))
            }
        }
    }

    private func emotionScores(_ logits: [Float]) -> [Double] {
        let temperature: Double = spec.calibration.emotion.temperature
        let scaled: [Double] = logits.map { Double($0) / temperature }
        let largest: Double = scaled.max() ?? 0
        let powers: [Double] = scaled.map { exp($0 - largest) }
        let sum: Double = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    private func scaled(
        _ logits: [Float], _ calibration: OrderedMap<ActionUnitCalibration>
    ) -> [Double] {
        var scores: [Double] = []
        for (label, logit) in zip(unitHead.labels, logits) {
            guard let spec = calibration[label] else { continue }
            scores.append(sigmoid(Double(logit) * spec.scale + spec.bias))
        }
        return scores
    }

    private func emotion(_ scores: [Double], _ cause: Reason?) -> Emotion {
        let score: Double = scores.max() ?? 0
        let label: String = emotionHead.labels[scores.firstIndex(of: score) ?? 0]
        let unsure: Bool = score < spec.decoding.minEmotionScore
        let reason: Reason = cause ?? (unsure ? .lowConfidence : .confident)
        return Emotion(
            label: label,
            rawLabel: label,
            score: score,
            scores: OrderedMap(emotionHead.labels, scores),
            reason: reason,
            reliability: spec.reliability(of: label)
        )
    }

    private func actionUnits(
        _ outputs: [[Float]], _ cause: Reason?, _ visibility: OrderedMap<Double>
    ) -> OrderedMap<ActionUnit> {
        let found: [Double] = scores(.actionUnits, outputs[unitHead.output])
        var strengths: [Double?] = found.map { _ in nil }
        if let head = spec.findHead(.strength) {
            strengths = scores(.strength, outputs[head.output])
        }
        var made = OrderedMap<ActionUnit>()
        for (i, label) in unitHead.labels.enumerated() {
            if spec.experimental.contains(label) && !includeExperimental { continue }
            let score: Double = found[i]
            let unsure: Bool = abs(score - presentScore) < spec.decoding.auMargin
            let judged: Reason = cause ?? (unsure ? .lowConfidence : .confident)
            made[label] = ActionUnit(
                name: actionUnitNames[label] ?? label,
                score: score,
                present: score >= presentScore,
                reason: isVisible(label, visibility) ? judged : .notVisible,
                strength: strengths[i],
                reliability: spec.reliability(of: label)
            )
        }
        return made
    }
}

private func sigmoid(_ z: Double) -> Double {
    let power: Double = exp(-abs(z))
    return (z >= 0 ? 1 : power) / (1 + power)
}
