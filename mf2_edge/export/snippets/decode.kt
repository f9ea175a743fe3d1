    /** The model's input, %layout. */
    private fun normalised(pixels: IntArray): FloatArray {
        val area = WIDTH * HEIGHT
        require(pixels.size == area)
        return FloatArray(3 * area) { normalised(%place) }
    }

    private fun normalised(pixel: Int, channel: Int): Float {
        val value = (pixel shr (16 - 8 * channel)) and 0xFF // red, green, blue
        return (value - MEAN[channel]) / STD[channel]
    }

    private fun decode(emotion: FloatArray, units: FloatArray): FaceState {
        val highest = emotion.max()
        val powers = emotion.map { exp((it - highest) / TEMPERATURE) }
        val states = UNITS.associate { unit ->
            val score = 1 / (1 + exp(-(unit.scale * units[unit.index] + unit.bias)))
            unit.label to UnitState(score, score >= 0.5)
        }
        return FaceState(EMOTIONS.zip(powers.map { it / powers.sum() }).toMap(), states)
    }

    private class Calibration(val label: String, val index: Int, val scale: Double, val bias: Double)

    private companion object {
        const val WIDTH = %width
        const val HEIGHT = %height
        val MEAN = floatArrayOf(%mean_f)
        val STD = floatArrayOf(%std_f)
        const val TEMPERATURE = %temperature
        val EMOTIONS = listOf(%emotions)
        val UNITS = listOf(
%units
        )
    }
