import Foundation

/// Decode: from logits to emotion and Action Units, with the manifest's calibration.
///
///     emotion       scores = softmax(logits / temperature)
///     action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
struct Decoder {
    private let manifest: Manifest
    private let emotionHead: HeadSpec
    private let unitHead: HeadSpec

    init(_ manifest: Manifest) {
        self.manifest = manifest
        self.emotionHead = manifest.head(.emotion)
        self.unitHead = manifest.head(.actionUnits)
    }

    /// The results for one face; a status other than ok is the reason of each, else `doubt`.
    func decode(
        _ outputs: [[Float]], _ status: Status, _ doubt: Reason?
    ) -> (emotion: Emotion, actionUnits: OrderedMap<ActionUnit>) {
        var cause: Reason? = doubt
        switch status {
        case .ok: break
        case .unaligned: cause = .unaligned
        case .small: cause = .faceTooSmall
        }
        let emotions: [Double] = emotionScores(outputs[emotionHead.output])
        let units: [Double] = unitScores(outputs[unitHead.output])
        return (emotion(emotions, cause), actionUnits(units, cause))
    }

    /// One calibrated probability a label, from the logits of the head of emotions.
    func emotionScores(_ logits: [Float]) -> [Double] {
        let temperature: Double = manifest.calibration.emotion.temperature
        let scaled: [Double] = logits.map { Double($0) / temperature }
        let largest: Double = scaled.max() ?? 0
        let powers: [Double] = scaled.map { exp($0 - largest) }
        let sum: Double = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// One calibrated probability a unit, from the logits of the head of Action Units.
    func unitScores(_ logits: [Float]) -> [Double] {
        var scores: [Double] = []
        for (label, logit) in zip(unitHead.labels, logits) {
            guard let spec = manifest.calibration.actionUnits[label] else { continue }
            scores.append(sigmoid(Double(logit) * spec.scale + spec.bias))
        }
        return scores
    }

    private func emotion(_ scores: [Double], _ cause: Reason?) -> Emotion {
        let score: Double = scores.max() ?? 0
        let label: String = emotionHead.labels[scores.firstIndex(of: score) ?? 0]
        let unsure: Bool = score < manifest.decoding.minEmotionScore
        let reason: Reason = cause ?? (unsure ? .lowConfidence : .confident)
        let named = OrderedMap(emotionHead.labels, scores)
        return Emotion(label: label, rawLabel: label, score: score, scores: named, reason: reason)
    }

    private func actionUnits(_ scores: [Double], _ cause: Reason?) -> OrderedMap<ActionUnit> {
        var made = OrderedMap<ActionUnit>()
        for (label, score) in zip(unitHead.labels, scores) {
            let unsure: Bool = abs(score - presentScore) < manifest.decoding.auMargin
            made[label] = ActionUnit(
                name: actionUnitNames[label] ?? label,
                score: score,
                present: score >= presentScore,
                reason: cause ?? (unsure ? .lowConfidence : .confident)
            )
        }
        return made
    }
}

private func sigmoid(_ z: Double) -> Double {
    let power: Double = exp(-abs(z))
    return (z >= 0 ? 1 : power) / (1 + power)
}
