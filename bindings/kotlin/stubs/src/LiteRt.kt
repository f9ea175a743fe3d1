// com.google.ai.edge.litert:litert:2.1.5, read from its sources at tag v2.1.5 (litert/kotlin/src/main).
package com.google.ai.edge.litert

class LiteRtException(message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

abstract class JniHandle internal constructor() : AutoCloseable {
    final override fun close(): Unit = stub()
}

class TensorBuffer internal constructor() : JniHandle() {
    @Throws(LiteRtException::class)
    fun writeFloat(data: FloatArray): Unit = stub()

    @Throws(LiteRtException::class)
    fun readFloat(): FloatArray = stub()
}

class CompiledModel private constructor() : JniHandle() {
    data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null,
    )

    class Options(internal val accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))

        var cpuOptions: CpuOptions? = null
    }

    @Throws(LiteRtException::class)
    @JvmOverloads
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    @Throws(LiteRtException::class)
    @JvmOverloads
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    @Throws(LiteRtException::class)
    @JvmOverloads
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0): Unit = stub()

    companion object {
        @Throws(LiteRtException::class)
        @JvmStatic
        fun create(filePath: String, options: Options, optionalEnv: Environment? = null): CompiledModel = stub()
    }
}

class Environment private constructor() : JniHandle()

private fun stub(): Nothing = throw UnsatisfiedLinkError("a stub, for compiling only")
