import Foundation

/// A low-pass filter that smooths strongly where a value rests and little where it moves: of a row of
/// values, with its memory; `together` makes them share one speed.
///
/// After the 1 EUR filter (Casiez, Roussel and Vogel 2012, doi:10.1145/2207676.2208639), in the form
/// that mf2_edge/tracking/one_euro.py specifies, the same at any frame rate.
struct OneEuro {
    private let spec: OneEuroSpec
    private let together: Bool
    private var slow: [Double]?
    private var value: [Double] = []

    init(_ spec: OneEuroSpec, together: Bool) {
        self.spec = spec
        self.together = together
    }

    /// The smoothed values; `unit` is what speed counts in, for pixels the width of the face.
    mutating func update(_ x: [Double], seconds: Double, unit: Double = 1) -> [Double] {
        guard let before = slow, before.count == x.count else {
            slow = x
            value = x
            return x
        }
        let share: Double = gain(spec.speedCutoffHz, seconds)
        let factor: Double = 2 * Double.pi * spec.speedCutoffHz / unit
        var recent: [Double] = []
        var speeds: [Double] = []
        for i in 0..<x.count {
            let mean: Double = before[i] + share * (x[i] - before[i])
            recent.append(mean)
            speeds.append(abs(x[i] - mean) * factor)
        }
        let fastest: Double = speeds.max() ?? 0
        var smoothed: [Double] = []
        for i in 0..<x.count {
            let speed: Double = together ? fastest : speeds[i]
            let cutoff: Double = spec.minCutoffHz + spec.beta * speed
            smoothed.append(value[i] + gain(cutoff, seconds) * (x[i] - value[i]))
        }
        slow = recent
        value = smoothed
        return smoothed
    }
}

/// How much of the way a first-order low pass goes towards a value held for so long.
private func gain(_ cutoff: Double, _ seconds: Double) -> Double {
    return 1 - exp(-2 * Double.pi * seconds * cutoff)
}
