// org.pytorch:executorch-android:1.4.1, read from its sources at tag v1.4.1 (extension/android).
package org.pytorch.executorch

import java.io.Closeable

open class ExecutorchRuntimeException(val errorCode: Int, details: String?) : RuntimeException(details)

abstract class Tensor internal constructor() {
    fun shape(): LongArray = stub()

    open val dataAsFloatArray: FloatArray
        get() = stub()

    companion object {
        @JvmStatic
        fun fromBlob(data: FloatArray, shape: LongArray): Tensor = stub()
    }
}

class EValue private constructor() {
    val isTensor: Boolean
        get() = stub()

    fun toTensor(): Tensor = stub()

    companion object {
        @JvmStatic
        fun from(tensor: Tensor): EValue = stub()
    }
}

open class Module private constructor() : Closeable {
    open fun forward(vararg inputs: EValue): Array<EValue> = stub()

    open fun loadMethod(methodName: String): Unit = stub()

    override fun close(): Unit = stub()

    companion object {
        const val LOAD_MODE_FILE = 0
        const val LOAD_MODE_MMAP = 1

        @JvmStatic
        @JvmOverloads
        fun load(modelPath: String?, loadMode: Int = LOAD_MODE_FILE, numThreads: Int = 0): Module = stub()
    }
}

private fun stub(): Nothing = throw UnsatisfiedLinkError("a stub, for compiling only")
