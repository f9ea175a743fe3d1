// androidx.camera:camera-core:1.6.1; these members are alike in its API files of 1.5.0-beta01 and
// 1.7.0-rc01 (camera/camera-core/api).
package androidx.camera.core

import androidx.camera.core.resolutionselector.ResolutionSelector
import java.nio.ByteBuffer
import java.util.concurrent.Executor

interface ImageInfo {
    val timestamp: Long
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    override fun close()

    val format: Int
    val width: Int
    val height: Int
    val planes: Array<PlaneProxy>
    val imageInfo: ImageInfo

    interface PlaneProxy {
        val rowStride: Int
        val pixelStride: Int
        val buffer: ByteBuffer
    }
}

abstract class UseCase

class ImageAnalysis private constructor() : UseCase() {
    fun setAnalyzer(executor: Executor, analyzer: Analyzer): Unit = throw NotImplementedError()

    fun clearAnalyzer(): Unit = throw NotImplementedError()

    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    class Builder {
        fun setBackpressureStrategy(strategy: Int): Builder = throw NotImplementedError()

        fun setResolutionSelector(selector: ResolutionSelector): Builder = throw NotImplementedError()

        fun build(): ImageAnalysis = throw NotImplementedError()
    }

    companion object {
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}

class Preview private constructor() : UseCase() {
    interface SurfaceProvider

    fun setSurfaceProvider(provider: SurfaceProvider?): Unit = throw NotImplementedError()

    class Builder {
        fun setResolutionSelector(selector: ResolutionSelector): Builder = throw NotImplementedError()

        fun build(): Preview = throw NotImplementedError()
    }
}

class CameraSelector private constructor() {
    companion object {
        @JvmField
        val DEFAULT_FRONT_CAMERA: CameraSelector = CameraSelector()

        @JvmField
        val DEFAULT_BACK_CAMERA: CameraSelector = CameraSelector()
    }
}

interface Camera
