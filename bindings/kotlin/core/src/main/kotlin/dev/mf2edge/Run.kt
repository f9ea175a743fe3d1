package dev.mf2edge

/** A runner whose inputs and answers are checked. */
internal class Model private constructor(private val runner: Runner, private val file: ModelFile) :
    AutoCloseable by runner {
    /** All outputs for one input, in the order in which the exported model returns them. */
    fun run(input: FloatArray): List<FloatArray> {
        if (input.size != file.inputShape.reduce(Int::times)) {
            throw InferenceException(
                "the input holds ${input.size} numbers; ${file.name} takes ${file.inputShape}",
            )
        }
        val outputs = try {
            runner.run(input)
        } catch (error: Mf2EdgeException) {
            throw error
        } catch (error: Exception) {
            throw InferenceException("${file.name} failed to run: ${error.message ?: error}", error)
        }
        if (outputs.all { output -> output.all(Float::isFinite) }) return outputs
        throw InferenceException(
            "an output of ${file.name} holds NaN or infinity; try another precision, and report it",
        )
    }

    companion object {
        /** Throws BundleException or RuntimeUnavailableException. */
        fun open(runners: RunnerFactory, file: ModelFile): Model = try {
            Model(runners.open(file), file)
        } catch (error: Mf2EdgeException) {
            throw error
        } catch (error: LinkageError) {
            throw RuntimeUnavailableException(
                "the engine's native library cannot be loaded (${error.message}); is it packaged for " +
                    "this processor?",
                error,
            )
        } catch (error: Exception) {
            val why = error.message ?: error
            throw BundleException("${file.name}: the engine cannot load the model ($why)", error)
        }
    }
}

/** Numbers; more than any picture of a face has. */
private const val LARGEST_INPUT = 1L shl 24

/** Load an artifact of a bundle and run it once to see that its outputs are the manifest's. */
internal fun openArtifact(runners: RunnerFactory, bundle: Bundle, artifact: ArtifactSpec): Model {
    val input = bundle.spec.input
    val where = "${artifact.file} of bundle ${bundle.spec.name}"
    // Each side by itself first: their product may not fit a Long.
    val sides = listOf(input.width, input.height, input.channels)
    if (sides.any { it > LARGEST_INPUT } || sides.reduce(Long::times) > LARGEST_INPUT) {
        throw ManifestException("$where takes $sides pixels; expected the picture of a face")
    }
    val (width, height, channels) = sides.map(Long::toInt)
    val shape = when (artifact.layout) {
        Layout.NHWC -> listOf(1, height, width, channels)
        Layout.NCHW -> listOf(1, channels, height, width)
    }
    val bytes = bundle.read(artifact)
    val file = ModelFile(artifact.file, artifact.format, bytes, shape, artifact.sha256, artifact.minimumOs)
    val model = Model.open(runners, file)
    try {
        checkOutputs(model, FloatArray(width * height * channels), bundle.spec, where)
    } catch (error: Throwable) {
        model.close()
        throw error
    }
    return model
}

private fun checkOutputs(model: Model, input: FloatArray, spec: ModelSpec, where: String) {
    val outputs = try {
        model.run(input)
    } catch (error: InferenceException) {
        throw ManifestException("$where does not take the manifest's input: ${error.message}", error)
    }
    val heads = spec.heads.map { Triple(it.name.key, it.output, it.labels.size.toLong()) }
    val embeddings = spec.embeddings.map { Triple(it.name, it.output, it.width) }
    for ((name, output, width) in heads + embeddings) {
        val found = outputs.withIndex().find { it.index.toLong() == output }?.value?.size
        if (found?.toLong() == width) continue
        val instead = if (found == null) "is not there" else "has $found"
        throw ManifestException("$where: output $output should be $name of $width values, and $instead")
    }
}
