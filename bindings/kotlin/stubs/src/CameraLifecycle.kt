// androidx.camera:camera-lifecycle:1.6.1, read from its API file of 1.7.0-rc01.
package androidx.camera.lifecycle

import android.content.Context
import androidx.camera.core.Camera
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCase
import androidx.lifecycle.LifecycleOwner
import com.google.common.util.concurrent.ListenableFuture

class ProcessCameraProvider private constructor() {
    fun bindToLifecycle(
        lifecycleOwner: LifecycleOwner,
        cameraSelector: CameraSelector,
        vararg useCases: UseCase?,
    ): Camera = throw NotImplementedError()

    fun hasCamera(cameraSelector: CameraSelector): Boolean = throw NotImplementedError()

    fun unbindAll(): Unit = throw NotImplementedError()

    companion object {
        @JvmStatic
        fun getInstance(context: Context): ListenableFuture<ProcessCameraProvider> =
            throw NotImplementedError()
    }
}
