package dev.mf2edge

import kotlin.math.exp
import kotlin.math.ln

/** `detector.json`: the facts of the detector's network. */
internal class DetectorSpec(
    val file: String,
    val sha256: String,
    /** Side of the square RGB view, pixels. */
    val inputSize: Int,
    /** The network reads (pixel - mean) / std. */
    val mean: Double,
    val std: Double,
    val anchorLayers: List<AnchorLayer>,
    val keypoints: List<LandmarkName>,
    val minScore: Double,
    val minScoreInBox: Double,
    val overlap: Double,
)

internal class AnchorLayer(val stride: Int, val perCell: Int)

/**
 * BlazeFace: one square view in, the faces it holds out (Bazarevsky et al. 2019, arXiv:1907.05047).
 *
 * The network predicts, at every anchor, a score, a box and six points relative to the anchor's
 * centre. Coordinates are pixels of the view.
 */
internal class BlazeFace private constructor(val spec: DetectorSpec, private val model: Model) :
    AutoCloseable by model {
    private val anchors = anchorsOf(spec)

    /** Numbers an anchor: centre and size of the box, then the points. */
    private val width = 2 * (2 + spec.keypoints.size)

    /** An anchor that fired: its score, then x, y of the box's centre, of its size, of the points. */
    private class Anchored(val score: Double, val values: DoubleArray) {
        val box: Box get() = boxAround(Point(values[0], values[1]), values[2], values[3])
    }

    /** Faces of an RGB view, overlapping ones merged, best first. */
    fun run(view: Image, minScore: Double): List<Detection> {
        val factor = (1 / spec.std).toFloat().toDouble()
        val input = FloatArray(view.rgb.size) { i ->
            (((view.rgb[i].toInt() and 0xFF) - spec.mean) * factor).toFloat()
        }
        val (logits, values) = outputs(input)
        val least = ln(minScore / (1 - minScore))
        val candidates = logits.indices.filter { logits[it] >= least }.map { anchor ->
            val found = DoubleArray(width) { i ->
                // The second pair is a size, not a position.
                val origin = if (i == 2 || i == 3) 0f else anchors[anchor * 2 + i % 2]
                values[anchor * width + i] + origin.toDouble()
            }
            Anchored(1 / (1 + exp(-logits[anchor].toDouble())), found)
        }
        return merged(candidates).map(::detection)
    }

    /** The best of each group of overlapping detections, best first. */
    fun distinct(faces: List<Detection>): List<Detection> {
        val kept = ArrayList<Detection>()
        for (face in faces.sortedByDescending { it.score }) {
            if (kept.all { iou(face.box, it.box) <= spec.overlap }) kept += face
        }
        return kept
    }

    /** The logits of the anchors, and the numbers of each. */
    private fun outputs(input: FloatArray): List<FloatArray> {
        val found = model.run(input).sortedBy { it.size }
        val expected = listOf(anchors.size / 2, anchors.size / 2 * width)
        if (found.map { it.size } != expected) {
            throw InferenceException(
                "${spec.file} answers with ${found.map { it.size }} numbers; expected $expected, as " +
                    "detector.json says; copy the detector again",
            )
        }
        return found
    }

    /** One face a group of overlapping anchors, best first: their mean, weighted by score. */
    private fun merged(candidates: List<Anchored>): List<Anchored> {
        val faces = ArrayList<Anchored>()
        var rest = candidates.sortedByDescending { it.score }
        while (rest.isNotEmpty()) {
            val best = rest.first()
            val (group, others) = rest.partition {
                it === best || iou(best.box, it.box) > spec.overlap
            }
            val total = group.sumOf { it.score }
            val mean = DoubleArray(width) { i -> group.sumOf { it.score / total * it.values[i] } }
            faces += Anchored(best.score, mean)
            rest = others
        }
        return faces
    }

    private fun detection(face: Anchored): Detection {
        val landmarks = Landmarks.of { name ->
            val at = 4 + 2 * spec.keypoints.indexOf(name)
            Point(face.values[at], face.values[at + 1])
        }
        return Detection(face.box, face.score, landmarks)
    }

    companion object {
        /**
         * Load `detector.json` and its model.
         *
         * @throws BundleException or [ChecksumException]
         */
        fun load(files: BundleFiles, runners: RunnerFactory): BlazeFace {
            val spec = try {
                val json = Json(parseJson(read(files, DETECTOR, LARGEST_SPEC)), "$")
                json.detectorSpec().also { if (countAnchors(it) > MOST_ANCHORS) json.refuse(TOO_MANY) }
            } catch (error: JsonException) {
                throw BundleException("$DETECTOR: ${error.message}; copy the detector again", error)
            }
            val bytes = readChecked(files, spec.file, spec.sha256, null)
            val shape = listOf(1, spec.inputSize, spec.inputSize, 3)
            val file = ModelFile(spec.file, ArtifactFormat.TFLITE, bytes, shape, spec.sha256)
            return BlazeFace(spec, Model.open(runners, file))
        }
    }
}

private const val DETECTOR = "detector.json"

/** Bytes. */
private const val LARGEST_SPEC = 1L shl 20

/** Pixels; a view is square. */
private const val LARGEST_VIEW = 4096L

/** More than any detector has; a file of a few bytes must not ask for gigabytes. */
private const val MOST_ANCHORS = 100_000L

private const val TOO_MANY = "anchor_layers make more than $MOST_ANCHORS anchors"

private fun countAnchors(spec: DetectorSpec): Long = spec.anchorLayers.sumOf {
    val cells = (spec.inputSize / it.stride).toLong()
    cells * cells * it.perCell
}

private fun Json.detectorSpec(): DetectorSpec = struct(closed = false) {
    DetectorSpec(
        file = required("file") { text(least = 1) },
        sha256 = required("sha256") { text(pattern = Regex("[0-9a-f]{64}")) },
        inputSize = required("input_size") { whole(least = 2, most = LARGEST_VIEW).toInt() },
        mean = required("mean") { number() },
        std = required("std") { number(above = 0.0) },
        anchorLayers = required("anchor_layers") { list { anchorLayer() } },
        keypoints = required("keypoints") { keypoints() },
        minScore = required("min_score") { number(above = 0.0, most = 1.0) },
        minScoreInBox = required("min_score_in_box") { number(above = 0.0, most = 1.0) },
        overlap = required("overlap") { number(above = 0.0, most = 1.0) },
    )
}

private fun Json.anchorLayer(): AnchorLayer = struct {
    AnchorLayer(
        stride = required("stride") { whole(above = 0, most = LARGEST_VIEW).toInt() },
        perCell = required("per_cell") { whole(above = 0, most = LARGEST_VIEW).toInt() },
    )
}

private fun Json.keypoints(): List<LandmarkName> {
    val names = list { choice(LandmarkName.entries, LandmarkName::key) }
    if (!names.containsAll(LandmarkName.entries)) refuse("expected all six landmarks")
    return names
}

/** A box of the given size in pixels. */
internal fun boxAround(centre: Point, width: Double, height: Double) =
    Box(centre.x - width / 2, centre.y - height / 2, width, height)

/** Intersection over union of two boxes, 0..1. */
internal fun iou(a: Box, b: Box): Double {
    val width = minOf(a.x + a.width, b.x + b.width) - maxOf(a.x, b.x)
    val height = minOf(a.y + a.height, b.y + b.height) - maxOf(a.y, b.y)
    if (width <= 0 || height <= 0) return 0.0
    val shared = width * height
    return shared / (a.area + b.area - shared)
}

/** Centres x, y of all anchors, row by row, layer by layer; pixel centres are integers. */
private fun anchorsOf(spec: DetectorSpec): FloatArray = buildList {
    for (layer in spec.anchorLayers) {
        val centres = List(spec.inputSize / layer.stride) { (it + 0.5) * layer.stride - 0.5 }
        for (y in centres) {
            for (x in centres) {
                repeat(layer.perCell) {
                    add(x.toFloat())
                    add(y.toFloat())
                }
            }
        }
    }
}.toFloatArray()
