// %title
// Weights: %license
// Copy %file to a place that the app can read, and depend on org.pytorch:executorch-android.

import kotlin.math.exp
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

%classes

class FaceStateModel(path: String) {
    private val module = Module.load(path)

    /** `pixels`: ARGB, row by row, of a face aligned to the template of manifest.json. */
    fun predict(pixels: IntArray): FaceState {
        val input = Tensor.fromBlob(normalised(pixels), longArrayOf(%shape))
        val outputs = module.forward(EValue.from(input))
        return decode(
            outputs[%emotion_output].toTensor().dataAsFloatArray,
            outputs[%au_output].toTensor().dataAsFloatArray,
        )
    }

%decode
}
