package dev.mf2edge.jvm

import com.sun.jna.Function
import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference
import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleException
import dev.mf2edge.InferenceException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import dev.mf2edge.RuntimeUnavailableException
import java.io.File

// LiteRT on a desktop JVM, by its C API. LiteRT ships no headers beside its library: names, numbers and
// layouts are those of litert/c of release 2, for 64-bit Linux and macOS.

private const val CPU = 1
private const val FLOAT32 = 1
private const val READ = 0
private const val WRITE = 1

/** Tag of the environment's option for the least severity of messages, and its value. */
private const val MINIMUM_SEVERITY = 25
private const val INT_VALUE = 2
private const val ERRORS_ONLY = 3L

/** Key of the signature that LiteRT makes up for a model that has none. */
private const val NO_SIGNATURE = "<placeholder signature>"

/** RTLD_NOW | RTLD_NODELETE of Linux: the library stays, since its threads may outlive a model. */
private const val NOW_AND_FOR_GOOD = 0x1002

private const val TENSOR_TYPE_BYTES = 72L
private const val ENVIRONMENT_OPTION_BYTES = 24L
private const val MOST_DIMENSIONS = 8

/** Runs .tflite files on the CPU. Any thread may open them; its runners serve one thread at a time. */
public class LiteRtJna private constructor(
    private val library: NativeLibrary,
    private val threads: Int,
) : RunnerFactory {
    internal val environment: Pointer = made("CreateEnvironment", RuntimeUnavailable, 1, quietly())

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
        internal val RuntimeUnavailable = Failure { RuntimeUnavailableException("LiteRT: $it") }

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

/** Everything of one model; freed in the order in which LiteRT wants it. */
private class LiteRtModel(
    private val engine: LiteRtJna,
    private val file: ModelFile,
    threads: Int,
) : Runner {
    private val reading = LiteRtJna.Failure {
        BundleException("${file.name}: $it; expected a .tflite model of float32 tensors")
    }

    /** LiteRT reads from here for as long as the model lives. */
    private val bytes = Memory(file.bytes.size.toLong().coerceAtLeast(1)).apply {
        write(0, file.bytes, 0, file.bytes.size)
    }
    private var model: Pointer? = null
    private var options: Pointer? = null
    private var compiled: Pointer? = null
    private var input: Pointer? = null
    private val outputs = ArrayList<Output>()

    /** Outputs as the exported model returns them; their order in the file is the converter's choice. */
    private var ordered: List<Output> = outputs

    private class Output(val name: String, val buffer: Pointer, val size: Int)

    init {
        try {
            compile(threads)
            findTensors()
        } catch (error: Throwable) {
            close()
            throw error
        }
    }

    override fun run(input: FloatArray): List<FloatArray> {
        locked(this.input!!, WRITE) { it.write(0, input, 0, input.size) }
        val from = Memory(PointerBytes).apply { setPointer(0, this@LiteRtModel.input) }
        val to = Memory(PointerBytes * outputs.size).apply {
            outputs.forEachIndexed { i, output -> setPointer(PointerBytes * i, output.buffer) }
        }
        engine.call("RunCompiledModel", RUNNING, compiled, 0L, 1L, from, outputs.size.toLong(), to)
        return ordered.map { output ->
            locked(output.buffer, READ) { it.getFloatArray(0, output.size) }
        }
    }

    override fun close() {
        outputs.forEach { engine.free("DestroyTensorBuffer", it.buffer) }
        engine.free("DestroyTensorBuffer", input)
        engine.free("DestroyCompiledModel", compiled)
        engine.free("DestroyOptions", options)
        engine.free("DestroyModel", model)
    }

    private fun compile(threads: Int) {
        val environment = engine.environment
        val size = file.bytes.size.toLong()
        model = engine.made("CreateModelFromBuffer", reading, environment, bytes, size)
        options = engine.made("CreateOptions", reading)
        engine.call("SetOptionsHardwareAccelerators", reading, options, CPU)
        // LiteRT frees the text of these options by the function that it is given.
        val process = NativeLibrary.getProcess()
        val text = process.getFunction("strdup").invokePointer(arrayOf("num_threads = $threads\n"))
        val free = process.getFunction("free")
        val cpu = engine.made("CreateOpaqueOptions", reading, "xnnpack", text, free)
        engine.call("AddOpaqueOptions", reading, options, cpu)
        compiled = engine.made("CreateCompiledModel", reading, environment, model, options)
    }

    private fun findTensors() {
        val signature = engine.made("GetModelSignature", reading, model, 0L)
        if (count("GetNumSignatureInputs", signature) != 1L) {
            throw BundleException("${file.name}: several inputs; expected one image")
        }
        val tensor = engine.made("GetSignatureInputTensorByIndex", reading, signature, 0L)
        val type = typeOf(tensor)
        if (shapeOf(type) != file.inputShape) {
            throw BundleException(
                "${file.name} takes ${shapeOf(type)}; expected ${file.inputShape} of the manifest",
            )
        }
        input = buffer("GetCompiledModelInputBufferRequirements", 0, type)
        for (i in 0 until count("GetNumSignatureOutputs", signature)) {
            val name = engine.made("GetSignatureOutputName", reading, signature, i).getString(0)
            val each = typeOf(engine.made("GetSignatureOutputTensorByIndex", reading, signature, i))
            val room = buffer("GetCompiledModelOutputBufferRequirements", i, each)
            outputs += Output(name, room, shapeOf(each).reduce(Int::times))
        }
        val key = engine.made("GetSignatureKey", reading, signature).getString(0)
        if (key != NO_SIGNATURE) ordered = outputs.sortedWith(BY_NUMBER)
    }

    private fun buffer(requirements: String, index: Long, type: Memory): Pointer {
        val needs = engine.made(requirements, reading, compiled, 0L, index)
        val create = "CreateManagedTensorBufferFromRequirements"
        return engine.made(create, reading, engine.environment, type, needs)
    }

    private fun count(name: String, signature: Pointer): Long {
        val found = LongByReference()
        engine.call(name, reading, signature, found)
        return found.value
    }

    private fun typeOf(tensor: Pointer): Memory {
        val type = Memory(TENSOR_TYPE_BYTES).apply { clear() }
        engine.call("GetRankedTensorType", reading, tensor, type)
        return type
    }

    /** Of `{ int element; unsigned rank : 7; bool strided : 1; int dimensions[8]; ... }`. */
    private fun shapeOf(type: Memory): List<Int> {
        val rank = (type.getInt(4) and 0x7F).coerceAtMost(MOST_DIMENSIONS)
        val shape = type.getIntArray(8, rank).toList()
        if (type.getInt(0) == FLOAT32 && shape.all { it > 0 }) return shape
        throw BundleException(
            "${file.name}: a tensor is not float32 of a fixed size; export it with float doors",
        )
    }

    private fun <T> locked(buffer: Pointer, mode: Int, work: (Pointer) -> T): T {
        val memory = PointerByReference()
        engine.call("LockTensorBuffer", RUNNING, buffer, memory, mode)
        try {
            return work(memory.value)
        } finally {
            engine.call("UnlockTensorBuffer", RUNNING, buffer)
        }
    }

    private companion object {
        const val PointerBytes = 8L
        val RUNNING = LiteRtJna.Failure { InferenceException("LiteRT failed to run the model: $it") }

        /** `output_2` before `output_10`. */
        val BY_NUMBER = compareBy<Output>(
            { it.name.trimEnd { letter -> letter in '0'..'9' } },
            { it.name.takeLastWhile { letter -> letter in '0'..'9' }.toLongOrNull() ?: 0 },
        )
    }
}
