// Preprocess: from the pixels of an aligned face to the network's input.

/// Each channel becomes (pixel - mean) / std; float32 [1, H, W, 3] (nhwc) or [1, 3, H, W] (nchw).
func toInput(_ aligned: Image, _ spec: PreprocessingSpec, _ layout: TensorLayout) -> [Float] {
    let count: Int = aligned.width * aligned.height
    var input = [Float](repeating: 0, count: count * 3)
    let pixel: Int = layout == .nhwc ? 3 : 1
    let channel: Int = layout == .nhwc ? 1 : count
    for k in 0..<3 {
        // Float32 at every step, as Python has it.
        let mean: Float = Float(spec.mean[k])
        let std: Float = Float(spec.std[k])
        for i in 0..<count {
            let level: Float = Float(aligned.rgb[i * 3 + k])
            input[i * pixel + k * channel] = (level - mean) / std
        }
    }
    return input
}

/// The pixels as they are, 0...255, for artifacts that normalise by themselves.
func asInput(_ aligned: Image, _ layout: TensorLayout) -> [Float] {
    return toInput(aligned, PreprocessingSpec(mean: [0, 0, 0], std: [1, 1, 1]), layout)
}
