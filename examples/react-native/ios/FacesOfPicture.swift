// Beside the exported folder's FaceState.swift; see README.md.
import Foundation
import MF2Edge

/// What `predict(uri)` of mf2Edge.ts returns; the model is opened at the first call, and calls take turns.
final class FacesOfPicture: @unchecked Sendable {
    private let queue = DispatchQueue(label: "dev.mf2edge.reactnative")
    private var analyzer: FaceStateAnalyzer?

    /// The faces of a picture as `Face[]`, told to `done` on a queue of its own.
    func predict(_ picture: Frame, done: @escaping @Sendable (Result<[[String: any Sendable]], any Error>) -> Void) {
        queue.async { [self] in
            done(Result { try opened().predict(picture).map(face) })
        }
    }

    private func opened() throws -> FaceStateAnalyzer {
        if let analyzer { return analyzer }
        let made = try openFaceStateAnalyzer()
        analyzer = made
        return made
    }

    private func face(_ state: FaceState) -> [String: any Sendable] {
        return [
            "x": state.box.x,
            "y": state.box.y,
            "width": state.box.width,
            "height": state.box.height,
            "emotion": state.emotion.label,
            "emotionScore": state.emotion.score,
            "reason": state.emotion.reason.rawValue,
            "actionUnits": state.actionUnits.map { unit($0.key, $0.value) },
        ]
    }

    private func unit(_ label: String, _ unit: ActionUnit) -> [String: any Sendable] {
        let intensity: any Sendable = unit.intensity ?? NSNull()
        return [
            "label": label,
            "score": unit.score,
            "present": unit.present,
            "reason": unit.reason.rawValue,
            "intensity": intensity,
        ]
    }
}
