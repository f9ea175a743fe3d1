package dev.mf2edge.android

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import dev.mf2edge.RuntimeUnavailableException
import java.io.File

/** Where LiteRT runs a model. */
public enum class LiteRtUnit {
    CPU,

    /** What the GPU does not take runs on the CPU. */
    GPU,
}

/**
 * Runs .tflite models on LiteRT's `CompiledModel`.
 *
 * LiteRT reads files, so models are written to [cacheFolder], one of the app alone such as
 * `Context.cacheDir`. [numThreads] of the CPU; null leaves them to LiteRT.
 */
public class LiteRtRunners @JvmOverloads constructor(
    cacheFolder: File,
    private val unit: LiteRtUnit = LiteRtUnit.CPU,
    private val numThreads: Int? = null,
) : RunnerFactory {
    private val cache = ModelCache(cacheFolder)

    init {
        require(numThreads == null || numThreads > 0) { "numThreads is $numThreads; expected 1 or more" }
    }

    override fun open(model: ModelFile): Runner {
        if (model.format != ArtifactFormat.TFLITE) {
            throw BundleException("${model.name}: LiteRT runs tflite models, not ${model.format.key}")
        }
        checkSystem(model)
        val tflite = TfliteFile.read(model.bytes, model.name)
        val path = cache.file(model).path
        val compiled = try {
            CompiledModel.create(path, options())
        } catch (error: LiteRtException) {
            throw failed(model, error)
        } catch (error: LinkageError) {
            throw RuntimeUnavailableException(
                "LiteRT's native library cannot be loaded (${error.message}); expected an ABI of its " +
                    "release, such as arm64-v8a, in the app",
                error,
            )
        }
        try {
            return LiteRtRunner(compiled, tflite, model.name)
        } catch (error: LiteRtException) {
            compiled.close()
            throw failed(model, error)
        } catch (error: BundleException) {
            compiled.close()
            throw error
        }
    }

    private fun options(): CompiledModel.Options {
        val options = when (unit) {
            LiteRtUnit.CPU -> CompiledModel.Options(Accelerator.CPU)
            LiteRtUnit.GPU -> CompiledModel.Options(Accelerator.GPU, Accelerator.CPU)
        }
        if (numThreads != null) options.cpuOptions = CompiledModel.CpuOptions(numThreads, null, null)
        return options
    }

    private fun failed(model: ModelFile, error: LiteRtException) = when (unit) {
        LiteRtUnit.CPU -> BundleException(
            "${model.name}: LiteRT cannot load the model (${error.message}); expected one that the " +
                "app's version of LiteRT runs",
            error,
        )
        LiteRtUnit.GPU -> RuntimeUnavailableException(
            "${model.name}: LiteRT cannot compile it for this GPU (${error.message}); use the CPU",
            error,
        )
    }
}

private class LiteRtRunner(
    private val compiled: CompiledModel,
    private val tflite: TfliteFile,
    name: String,
) : Runner {
    private val inputs: List<TensorBuffer> = compiled.createInputBuffers()
    private val outputs: List<TensorBuffer> = compiled.createOutputBuffers()

    init {
        if (inputs.size != 1 || outputs.size != tflite.outputs) {
            (inputs + outputs).forEach(TensorBuffer::close)
            throw BundleException(
                "$name: LiteRT finds ${inputs.size} inputs and ${outputs.size} outputs; the file has 1 " +
                    "and ${tflite.outputs}",
            )
        }
    }

    override fun run(input: FloatArray): List<FloatArray> {
        inputs.single().writeFloat(input)
        compiled.run(inputs, outputs)
        return tflite.order.map { outputs[it].readFloat() }
    }

    override fun close() {
        (inputs + outputs).forEach(TensorBuffer::close)
        compiled.close()
    }
}
