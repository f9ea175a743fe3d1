package dev.mf2edge

// Preprocess: from the pixels of an aligned face to the network's input.

private val AS_THEY_ARE = PreprocessingSpec(listOf(0.0, 0.0, 0.0), listOf(1.0, 1.0, 1.0))

/** Each channel becomes (pixel - mean) / std; float32 `[1, H, W, 3]` (NHWC) or `[1, 3, H, W]`. */
internal fun toInput(aligned: Image, spec: PreprocessingSpec, layout: Layout): FloatArray {
    val count = aligned.width * aligned.height
    val input = FloatArray(count * 3)
    val (pixel, channel) = if (layout == Layout.NHWC) 3 to 1 else 1 to count
    for (k in 0 until 3) {
        // Float32 at every step, as Python has it.
        val mean = spec.mean[k].toFloat()
        val std = spec.std[k].toFloat()
        for (i in 0 until count) {
            val level = (aligned.rgb[i * 3 + k].toInt() and 0xFF).toFloat()
            input[i * pixel + k * channel] = (level - mean) / std
        }
    }
    return input
}

/** The pixels as they are, for artifacts that normalise by themselves. */
internal fun asInput(aligned: Image, layout: Layout): FloatArray =
    toInput(aligned, AS_THEY_ARE, layout)
