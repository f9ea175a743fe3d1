// androidx.camera:camera-core:1.6.1, as CameraCore.kt.
package androidx.camera.core.resolutionselector

class AspectRatioStrategy private constructor() {
    companion object {
        @JvmField
        val RATIO_4_3_FALLBACK_AUTO_STRATEGY: AspectRatioStrategy = AspectRatioStrategy()
    }
}

class ResolutionSelector private constructor() {
    class Builder {
        fun setAspectRatioStrategy(strategy: AspectRatioStrategy): Builder = throw NotImplementedError()

        fun build(): ResolutionSelector = throw NotImplementedError()
    }
}
