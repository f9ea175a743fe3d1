// androidx.camera:camera-view:1.6.1, read from its API file of 1.6.0-beta01.
package androidx.camera.view

import android.content.Context
import android.util.AttributeSet
import android.widget.FrameLayout
import androidx.camera.core.Preview

class PreviewView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) :
    FrameLayout(context, attributes) {
    val surfaceProvider: Preview.SurfaceProvider
        get() = throw NotImplementedError()
}
