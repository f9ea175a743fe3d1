package dev.mf2edge.jvm

import com.sun.jna.Function
import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.PointerByReference
import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import dev.mf2edge.RuntimeUnavailableException
import java.io.File

// LiteRT on a desktop JVM, by its C API. LiteRT ships no headers beside its library: names, numbers and
// layouts are those of litert/c of release 2, for 64-bit Linux.

/** Tag of the environment's option for the least severity of messages, and its value. */
private const val MINIMUM_SEVERITY = 25
private const val INT_VALUE = 2
private const val ERRORS_ONLY = 3L

/** RTLD_NOW | RTLD_NODELETE of Linux: the library stays, since its threads may outlive a model. */
private const val NOW_AND_FOR_GOOD = 0x1002

private const val ENVIRONMENT_OPTION_BYTES = 24L

/** Runs .tflite files on the CPU. Any thread may open them; its runners serve one thread at a time. */
public class LiteRtJna private constructor(
    private val library: NativeLibrary,
    private val threads: Int,
) : RunnerFactory {
    internal val environment: Pointer = made("CreateEnvironment", UNAVAILABLE, 1, quietly())

    /**
     * @throws BundleException if the bytes are no model of one float32 input
     * @throws RuntimeUnavailableException for another format
     */
    @Synchronized
    override fun open(model: ModelFile): Runner {
        if (model.format != ArtifactFormat.TFLITE) {
            throw RuntimeUnavailableException(
                "${model.name} is ${model.format.key}; LiteRT reads tflite: choose that format",
            )
        }
        return LiteRtModel(this, model, threads)
    }

    internal fun function(name: String): Function = try {
        library.getFunction("LiteRt$name")
    } catch (error: UnsatisfiedLinkError) {
        throw RuntimeUnavailableException(
            "LiteRt$name is not in this LiteRT; expected release 2", error,
        )
    }

    /** Call a function that answers with a status. */
    internal fun call(name: String, failure: Failure, vararg arguments: Any?) {
        val status = function(name).invokeInt(arguments)
        if (status != 0) throw failure.of("LiteRt$name answers with status $status")
    }

    /** The same of a function whose last argument is where it puts a pointer. */
    internal fun made(name: String, failure: Failure, vararg arguments: Any?): Pointer {
        val found = PointerByReference()
        call(name, failure, *arguments, found)
        return found.value
    }

    internal fun free(name: String, what: Pointer?) {
        if (what != null) function(name).invokeVoid(arrayOf(what))
    }

    private fun quietly() = Memory(ENVIRONMENT_OPTION_BYTES).apply {
        clear()
        setInt(0, MINIMUM_SEVERITY)
        setInt(8, INT_VALUE)
        setLong(16, ERRORS_ONLY)
    }

    /** Which exception says that a step failed. */
    internal fun interface Failure {
        fun of(why: String): Exception
    }

    public companion object {
        internal val UNAVAILABLE = Failure { RuntimeUnavailableException("LiteRT: $it") }

        /**
         * Load LiteRT from [library], the path of `libLiteRt.so`; it stays loaded. [threads] hold for
         * each model.
         *
         * @throws RuntimeUnavailableException if that cannot be loaded
         */
        @JvmStatic
        @JvmOverloads
        public fun load(library: File, threads: Int = 1): LiteRtJna {
            require(threads >= 1) { "threads is $threads; expected 1 or more" }
            val options = mapOf(Library.OPTION_OPEN_FLAGS to NOW_AND_FOR_GOOD)
            try {
                return LiteRtJna(NativeLibrary.getInstance(library.path, options), threads)
            } catch (error: UnsatisfiedLinkError) {
                throw RuntimeUnavailableException(
                    "LiteRT cannot be loaded (${error.message}); expected the path of libLiteRt", error,
                )
            }
        }
    }
}
