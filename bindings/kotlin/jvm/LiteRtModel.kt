package dev.mf2edge.jvm

import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference
import dev.mf2edge.BundleException
import dev.mf2edge.InferenceException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner

private const val CPU = 1
private const val FLOAT32 = 1
private const val READ = 0
private const val WRITE = 1

/** Key of the signature that LiteRT makes up for a model that has none. */
private const val NO_SIGNATURE = "<placeholder signature>"

private const val TENSOR_TYPE_BYTES = 72L
private const val MOST_DIMENSIONS = 8

/** Everything of one model; freed in the order in which LiteRT wants it. */
internal class LiteRtModel(
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
        val from = Memory(POINTER_BYTES).apply { setPointer(0, this@LiteRtModel.input) }
        val to = Memory(POINTER_BYTES * outputs.size).apply {
            outputs.forEachIndexed { i, output -> setPointer(POINTER_BYTES * i, output.buffer) }
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
            "${file.name}: a tensor is not float32 of a fixed size; export it with float32 tensors",
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
        const val POINTER_BYTES = 8L
        val RUNNING = LiteRtJna.Failure { InferenceException("LiteRT failed to run the model: $it") }

        /** `output_2` before `output_10`. */
        val BY_NUMBER = compareBy<Output>(
            { it.name.trimEnd { letter -> letter in '0'..'9' } },
            { it.name.takeLastWhile { letter -> letter in '0'..'9' }.toLongOrNull() ?: 0 },
        )
    }
}
