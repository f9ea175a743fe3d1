import Foundation
import MF2EdgeLiteRT

@testable import MF2Edge

// Every stage against the goldens, and real faces: Replay BUNDLE DETECTORS FOLDER LIBRARY prints one JSON
// object.
//
// FOLDER holds goldens/, stages/ and smooth/ (.npy), goldens_finder.json, manifests.json, and crops.bin:
// for each crop its width and height as little-endian int32, then RGB. The repository's Python tests make it and judge.
// LIBRARY is the path of libLiteRt.so.

extension Frame {
    init(_ image: Image) throws {
        try self.init(width: image.width, height: image.height, rgb: image.rgb)
    }
}

private func told(_ face: FaceState) -> [String: Any] {
    var units: [String: Any] = [:]
    for (label, unit) in face.actionUnits {
        units[label] = [
            "score": unit.score, "present": unit.present, "reason": unit.reason.rawValue,
        ] as [String: Any]
    }
    return [
        "emotion": face.emotion.label,
        "score": face.emotion.score,
        "reason": face.emotion.reason.rawValue,
        "status": face.status.rawValue,
        "quality": face.quality.overall,
        "action_units": units,
    ]
}

private func replayCrops(_ file: URL, _ analyzer: FaceStateAnalyzer) throws -> [Any] {
    let data = [UInt8](try Data(contentsOf: file))
    var crops: [Frame] = []
    var at: Int = 0
    while at < data.count {
        let width = Int(word(data, at, 4))
        let height = Int(word(data, at + 4, 4))
        let size: Int = width * height * 3
        crops.append(
            try Frame(width: width, height: height, rgb: Array(data[(at + 8)..<(at + 8 + size)]))
        )
        at += 8 + size
    }
    return try analyzer.predictCrops(crops).map { told($0) }
}

/// A face that moves by 4 and 2 pixels a frame, is away for three frames, and comes back; then the
/// clock jumps to milliseconds since 1970.
private func replayStream(_ stages: Arrays, _ analyzer: FaceStateAnalyzer) throws -> [Any] {
    let portrait: Image = try stages("frame").image()
    let width: Int = 270
    let height: Int = 290
    let stream: FaceStateStream = analyzer.stream()
    var moments: [Any] = []
    for t in 0..<20 {
        let moved: Int = min(t, 11)
        var rgb = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height where !(6..<9).contains(t) {
            let start: Int = ((y + 2 * moved) * portrait.width + 4 * moved) * 3
            let row = portrait.rgb[start..<(start + width * 3)]
            rgb.replaceSubrange((y * width * 3)..<((y + 1) * width * 3), with: row)
        }
        let frame = try Frame(width: width, height: height, rgb: rgb)
        let time: Double = Double(t) * 40 + (t < 12 ? 0 : 1.75e12)
        let states: [FaceState] = try stream.update(frame, timestampMs: time)
        let faces: [Any] = states.map { (face: FaceState) -> [String: Any] in
            let place: [String: Any] = ["track_id": face.trackId ?? 0, "x": face.box.x]
            return told(face).merging(place) { $1 }
        }
        let events: [Any] = stream.takeEvents().map { (event: ActionUnitEvent) -> [String: Any] in
            [
                "label": event.label, "kind": event.kind.rawValue, "score": event.score,
                "track_id": event.trackId,
            ]
        }
        moments.append(["faces": faces, "events": events])
    }
    return moments
}

private func replay(_ arguments: [String]) throws -> [String: Any] {
    let folder = URL(fileURLWithPath: arguments[2])
    let engine = try LiteRT(library: arguments[3])
    let bundle = try ModelBundle(folder: URL(fileURLWithPath: arguments[0]))
    let spec: ModelSpec = bundle.spec
    let goldens = Arrays(folder: folder.appendingPathComponent("goldens"))
    let stages = Arrays(folder: folder.appendingPathComponent("stages"))
    let detectors = URL(fileURLWithPath: arguments[1])
    func load(_ name: String, _ model: [UInt8]) throws -> Runner {
        return try LiteRTRunner(engine: engine, name: name, model: model)
    }
    let artifact: ArtifactSpec = try bundle.select(.tflite)
    let analyzer = try FaceStateAnalyzer(
        bundle: bundle,
        artifact: artifact,
        runner: try LiteRTRunner(engine: engine, bundle: bundle, artifact: artifact),
        detector: try YuNetDetector(folder: detectors, load: load)
    )
    return [
        "bundle_sha256": bundle.manifestSha256,
        "stages": [
            "manifest": try replayModels(folder.appendingPathComponent("manifests.json")),
            "frame": try replayFrame(stages),
            "detect": try replayDetect(folder, detectors, load),
            "align": try replayAlign(stages, spec.alignment),
            "preprocess": try replayPreprocess(goldens, spec.preprocessing),
            "run": try replayRun(goldens, bundle, engine),
            "decode": try replayDecode(goldens, spec),
            "smooth": try replaySmooth(
                Arrays(folder: folder.appendingPathComponent("smooth")), spec
            ),
        ] as [String: Any],
        "heads": try replayHeads(folder.appendingPathComponent("heads")),
        "states": try replayCrops(folder.appendingPathComponent("crops.bin"), analyzer),
        "stream": try replayStream(stages, analyzer),
    ]
}

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.count != 4 {
    FileHandle.standardError.write(Data("usage: Replay BUNDLE DETECTORS FOLDER LIBRARY\n".utf8))
    exit(2)
}
do {
    let told: Data = try JSONSerialization.data(withJSONObject: try replay(arguments))
    FileHandle.standardOutput.write(told + Data("\n".utf8))
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
