package dev.mf2edge.android

import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import dev.mf2edge.RuntimeUnavailableException
import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import org.pytorch.executorch.EValue
import org.pytorch.executorch.ExecutorchRuntimeException
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/**
 * Runs .pte models on ExecuTorch; everything else, as the face detector, is left to [others].
 *
 * ExecuTorch reads files, so models are written to [cacheFolder], one of the app alone such as
 * `Context.cacheDir`. [numThreads] of the CPU; 0 leaves them to ExecuTorch. It has one thread pool a
 * process, so that the number of the first model holds for all that are open with it.
 */
public class ExecuTorchRunners @JvmOverloads constructor(
    cacheFolder: File,
    private val numThreads: Int = 0,
    private val others: RunnerFactory = LiteRtRunners(cacheFolder),
) : RunnerFactory {
    private val cache = ModelCache(cacheFolder)

    init {
        require(numThreads >= 0) { "numThreads is $numThreads; expected 0 or more" }
    }

    override fun open(model: ModelFile): Runner {
        if (model.format != ArtifactFormat.EXECUTORCH) return others.open(model)
        checkSystem(model)
        val path = cache.file(model).path
        val module = try {
            OpenModules.load(path, numThreads)
        } catch (error: ExecutorchRuntimeException) {
            throw unreadable(model, error)
        } catch (error: LinkageError) {
            throw RuntimeUnavailableException(
                "ExecuTorch's native library cannot be loaded (${error.message}); expected an ABI of " +
                    "its release, arm64-v8a or x86_64, in the app",
                error,
            )
        }
        try {
            module.loadMethod(FORWARD)
        } catch (error: ExecutorchRuntimeException) {
            OpenModules.close(module)
            throw unreadable(model, error)
        }
        return ExecuTorchRunner(module, LongArray(model.inputShape.size) { model.inputShape[it].toLong() })
    }

    private fun unreadable(model: ModelFile, error: ExecutorchRuntimeException) = BundleException(
        "${model.name}: ExecuTorch cannot load the model (${error.message}); expected a .pte lowered " +
            "for a backend that the app holds",
        error,
    )
}

private class ExecuTorchRunner(private val module: Module, private val shape: LongArray) : Runner {
    override fun run(input: FloatArray): List<FloatArray> =
        module.forward(EValue.from(Tensor.fromBlob(input, shape))).map { it.toTensor().dataAsFloatArray }

    private val closed = AtomicBoolean()

    override fun close() {
        if (!closed.getAndSet(true)) OpenModules.close(module)
    }
}

/** Models keep the thread pool that they were loaded with: it is not replaced while one is open. */
private object OpenModules {
    private var count = 0

    @Synchronized
    fun load(path: String, numThreads: Int): Module {
        val module = Module.load(path, Module.LOAD_MODE_MMAP, if (count == 0) numThreads else 0)
        count += 1
        return module
    }

    @Synchronized
    fun close(module: Module) {
        module.close()
        count -= 1
    }
}

private const val FORWARD = "forward"
