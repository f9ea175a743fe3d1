// %title
// Weights: %license
// In Xcode: add the package MF2Edge beside this file (Add Local) with its products MF2Edge and
// MF2EdgeApple; drag %file in as a file of the target, and the exported folder, named mf2-edge, as a
// folder reference without `code`.

import Foundation
import MF2Edge
import MF2EdgeApple

/// Opens the model: faces are found, aligned, run and decoded by `predict` of what it returns, or frame
/// by frame by a `FaceStateCamera` of its `stream()`. Call it off the main thread.
func openFaceStateAnalyzer() throws -> FaceStateAnalyzer {
    guard let folder = Bundle.main.url(forResource: "mf2-edge", withExtension: nil),
        let model = Bundle.main.url(forResource: "%stem", withExtension: "mlmodelc")
    else { throw CocoaError(.fileNoSuchFile) }
    let bundle = try ModelBundle(folder: folder)
    let artifact = try bundle.select(.coreml)
    return try FaceStateAnalyzer(
        bundle: bundle,
        artifact: artifact,
        runner: CoreMLRunner(compiled: model, artifact: artifact, bundle: bundle),
        detector: VisionDetector()
    )
}
