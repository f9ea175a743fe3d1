/// Smooths one face's results over time and reports onset, apex and offset of its Action Units.
///
/// The steps are those of mf2_edge/tracking/smoother.py; parameters are the manifest's `smoothing`. Constant in
/// size, whatever the length of the stream.
struct Smoother {
    private let spec: ModelSpec
    private let trackId: Int
    private var emotionFilter: OneEuro
    private var unitFilter: OneEuro
    private var strengthFilter: OneEuro
    private var visibilityFilter: OneEuro
    /// Where the score of a unit that is present was highest; in the order in which they began.
    private var peaks: [Peak] = []
    private var label: String?
    private var lastMs: Double?

    private struct Peak {
        let unit: String
        var timestampMs: Double
        var score: Double
    }

    init(_ spec: ModelSpec, trackId: Int) {
        self.spec = spec
        self.trackId = trackId
        self.emotionFilter = OneEuro(spec.smoothing.emotion, together: true)
        self.unitFilter = OneEuro(spec.smoothing.actionUnits, together: false)
        self.strengthFilter = OneEuro(spec.smoothing.actionUnits, together: false)
        self.visibilityFilter = OneEuro(spec.smoothing.actionUnits, together: false)
    }

    /// The smoothed state, and what began or ended; `timestampMs` is not before the last one.
    mutating func update(
        _ state: FaceState, _ timestampMs: Double
    ) -> (state: FaceState, events: [ActionUnitEvent]) {
        let first: Bool = lastMs == nil
        let seconds: Double = (timestampMs - (lastMs ?? timestampMs)) / 1e3
        lastMs = timestampMs
        let seen: [Double] = visibilityFilter.update(state.visibility.values, seconds: seconds)
        let visibility = OrderedMap(state.visibility.keys, seen)
        let nothing: Bool = isCovered(visibility)
        let emotion: Emotion = smoothEmotion(state.emotion, seconds, hidden: nothing)
        let raw: [Double] = state.actionUnits.values.map { $0.score }
        let smoothed: [Double] = unitFilter.update(raw, seconds: seconds)
        let told: [Double] = state.actionUnits.values.compactMap { $0.strength }
        let strengths: [Double] = strengthFilter.update(told, seconds: seconds)
        var events: [ActionUnitEvent] = []
        var units = OrderedMap<ActionUnit>()
        for (i, entry) in state.actionUnits.enumerated() {
            let (name, unit) = entry
            let score: Double = smoothed[i]
            let hidden: Bool = !isVisible(name, visibility)
            // While its region is hidden nobody sees whether a unit begins, grows or ends.
            let present: Bool = hidden ? isHeld(name) : isPresent(name, score, first)
            if !hidden {
                events += present
                    ? hold(name, timestampMs, score) : end(name, timestampMs, score)
            }
            let changed: Bool = isTrusted(unit.reason) && present != unit.present
            units[name] = ActionUnit(
                name: unit.name,
                score: score,
                present: present,
                reason: ofVisibility(changed ? .smoothed : unit.reason, hidden),
                strength: unit.strength == nil ? nil : strengths[i],
                reliability: unit.reliability
            )
        }
        let smoothedState = FaceState(
            box: state.box,
            landmarks: state.landmarks,
            detectionScore: state.detectionScore,
            emotion: emotion,
            actionUnits: units,
            status: state.status,
            headPose: state.headPose,
            quality: state.quality,
            trackId: trackId,
            visibility: visibility
        )
        return (smoothedState, events)
    }

    /// What ends because the face is gone: apex and offset of all that was present.
    mutating func close(_ timestampMs: Double) -> [ActionUnitEvent] {
        var events: [ActionUnitEvent] = []
        for peak in peaks {
            events += end(peak.unit, timestampMs, 0)
        }
        return events
    }

    private mutating func smoothEmotion(
        _ emotion: Emotion, _ seconds: Double, hidden: Bool
    ) -> Emotion {
        let labels: [String] = emotion.scores.keys
        let smoothed: [Double] = emotionFilter.update(emotion.scores.values, seconds: seconds)
        let scores = OrderedMap(labels, smoothed)
        let highest: Double = smoothed.max() ?? 0
        let best: String = labels[smoothed.firstIndex(of: highest) ?? 0]
        var reported: String = best
        if let held = label, let score = scores[held] {
            if highest < score + spec.smoothing.emotionMargin { reported = held }
        }
        label = reported
        let score: Double = scores[reported] ?? 0
        var reason: Reason = emotion.reason
        if isTrusted(reason) {
            let unsure: Bool = score < spec.decoding.minEmotionScore
            reason = unsure ? .lowConfidence : .confident
            if reported != emotion.rawLabel { reason = .smoothed }
        }
        return Emotion(
            label: reported,
            rawLabel: emotion.rawLabel,
            score: score,
            scores: scores,
            reason: ofVisibility(reason, hidden),
            reliability: spec.reliability(of: reported)
        )
    }

    private func isPresent(_ unit: String, _ score: Double, _ first: Bool) -> Bool {
        if first { return score >= presentScore }
        let slack: Double = spec.smoothing.auHysteresis
        return score >= presentScore + (isHeld(unit) ? -slack : slack)
    }

    private func isHeld(_ unit: String) -> Bool {
        return peaks.contains(where: { $0.unit == unit })
    }

    /// A unit that is present: its onset if it was not, its peak if it is higher than ever.
    private mutating func hold(
        _ unit: String, _ timestampMs: Double, _ score: Double
    ) -> [ActionUnitEvent] {
        guard let place = peaks.firstIndex(where: { $0.unit == unit }) else {
            peaks.append(Peak(unit: unit, timestampMs: timestampMs, score: score))
            return [event(unit, .onset, timestampMs, score)]
        }
        if score > peaks[place].score {
            peaks[place].timestampMs = timestampMs
            peaks[place].score = score
        }
        return []
    }

    /// A unit that is absent: its apex and offset if it was present.
    private mutating func end(
        _ unit: String, _ timestampMs: Double, _ score: Double
    ) -> [ActionUnitEvent] {
        guard let place = peaks.firstIndex(where: { $0.unit == unit }) else { return [] }
        let peak: Peak = peaks.remove(at: place)
        return [
            event(unit, .apex, peak.timestampMs, peak.score),
            event(unit, .offset, timestampMs, score),
        ]
    }

    private func event(
        _ unit: String, _ kind: ActionUnitEvent.Kind, _ timestampMs: Double, _ score: Double
    ) -> ActionUnitEvent {
        return ActionUnitEvent(
            trackId: trackId, label: unit, kind: kind, timestampMs: timestampMs, score: score
        )
    }
}

/// Whether smoothing may replace a reason; the others say that the picture itself is poor.
private func isTrusted(_ reason: Reason) -> Bool {
    return reason == .confident || reason == .lowConfidence
}

/// The reason once the smoothed visibility is known.
private func ofVisibility(_ reason: Reason, _ hidden: Bool) -> Reason {
    if hidden { return .notVisible }
    return reason == .notVisible ? .smoothed : reason
}
