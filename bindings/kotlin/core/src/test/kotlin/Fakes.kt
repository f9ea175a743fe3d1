package dev.mf2edge

import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import kotlin.math.ln

// The model and the library that the tests are given, and an engine that answers what a test wants.

/** A folder with a bundle, `yunet_n` and `blazeface_short_range`. */
internal val MODEL = File(System.getProperty("mf2edge.model"))

internal val LIBRARY = File(System.getProperty("mf2edge.litert"))

internal fun modelBytes(): ByteArray = MODEL.resolve("model.json").readBytes()

private const val ANCHORS = 896

/** The first anchor fires, or none. */
private fun logits(fires: Boolean) = FloatArray(ANCHORS) { if (fires && it == 0) 5f else -100f }

/** Numbers of the first anchor, whose centre is 3.5, 3.5: a box of 64 px, and an upright face in it. */
private fun anchors(): FloatArray {
    val points = listOf(48f, 52f, 79f, 52f, 63.5f, 66f, 63.5f, 80f, 35f, 56f, 92f, 56f)
    val first = listOf(60f, 60f, 64f, 64f) + points.map { it - 3.5f }
    return FloatArray(ANCHORS * first.size) { first.getOrElse(it) { 0f } }
}

/** YuNet's maps of a frame of 64 x 48: a face of 32 pixels in its middle, or none. */
private fun maps(shape: List<Int>, face: Boolean): List<FloatArray> {
    val (_, rows, columns) = shape
    val maps = listOf(8, 16, 32).map { FloatArray(rows / it * (columns / it) * 16) { -100f } }
    val sizes = listOf(5f, 5f, 0.9375f, 0.9375f, ln(4f), ln(4f), 0.25f, 0.5f, 1.75f, 0.5f)
    val cell = (2 * (columns / 8) + 3) * 16
    if (face) sizes.forEachIndexed { i, value -> maps[0][cell + i] = value }
    return maps
}

/**
 * Finds a face in the middle of every view where [face] is true, half as wide as it; answers [number] to
 * what is asked of a face. [during] is called in each run.
 */
internal class FakeEngine(
    private val heads: List<Int> = sizesOf(parseModel(modelBytes(), "model.json")),
    private val number: Float = 0f,
    private val during: () -> Unit = {},
) : RunnerFactory {
    @Volatile
    var face = false
    val open = AtomicInteger()
    val busy = AtomicInteger()
    val mostBusy = AtomicInteger()

    override fun open(model: ModelFile): Runner {
        open.incrementAndGet()
        val detects = model.inputShape == listOf(1, 128, 128, 3)
        val finds = model.name == "model.tflite" && !detects
        return object : Runner {
            override fun run(input: FloatArray): List<FloatArray> {
                mostBusy.accumulateAndGet(busy.incrementAndGet(), ::maxOf)
                during()
                busy.decrementAndGet()
                if (finds) return maps(model.inputShape, face)
                if (!detects) return heads.map { size -> FloatArray(size) { number } }
                return listOf(logits(face), anchors())
            }

            override fun close() {
                open.decrementAndGet()
            }
        }
    }
}

private fun sizesOf(spec: ModelSpec): List<Int> {
    val heads = spec.heads.map { it.output to it.labels.size }
    val embeddings = spec.embeddings.map { it.output to it.width.toInt() }
    return (heads + embeddings).sortedBy { it.first }.map { it.second }
}

internal fun fakeAnalyzer(engine: FakeEngine = FakeEngine()): FaceStateAnalyzer =
    FaceStateAnalyzer.load(BundleFiles.of(MODEL), engine)

internal fun grey(width: Int = 64, height: Int = 48) =
    Frame(width, height, ByteArray(width * height * 3) { 90 })
