// Face quality: how much the picture of a face lets one read. The parts and their ramps are those of
// mf2_edge/pipeline/quality.py.

/// Below this `overall` of the picture, answers bear the reason lowQuality.
let lowQuality: Double = 0.3

/// Grey level from which a pixel counts as overexposed.
private let white: Int = 250

/// Quality of one face from its aligned picture and its box in source pixels.
func faceQuality(_ aligned: Image, _ box: Box, _ pose: HeadPose?) -> FaceQuality {
    let grey: [Int] = toGrey(aligned)
    let tone: Spread = spread(of: grey)
    let edges: Double = spread(of: laplacian(grey, aligned.width, aligned.height)).deviation
    let contrast: Double = max(tone.deviation, 1)
    let size: Double = ramp(min(box.width, box.height), bad: 16, good: 64)
    let sharpness: Double = ramp(edges * edges / (contrast * contrast), bad: 0.003, good: 0.012)
    var turn: Double = 0.5
    if let angles = pose {
        turn = ramp(max(abs(angles.yaw), abs(angles.pitch)), bad: 60, good: 25)
    }
    let dark: Double = ramp(tone.mean, bad: 20, good: 60)
    let bright: Double = ramp(tone.mean, bad: 250, good: 220)
    let whites: Int = grey.filter { $0 >= white }.count
    let clipped: Double = ramp(Double(whites) / Double(grey.count), bad: 0.55, good: 0.25)
    let light: Double = min(min(min(dark, bright), clipped), ramp(tone.deviation, bad: 5, good: 20))
    return FaceQuality(
        overall: min(min(size, sharpness), min(turn, light)),
        size: size,
        sharpness: sharpness,
        pose: turn,
        light: light
    )
}

extension FaceQuality {
    /// The same, with what the network says of the face's regions.
    func withVisibility(_ regions: OrderedMap<Double>) -> FaceQuality {
        var made: FaceQuality = self
        made.visibility = visiblePart(regions)
        made.overall = min(overall, made.visibility)
        return made
    }
}

/// Rec. 601 luma in the fixed point of OpenCV.
private func toGrey(_ image: Image) -> [Int] {
    var made: [Int] = []
    made.reserveCapacity(image.width * image.height)
    for i in 0..<(image.width * image.height) {
        let r: Int = Int(image.rgb[i * 3]) * 9798
        let g: Int = Int(image.rgb[i * 3 + 1]) * 19235
        let b: Int = Int(image.rgb[i * 3 + 2]) * 3735
        made.append((r + g + b + 16384) >> 15)
    }
    return made
}

/// Sum of the 4 neighbours less 4 times the pixel; edges mirror, the edge pixel not repeated.
private func laplacian(_ grey: [Int], _ width: Int, _ height: Int) -> [Int] {
    var made = [Int](repeating: 0, count: grey.count)
    for y in 0..<height {
        let above: Int = mirror(y - 1, height) * width
        let below: Int = mirror(y + 1, height) * width
        let at: Int = y * width
        for x in 0..<width {
            let beside: Int = grey[at + mirror(x - 1, width)] + grey[at + mirror(x + 1, width)]
            made[at + x] = grey[above + x] + grey[below + x] + beside - 4 * grey[at + x]
        }
    }
    return made
}

private func mirror(_ at: Int, _ length: Int) -> Int {
    var inside: Int = at
    if at < 0 { inside = -at }
    if at >= length { inside = 2 * length - 2 - at }
    return clamp(inside, 0, length - 1)
}

private struct Spread {
    let mean: Double
    let deviation: Double
}

private func spread(of values: [Int]) -> Spread {
    var sum: Double = 0
    for value in values {
        sum += Double(value)
    }
    let count: Double = Double(values.count)
    let mean: Double = sum / count
    var squares: Double = 0
    for value in values {
        let off: Double = Double(value) - mean
        squares += off * off
    }
    return Spread(mean: mean, deviation: (squares / count).squareRoot())
}

private func ramp(_ value: Double, bad: Double, good: Double) -> Double {
    return min(max((value - bad) / (good - bad), 0), 1)
}
