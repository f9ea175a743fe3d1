package dev.mf2edge

import dev.mf2edge.jvm.LiteRtJna
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

// Every stage against the goldens: replay BUNDLE DETECTORS FOLDER LIBRARY prints one JSON object.
//
// FOLDER holds goldens/, stages/ and smooth/ (.npy), goldens_finder.json, manifests.json, and crops.bin:
// for each crop its width and height as little-endian int32, then RGB. tests/helpers/bindings/replay.py makes it and judges.
// LIBRARY is the path of libLiteRt.so.

private fun told(face: FaceState): Map<String, Any?> = mapOf(
    "emotion" to face.emotion.label,
    "score" to face.emotion.score,
    "reason" to face.emotion.reason.key,
    "status" to face.status.key,
    "quality" to face.quality.overall,
    "action_units" to face.actionUnits.mapValues { (_, unit) ->
        mapOf("score" to unit.score, "present" to unit.present, "reason" to unit.reason.key)
    },
)

private fun replayCrops(file: File, analyzer: FaceStateAnalyzer): Any {
    val data = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    val crops = ArrayList<Frame>()
    while (data.hasRemaining()) {
        val (width, height) = data.getInt() to data.getInt()
        crops += Frame(width, height, ByteArray(width * height * 3).also { data.get(it) })
    }
    return analyzer.predictCrops(crops).map(::told)
}

/**
 * A face that moves by 4 and 2 pixels a frame, is away for three frames, and comes back; then the
 * clock jumps to milliseconds since 1970.
 */
private fun replayStream(stages: File, analyzer: FaceStateAnalyzer): Any {
    val portrait = readNpy(stages.resolve("frame.npy")).image()
    val (width, height) = 270 to 290
    val stream = analyzer.stream()
    return List(20) { t ->
        val moved = minOf(t, 11)
        val rgb = ByteArray(width * height * 3)
        for (y in if (t in 6 until 9) IntRange.EMPTY else 0 until height) {
            val start = ((y + 2 * moved) * portrait.width + 4 * moved) * 3
            portrait.rgb.copyInto(rgb, y * width * 3, start, start + width * 3)
        }
        val states = stream.update(Frame(width, height, rgb), t * 40.0 + (if (t < 12) 0.0 else 1.75e12))
        mapOf(
            "faces" to states.map { told(it) + mapOf("track_id" to it.trackId, "x" to it.box.x) },
            "events" to stream.takeEvents().map {
                mapOf(
                    "label" to it.label,
                    "kind" to it.kind.name.lowercase(),
                    "score" to it.score,
                    "track_id" to it.trackId,
                )
            },
        )
    }
}

/** JSON of maps, lists, strings without control characters, booleans, finite numbers and null. */
private fun json(value: Any?): String = when (value) {
    is Map<*, *> -> value.entries.joinToString(",", "{", "}") { "${json(it.key)}:${json(it.value)}" }
    is List<*> -> value.joinToString(",", "[", "]", transform = ::json)
    is String -> "\"${value.replace("\\", "\\\\").replace("\"", "\\\"")}\""
    else -> "$value"
}

/** Decode and smooth of a bundle that has every head. */
private fun replayHeads(folder: File): Any {
    val spec = parseModel(folder.resolve("model.json").readBytes(), "model.json")
    val goldens = folder.resolve("goldens")
    return mapOf(
        "decode" to replayDecode(goldens, spec),
        "smooth" to replaySmooth(folder.resolve("smooth"), spec),
        "answers" to replayAnswers(goldens, spec),
    )
}

internal fun main(arguments: Array<String>) {
    val (bundle, detectors, folder, library) = arguments.map(::File)
    val runners = LiteRtJna.load(library)
    val options = AnalyzerOptions(detectors = BundleFiles.of(detectors))
    FaceStateAnalyzer.load(BundleFiles.of(bundle), runners, options).use { analyzer ->
        val (goldens, stages) = folder.resolve("goldens") to folder.resolve("stages")
        val spec = analyzer.info.spec
        val found = mapOf(
            "manifest" to replayModels(folder.resolve("manifests.json")),
            "frame" to replayFrame(stages),
            "detect" to replayDetect(folder, BundleFiles.of(detectors), runners),
            "align" to replayAlign(stages, spec.alignment),
            "preprocess" to replayPreprocess(goldens, spec.preprocessing),
            "run" to replayRun(goldens, BundleFiles.of(bundle), runners),
            "decode" to replayDecode(goldens, spec),
            "smooth" to replaySmooth(folder.resolve("smooth"), spec),
        )
        val answers = mapOf(
            "bundle_sha256" to analyzer.info.manifestSha256,
            "stages" to found,
            "heads" to replayHeads(folder.resolve("heads")),
            "states" to replayCrops(folder.resolve("crops.bin"), analyzer),
            "stream" to replayStream(stages, analyzer),
        )
        println(json(answers))
    }
}
