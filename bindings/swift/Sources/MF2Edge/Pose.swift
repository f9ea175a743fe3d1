import Foundation

// Head pose from the landmarks of the detector, as mf2_edge/pipeline/pose.py estimates it: the rotation that a
// weak-perspective camera sees an average head turned by (Horn et al. 1988,
// doi:10.1364/JOSAA.5.001127). A detector without ears leaves four points, which suffice.

/// An adult's average head, millimetres: x to the head's left, y down, z away from the viewer.
private let head: [(name: LandmarkName, place: [Double])] = [
    (.rightEye, [-32, 0, 0]),
    (.leftEye, [32, 0, 0]),
    (.noseTip, [0, 42, -32]),
    (.mouthCenter, [0, 72, -14]),
    (.rightEar, [-72, 14, 88]),
    (.leftEar, [72, 14, 88]),
]

private let degenerate: Double = 1e-6

/// Yaw, pitch and roll in degrees; nil where the landmarks are degenerate.
func headPose(_ landmarks: Landmarks) -> HeadPose? {
    var points: [Point] = []
    var places: [[Double]] = []
    for part in head {
        guard let point = landmarks[part.name] else { continue }
        if !point.x.isFinite || !point.y.isFinite { return nil }
        points.append(point)
        places.append(part.place)
    }
    var axes: [[Double]] = []
    for axis in 0..<3 {
        axes.append(centred(places.map { $0[axis] }))
    }
    let a: [Double] = leastSquares(axes, points.map { $0.x })
    let b: [Double] = leastSquares(axes, points.map { $0.y })
    // The nearest orthonormal rows: (A Aᵀ)^(-1/2) A, whose root has a closed form for two rows.
    let p: Double = dot(a, a)
    let q: Double = dot(a, b)
    let r: Double = dot(b, b)
    let root: Double = max(p * r - q * q, 0).squareRoot()
    let difference: Double = ((p - r) * (p - r) + 4 * q * q).squareRoot()
    let smallest: Double = (p + r - difference) / 2
    if !(max(smallest, 0).squareRoot() >= degenerate) { return nil }
    let scale: Double = 1 / (root * (p + r + 2 * root).squareRoot())
    var across: [Double] = []
    var down: [Double] = []
    for i in 0..<3 {
        across.append(scale * ((r + root) * a[i] - q * b[i]))
        down.append(scale * (-q * a[i] + (p + root) * b[i]))
    }
    let away: Double = across[0] * down[1] - across[1] * down[0]
    // R = yaw * pitch * roll, turns about the camera's axes: y down, x right, z away.
    let degrees: Double = 180 / Double.pi
    return HeadPose(
        yaw: atan2(-across[2], away) * degrees,
        pitch: asin(min(max(down[2], -1), 1)) * degrees,
        roll: atan2(down[0], down[1]) * degrees
    )
}

/// One row of the camera's matrix, by the normal equations of the head's points.
private func leastSquares(_ axes: [[Double]], _ values: [Double]) -> [Double] {
    let middle: [Double] = centred(values)
    let right: [Double] = axes.map { dot($0, middle) }
    var square: [[Double]] = []
    for u in axes {
        square.append(axes.map { dot(u, $0) })
    }
    // Cramer's rule.
    let all: Double = determinant(square)
    var row: [Double] = []
    for k in 0..<3 {
        var put: [[Double]] = square
        for i in 0..<3 {
            put[i][k] = right[i]
        }
        row.append(determinant(put) / all)
    }
    return row
}

private func determinant(_ rows: [[Double]]) -> Double {
    let u: [Double] = rows[0]
    let v: [Double] = rows[1]
    let w: [Double] = rows[2]
    let first: Double = u[0] * (v[1] * w[2] - v[2] * w[1])
    let second: Double = u[1] * (v[0] * w[2] - v[2] * w[0])
    let third: Double = u[2] * (v[0] * w[1] - v[1] * w[0])
    return first - second + third
}

private func centred(_ values: [Double]) -> [Double] {
    let mean: Double = values.reduce(0, +) / Double(values.count)
    return values.map { $0 - mean }
}

private func dot(_ u: [Double], _ v: [Double]) -> Double {
    var sum: Double = 0
    for (x, y) in zip(u, v) {
        sum += x * y
    }
    return sum
}
