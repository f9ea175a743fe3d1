// %title
// Weights: %license
// Add %file to the app's target. Link Core ML and Vision.

import CoreML
import Vision

struct FaceState {
    /// Calibrated scores by label, 0...1; they add up to 1.
    let emotion: [String: Double]
    /// Calibrated score by Action Unit, 0...1, and whether it counts as present.
    let actionUnits: [String: (score: Double, present: Bool)]
}

final class FaceStateModel {
    private static let emotions: [String] = [%emotions]
    private static let temperature = %temperature
    /// Label, place in the output, scale, bias.
    private static let units: [(String, Int, Double, Double)] = [
%units
    ]

    private let request: VNCoreMLRequest

    init() throws {
        guard let url = Bundle.main.url(forResource: "%stem", withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        request = VNCoreMLRequest(model: try VNCoreMLModel(for: MLModel(contentsOf: url)))
        request.imageCropAndScaleOption = .scaleFill // the face has its size already
    }

    /// `face` is aligned to the template of manifest.json, %width x %height pixels, as it is: the
    /// model normalises by itself, and Vision converts the pixel format.
    func predict(_ face: CVPixelBuffer) throws -> FaceState {
        try VNImageRequestHandler(cvPixelBuffer: face, options: [:]).perform([request])
        var logits: [String: [Double]] = [:]
        for case let output as VNCoreMLFeatureValueObservation in request.results ?? [] {
            guard let values = output.featureValue.multiArrayValue else { continue }
            logits[output.featureName] = (0..<values.count).map { values[$0].doubleValue }
        }
        guard let emotion = logits["emotion"], let units = logits["action_units"] else {
            throw CocoaError(.coderReadCorrupt)
        }
        let highest = emotion.max() ?? 0
        let powers = emotion.map { exp(($0 - highest) / Self.temperature) }
        let sum = powers.reduce(0, +)
        let scores = Self.units.map { label, index, scale, bias -> (String, (score: Double, present: Bool)) in
            let score = 1 / (1 + exp(-(scale * units[index] + bias)))
            return (label, (score: score, present: score >= 0.5))
        }
        return FaceState(
            emotion: Dictionary(uniqueKeysWithValues: zip(Self.emotions, powers.map { $0 / sum })),
            actionUnits: Dictionary(uniqueKeysWithValues: scores)
        )
    }
}
