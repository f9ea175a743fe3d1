// Beside the exported folder's FaceState.kt; see README.md.
package dev.mf2edge.reactnative

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.net.Uri
import com.facebook.react.bridge.Arguments
import com.facebook.react.bridge.Promise
import com.facebook.react.bridge.ReactApplicationContext
import com.facebook.react.bridge.ReactContextBaseJavaModule
import com.facebook.react.bridge.ReactMethod
import com.facebook.react.bridge.WritableArray
import com.facebook.react.bridge.WritableMap
import dev.mf2edge.ActionUnit
import dev.mf2edge.FaceState
import java.io.IOException
import java.util.concurrent.Executors

/** The native side of `predict(uri)`; the model is opened at the first call, and calls take turns. */
class Mf2EdgeModule(private val context: ReactApplicationContext) : ReactContextBaseJavaModule(context) {
    private val worker = Executors.newSingleThreadExecutor()
    private val model = lazy { FaceStateModel(context) }

    override fun getName(): String = "Mf2Edge"

    /** The faces of a picture, as `Face[]` of mf2Edge.ts. */
    @ReactMethod
    fun predict(uri: String, promise: Promise) {
        worker.execute {
            try {
                promise.resolve(facesOf(model.value.predict(picture(uri))))
            } catch (error: Exception) {
                promise.reject("mf2_edge", error)
            }
        }
    }

    override fun invalidate() {
        worker.execute { if (model.isInitialized()) model.value.close() }
        worker.shutdown()
    }

    private fun picture(uri: String): Bitmap =
        context.contentResolver.openInputStream(Uri.parse(uri)).use { stream ->
            BitmapFactory.decodeStream(stream) ?: throw IOException("$uri: cannot be read as a picture")
        }
}

private fun facesOf(states: List<FaceState>): WritableArray =
    Arguments.createArray().apply { states.forEach { pushMap(faceOf(it)) } }

private fun faceOf(state: FaceState): WritableMap = Arguments.createMap().apply {
    putDouble("x", state.box.x)
    putDouble("y", state.box.y)
    putDouble("width", state.box.width)
    putDouble("height", state.box.height)
    putString("emotion", state.emotion.label)
    putDouble("emotionScore", state.emotion.score)
    putString("reason", state.emotion.reason.key)
    putArray("actionUnits", Arguments.createArray().apply {
        state.actionUnits.forEach { (label, unit) -> pushMap(unitOf(label, unit)) }
    })
}

private fun unitOf(label: String, unit: ActionUnit): WritableMap = Arguments.createMap().apply {
    putString("label", label)
    putDouble("score", unit.score)
    putBoolean("present", unit.present)
    putString("reason", unit.reason.key)
    unit.intensity?.let { putDouble("intensity", it) } ?: putNull("intensity")
}
