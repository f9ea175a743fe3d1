// %title
// Weights: %license
// Put %file into the app's assets with `androidResources { noCompress += "tflite" }`, and depend on
// com.google.ai.edge.litert:litert:1.4.0 (its interpreter keeps the package org.tensorflow.lite).

import android.content.Context
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import kotlin.math.exp
import org.tensorflow.lite.Interpreter

%classes

class FaceStateModel(context: Context) {
    private val interpreter = context.assets.openFd("%file").use { asset ->
        FileInputStream(asset.fileDescriptor).channel.use { channel ->
            Interpreter(
                channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
            )
        }
    }
    private val input =
        ByteBuffer.allocateDirect(4 * 3 * WIDTH * HEIGHT).order(ByteOrder.nativeOrder())

    /** `pixels`: ARGB, row by row, of a face aligned to the template of manifest.json. */
    fun predict(pixels: IntArray): FaceState {
        input.asFloatBuffer().put(normalised(pixels))
        val emotion = arrayOf(FloatArray(EMOTIONS.size))
        val units = arrayOf(FloatArray(UNITS.size))
        input.rewind()
        interpreter.runForMultipleInputsOutputs(
            arrayOf(input), mapOf(%emotion_output to emotion, %au_output to units)
        )
        return decode(emotion[0], units[0])
    }

%decode
}
