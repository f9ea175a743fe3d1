package dev.mf2edge.bench

import dev.mf2edge.AnalyzerOptions
import dev.mf2edge.ArtifactFormat
import dev.mf2edge.ArtifactSpec
import dev.mf2edge.Bundle
import dev.mf2edge.BundleFiles
import dev.mf2edge.IoDtype
import dev.mf2edge.FaceStateAnalyzer
import dev.mf2edge.Frame
import dev.mf2edge.Layout
import dev.mf2edge.Mf2EdgeException
import dev.mf2edge.ModelFile
import dev.mf2edge.ModelInput
import dev.mf2edge.RunnerFactory
import java.io.IOException
import kotlin.random.Random

/** An inference engine on one compute unit. */
public class Engine(
    public val format: ArtifactFormat,
    /** As the report names it: "cpu", "cpu+gpu". */
    public val computeUnit: String,
    /** Null where the engine chooses. */
    public val threads: Int?,
    /** Name and version. */
    public val runtime: String,
    public val runners: RunnerFactory,
)

/**
 * Measures every model of a bundle that lies in the app, on every engine that runs it.
 *
 * [photo] is what `predict` is timed on: a picture with a face. [tell] gets a line for each step.
 */
public class Bench(
    private val files: BundleFiles,
    private val engines: List<Engine>,
    private val photo: Frame,
    private val effort: Effort = Effort(),
    private val clock: Clock = System::nanoTime,
    private val tell: (String) -> Unit = {},
) {
    /** The bundle, its `model.json` checked. */
    public val bundle: Bundle = Bundle.load(files)

    /**
     * One run a model and engine. Where an engine cannot run a model, as a GPU that lacks an operator,
     * [tell] hears why and there is no run.
     *
     * @throws dev.mf2edge.ChecksumException if a model in the app is damaged
     */
    public fun runs(): List<Run> = bundle.spec.artifacts
        .filter { it.ioDtype == IoDtype.FLOAT32 && it.delegate == null && isHere(it) }
        .flatMap { artifact ->
            val model = modelFile(artifact)
            engines.filter { it.format == artifact.format }.mapNotNull { run(artifact, model, it) }
        }

    /** An exported folder holds one model, though its manifest lists all. */
    private fun isHere(artifact: ArtifactSpec): Boolean = try {
        files.open(artifact.file).close()
        true
    } catch (_: IOException) {
        false
    }

    private fun run(artifact: ArtifactSpec, model: ModelFile, engine: Engine): Run? {
        val where = "${artifact.file} on ${engine.runtime}, ${engine.computeUnit}"
        tell(where)
        return try {
            val measured = measure(engine.runners, model, input(artifact), effort, clock)
            tell("$where: ${"%.2f".format(measured.samplesMs.sorted()[measured.samplesMs.size / 2])} ms")
            val stages = mapOf("predict" to predict(artifact, engine))
            Run(artifact.sha256, engine.computeUnit, engine.threads, engine.runtime, measured, stages)
        } catch (error: Mf2EdgeException) {
            tell("$where: ${error.message}")
            null
        }
    }

    private fun modelFile(artifact: ArtifactSpec): ModelFile {
        val (width, height, channels) = bundle.spec.input.let {
            Triple(it.width.toInt(), it.height.toInt(), it.channels.toInt())
        }
        val shape = when (artifact.layout) {
            Layout.NHWC -> listOf(1, height, width, channels)
            Layout.NCHW -> listOf(1, channels, height, width)
        }
        val bytes = bundle.read(artifact)
        return ModelFile(artifact.file, artifact.format, bytes, shape, artifact.sha256, artifact.minimumOs)
    }

    /** Noise: a network's time hangs on the size of its input, not on what it shows. */
    private fun input(artifact: ArtifactSpec): FloatArray {
        val sides = bundle.spec.input
        val (mean, std) = bundle.spec.preprocessing.let { it.mean.first() to it.std.first() }
        val noise = Random(SEED)
        return FloatArray((sides.width * sides.height * sides.channels).toInt()) {
            val pixel = noise.nextDouble(0.0, 255.0)
            if (artifact.input == ModelInput.IMAGE) pixel.toFloat() else ((pixel - mean) / std).toFloat()
        }
    }

    private fun predict(artifact: ArtifactSpec, engine: Engine): List<Double> {
        val options = AnalyzerOptions(format = artifact.format, precision = artifact.precision)
        FaceStateAnalyzer.load(files, engine.runners, options).use { analyzer ->
            return samples(effort, clock) { analyzer.predict(photo) }
        }
    }
}

private const val SEED = 1
