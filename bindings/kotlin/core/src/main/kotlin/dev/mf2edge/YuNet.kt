package dev.mf2edge

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Input sizes whose memory is kept: a stream needs one or two, an album a few. */
private const val KEPT_SIZES = 4

/** YuNet: all faces of a frame in one pass, on frames of any size. One thread at a time. */
internal class YuNet private constructor(
    val spec: YuNetSpec,
    private val bytes: ByteArray,
    private val runners: RunnerFactory,
) : AutoCloseable {
    /** By rows and columns, the latest last. */
    private val models = LinkedHashMap<Pair<Int, Int>, Model>()

    /** Candidates of a frame that is reduced so that [side] holds it and turned by [quarters]. */
    fun find(frame: Image, side: Int, quarters: Int): List<Candidate> {
        val shape = reducedShape(frame.height, frame.width, side, spec.strides.last())
        val (rows, columns, scale) = shape
        val shift = scale / 2 - 0.5 // pixel centres: the frame's corner stays the corner
        val matrix = Matrix(scale, 0.0, shift, 0.0, scale, shift)
        val view = warp(frame, matrix, columns, rows, Outside.BLACK)
        val size = if (quarters % 2 == 0) rows to columns else columns to rows
        val maps = modelOf(size).run(turnedPixels(view, quarters)).sortedByDescending { it.size }
        checkSizes(maps, size)
        return candidatesOf(maps, size.second, spec).map { inFrame(it, quarters, shape) }
    }

    override fun close() {
        models.values.forEach(Model::close)
        models.clear()
    }

    /** The model for an input of that size, which is written into the file: see `sizes_at`. */
    private fun modelOf(size: Pair<Int, Int>): Model {
        val model = models.remove(size) ?: Model.open(runners, file(size))
        models[size] = model
        if (models.size > KEPT_SIZES) models.remove(models.keys.first())?.close()
        return model
    }

    private fun file(size: Pair<Int, Int>): ModelFile {
        val (rows, columns) = size
        val sized = bytes.copyOf()
        val numbers = ByteBuffer.wrap(sized).order(ByteOrder.LITTLE_ENDIAN)
        for (each in spec.sizesAt) {
            numbers.putInt(each.byte, rows / each.stride)
            numbers.putInt(each.byte + 4, columns / each.stride)
        }
        val shape = listOf(1, rows, columns, 3)
        return ModelFile(spec.file, ArtifactFormat.TFLITE, sized, shape, sha256(sized))
    }

    private fun checkSizes(maps: List<FloatArray>, size: Pair<Int, Int>) {
        val cells = spec.strides.map { size.first / it * (size.second / it) }
        if (maps.size == cells.size && maps.zip(cells).all { (map, n) -> map.size == n * 16 }) return
        throw InferenceException(
            "${spec.file} answers with ${maps.map { it.size }} numbers; expected 16 for each of $cells " +
                "cells; copy the detector again",
        )
    }

    companion object {
        /**
         * Load `detector.json` and check its model.
         *
         * @throws BundleException or [ChecksumException]
         */
        fun load(files: BundleFiles, runners: RunnerFactory): YuNet {
            val spec = try {
                Json(parseJson(read(files, DETECTOR, LARGEST_SPEC)), "$").yuNetSpec()
            } catch (error: JsonException) {
                throw BundleException("$DETECTOR: ${error.message}; copy the detector again", error)
            }
            val bytes = readChecked(files, spec.file, spec.sha256, null)
            if (spec.sizesAt.any { it.byte + 8 > bytes.size }) {
                throw BundleException("$DETECTOR: sizes_at lies beyond ${spec.file}; copy it again")
            }
            return YuNet(spec, bytes, runners)
        }
    }
}

/** The network's input: an RGB view turned counter-clockwise by quarters. */
private fun turnedPixels(view: Image, quarters: Int): FloatArray {
    val (width, height) = view.width to view.height
    val rgb = view.rgb
    if (quarters == 0) return FloatArray(rgb.size) { (rgb[it].toInt() and 0xFF).toFloat() }
    val (rows, columns) = if (quarters % 2 == 0) height to width else width to height
    val input = FloatArray(rgb.size)
    var at = 0
    for (row in 0 until rows) {
        for (column in 0 until columns) {
            val from = 3 * when (quarters) {
                1 -> column * width + width - 1 - row
                2 -> (height - 1 - row) * width + width - 1 - column
                else -> (height - 1 - column) * width + row
            }
            for (k in 0 until 3) input[at++] = (rgb[from + k].toInt() and 0xFF).toFloat()
        }
    }
    return input
}

private const val DETECTOR = "detector.json"

/** Bytes. */
private const val LARGEST_SPEC = 1L shl 20
private const val LARGEST_MODEL = 64L shl 20

/** Pixels. */
private const val LARGEST_SIDE = 4096L

private fun Json.yuNetSpec(): YuNetSpec = struct(closed = false) {
    YuNetSpec(
        file = required("file") { text(least = 1) },
        sha256 = required("sha256") { text(pattern = Regex("[0-9a-f]{64}")) },
        strides = required("strides") { strides() },
        sizesAt = required("sizes_at") { list { sizeAt() } },
        minScore = required("min_score") { number(above = 0.0, most = 1.0) },
        overlap = required("overlap") { number(above = 0.0, most = 1.0) },
        side = required("side") { pixels() },
        fastSide = required("fast_side") { pixels() },
        smallestFace = required("smallest_face") { number(above = 0.0) },
        rules = required("rules") { rules() },
    )
}

private fun Json.pixels(): Int = whole(least = 1, most = LARGEST_SIDE).toInt()

private fun Json.strides(): List<Int> {
    val strides = list { pixels() }
    if (strides.isEmpty()) refuse("expected strides")
    return strides
}

private fun Json.sizeAt(): SizeAt = struct {
    SizeAt(
        byte = required("byte") { whole(least = 0, most = LARGEST_MODEL).toInt() },
        stride = required("stride") { pixels() },
    )
}

private fun Json.rules(): DetectionRules = struct(closed = false) {
    DetectionRules(
        sureScore = required("sure_score") { number() },
        sureLook = required("sure_look") { number() },
        doubtfulLook = required("doubtful_look") { number() },
        view = required("view") { number(above = 0.0) },
        offCentre = required("off_centre") { number() },
        size = required("size") { list(length = 2) { number() }.let { (least, most) -> least..most } },
        roll = required("roll") { number() },
        oppositeBelow = required("opposite_below") { number() },
        quartersBelow = required("quarters_below") { number() },
        turnedLook = required("turned_look") { number() },
        turnedGain = required("turned_gain") { number() },
    )
}
