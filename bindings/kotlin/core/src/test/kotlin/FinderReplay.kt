package dev.mf2edge

import java.io.File
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.roundToInt

// The goldens of the face finder, bindings/goldens_finder.json; its maker says what the keys mean.

private typealias Told = Map<*, *>

private fun Told.list(key: String) = get(key) as List<*>

private fun Told.int(key: String) = (get(key) as Long).toInt()

private fun Told.number(key: String) = (get(key) as Number).toDouble()

private fun List<*>.numbers() = DoubleArray(size) { (get(it) as Number).toDouble() }

internal fun replayDetect(folder: File, detectors: BundleFiles, runners: RunnerFactory): Any {
    val goldens = parseJson(folder.resolve("goldens_finder.json").readBytes()) as Told
    val tolerance = goldens["tolerance"] as Told
    val portrait = folder.resolve("stages").npy("frame").image()
    val worst = Worst()
    YuNet.load(detectors.inside("yunet_n"), runners).use { finder ->
        val exact = replayRules(goldens, finder.spec).difference
        if (!(exact <= tolerance.number("exact"))) worst.fail()
        BlazeFace.load(detectors.inside("blazeface_short_range"), runners).use { looks ->
            for (told in goldens.list("frames").map { it as Told }) {
                val detector = YuNetDetector(finder, looks, optionsOf(told["options"] as Told))
                val image = picture(portrait, told)
                for (faces in told.list("calls").map { it as List<*> }) {
                    compareFaces(worst, detector.detect(image), faces, tolerance.number("score"))
                }
            }
        }
    }
    worst.n = goldens.list("frames").size
    return worst.report(tolerance.number("detect"))
}

/** What needs no network: sizes, candidates of maps, turned frames, and the rules. */
private fun replayRules(goldens: Told, spec: YuNetSpec): Worst {
    val worst = Worst()
    val see = { same: Boolean -> if (!same) worst.fail() }
    for (each in goldens.list("sides").map { it as Told }) {
        val (height, width) = each.int("height") to each.int("width")
        val side = optionsOf(each["options"] as Told).side(maxOf(height, width), spec)
        val (rows, columns) = reducedShape(height, width, side, spec.strides.last())
        see(side == each.int("side") && rows == each.int("rows") && columns == each.int("columns"))
    }
    val decode = goldens["decode"] as Told
    val maps = decode.list("maps").map { map ->
        val numbers = (map as List<*>).numbers()
        FloatArray(numbers.size) { numbers[it].toFloat() }
    }
    val found = candidatesOf(maps, decode.int("columns"), spec)
    val expected = decode.list("candidates").map { (it as List<*>).numbers() }
    see(found.size == expected.size)
    found.zip(expected) { ours, theirs -> worst.compare(row(ours), theirs) }
    for (each in goldens.list("turned").map { it as Told }) {
        val shape = Reduced(each.int("rows"), each.int("columns"), each.number("scale"))
        val moved = inFrame(candidateOf(each.list("candidate").numbers()), each.int("quarters"), shape)
        worst.compare(row(moved), each.list("in_frame").numbers())
    }
    for (each in goldens.list("orient").map { it as Told }) {
        val chosen = chosen(each.list("looks"), spec.rules)
        val place = chosen?.let { it.box.x.toLong() }
        see(place == each["chosen"] && (chosen?.doubtful ?: false) == each["doubtful"])
    }
    for ((score, look, face) in goldens.list("accepted").map { it as List<*> }) {
        val (candidate, seen) = (score as Number).toDouble() to (look as Number).toDouble()
        see(isFace(candidate, seen, spec.rules) == face)
    }
    return worst
}

private fun chosen(looks: List<*>, rules: DetectionRules): Detection? {
    val upright = candidateOf(doubleArrayOf(0.9, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0))
    return orient(upright, rules) { turn ->
        val quarter = ((turn / (PI / 2)).roundToInt() + 4) % 4
        val score = looks[quarter] as Number?
        score?.let { Detection(Box(quarter.toDouble(), 0.0, 1.0, 1.0), it.toDouble(), null) }
    }
}

private fun optionsOf(told: Told) = DetectionOptions(
    minFace = (told["min_face"] as Number?)?.toDouble(),
    maxFaces = (told["max_faces"] as Number?)?.toInt(),
    minDetectionScore = (told["min_detection_score"] as Number?)?.toDouble() ?: 0.0,
    fast = told["fast"] as Boolean? ?: false,
    turnedFrames = TurnedFrames.valueOf((told["turned_frames"] as String? ?: "all").uppercase()),
)

private fun candidateOf(row: DoubleArray): Candidate {
    val box = Box(row[1], row[2], row[3], row[4])
    return Candidate(box, row[0], Point(row[5], row[6]), Point(row[7], row[8]))
}

private fun row(face: Candidate): DoubleArray {
    val (x, y, width, height) = face.box
    val eyes = listOf(face.rightEye, face.leftEye).flatMap { listOf(it.x, it.y) }
    return doubleArrayOf(face.score, x, y, width, height, *eyes.toDoubleArray())
}

/** A picture of the goldens: views of the portrait on a grey canvas. */
private fun picture(portrait: Image, told: Told): Image {
    val (width, height) = told.int("width") to told.int("height")
    val rgb = ByteArray(width * height * 3) { told.int("grey").toByte() }
    for (part in told.list("parts").map { it as Told }) {
        val m = part.list("matrix").numbers()
        val matrix = Matrix(m[0], m[1], m[2], m[3], m[4], m[5])
        val view = warp(portrait, matrix, part.int("width"), part.int("height"), Outside.BLACK)
        for (row in 0 until view.height) {
            val to = ((part.int("y") + row) * width + part.int("x")) * 3
            view.rgb.copyInto(rgb, to, row * view.width * 3, (row + 1) * view.width * 3)
        }
    }
    return Image(width, height, rgb)
}

private fun compareFaces(worst: Worst, found: List<Detection>, recorded: List<*>, score: Double) {
    if (found.size != recorded.size) return worst.fail()
    for ((face, told) in found.zip(recorded.map { it as Told })) {
        val (x, y, width, height) = face.box
        worst.compare(doubleArrayOf(x, y, width, height), told.list("box").numbers())
        val points = face.landmarks!!.toList().flatMap { listOf(it.x, it.y) }
        worst.compare(points.toDoubleArray(), told.list("landmarks").numbers())
        val same = face.doubtful == told["doubtful"]
        if (!same || abs(face.score - told.number("score")) > score) worst.fail()
    }
}
