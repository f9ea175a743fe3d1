package dev.mf2edge

/**
 * One loaded model, ready to run: what an inference engine has to offer.
 *
 * The analyzer calls a runner from one thread at a time, though not always from the same one.
 */
public interface Runner : AutoCloseable {
    /**
     * All outputs for one input, in the order in which the exported model returns them: converters
     * number outputs by name (`output_0`, ...), while their order in the file is theirs to choose.
     *
     * [input] is float32 of [ModelFile.inputShape], row by row; so are the outputs, of the shapes that
     * the model gives them. Any exception reaches the caller of the analyzer as [InferenceException].
     */
    public fun run(input: FloatArray): List<FloatArray>

    /** Free the model. Not called twice, and nothing is called afterwards. */
    override fun close()
}

/** The bytes of one model, whose sha256 has been checked, and what is known of it. */
public class ModelFile @JvmOverloads constructor(
    /** Its path in the bundle, for messages and names of caches. */
    public val name: String,
    /** Which engine reads it. */
    public val format: ArtifactFormat,
    /** The whole file; not to be changed. */
    public val bytes: ByteArray,
    /** `[1, height, width, 3]` or `[1, 3, height, width]`, float32. */
    public val inputShape: List<Int>,
    /** Lower case hexadecimal, of [bytes]. */
    public val sha256: String,
    /** Oldest system that runs it, as [ArtifactSpec.minimumOs]. */
    public val minimumOs: Map<String, String> = emptyMap(),
)

/** An inference engine: turns the bytes of models into runners. */
public fun interface RunnerFactory {
    /**
     * Load a model. The analyzer opens its own, that of the look at a face, and one for each size of
     * a frame, and closes all.
     *
     * @throws BundleException if the bytes are no model of one float32 input and float32 outputs
     * @throws RuntimeUnavailableException if the engine cannot run here
     */
    public fun open(model: ModelFile): Runner
}
