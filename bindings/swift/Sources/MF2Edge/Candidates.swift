import Foundation

// What YuNet's maps say, as mf2_edge/pipeline/yunet.py decodes them (Wu et al. 2023, *YuNet*): for each
// cell of three grids whether a face's middle lies there, the face's box and five points.

/// What may be a face: box and eyes in pixels, probability 0..1.
struct Candidate {
    let box: Box
    let score: Double
    let rightEye: Point
    let leftEye: Point
}

/// Rows and columns of the network's input, and the scale at which the frame lies in it.
struct Reduced {
    let rows: Int
    let columns: Int
    let scale: Double
}

/// Numbers a cell: two scores, the box, five points.
let valuesOfCell: Int = 16

/// The input for a frame that is reduced so that `side` holds it; sizes are multiples of `step`.
func reducedShape(_ height: Int, _ width: Int, side: Int, step: Int) -> Reduced {
    let scale: Double = min(1, Double(side) / Double(max(height, width)))
    func whole(_ length: Int) -> Int {
        let reduced: Double = (Double(length) * scale).rounded(.toNearestOrEven)
        return max(1, Int((reduced / Double(step)).rounded(.up))) * step
    }
    return Reduced(rows: whole(height), columns: whole(width), scale: scale)
}

/// Candidates of the maps, finest first, of an input of that size; the best of each group.
func candidates(_ maps: [[Float]], columns: Int, _ spec: YuNetSpec) -> [Candidate] {
    var found: [Candidate] = []
    for (map, stride) in zip(maps, spec.strides) {
        found += decoded(map, columns / stride, stride, spec.minScore)
    }
    var kept: [Candidate] = []
    for each in bestFirst(found, { $0.score })
    where kept.allSatisfy({ overlap(each.box, $0.box) <= spec.overlap }) {
        kept.append(each)
    }
    return kept
}

private func decoded(
    _ map: [Float], _ wide: Int, _ stride: Int, _ minScore: Double
) -> [Candidate] {
    var found: [Candidate] = []
    let size: Double = Double(stride)
    for cell in 0..<(map.count / valuesOfCell) {
        func value(_ i: Int) -> Double {
            return Double(map[cell * valuesOfCell + i])
        }
        let score: Double = (sigmoid(value(0)) * sigmoid(value(1))).squareRoot()
        if score < minScore { continue }
        let column: Double = Double(cell % wide)
        let row: Double = Double(cell / wide)
        func point(_ i: Int) -> Point {
            return Point(x: (column + value(i)) * size, y: (row + value(i + 1)) * size)
        }
        let box: Box = boxAround(point(2), exp(value(4)) * size, exp(value(5)) * size)
        found.append(Candidate(box: box, score: score, rightEye: point(6), leftEye: point(8)))
    }
    return found
}

/// A candidate of a view that was turned counter-clockwise by quarters, in pixels of the frame.
func inFrame(_ face: Candidate, quarters: Int, _ shape: Reduced) -> Candidate {
    let rows: Double = Double(shape.rows)
    let columns: Double = Double(shape.columns)
    func back(_ point: Point) -> Point {
        let turned: Point
        switch quarters {
        case 1: turned = Point(x: columns - point.y, y: point.x)
        case 2: turned = Point(x: columns - point.x, y: rows - point.y)
        case 3: turned = Point(x: point.y, y: rows - point.x)
        default: turned = point
        }
        return Point(x: turned.x / shape.scale, y: turned.y / shape.scale)
    }
    let seen: Box = face.box
    let a: Point = back(Point(x: seen.x, y: seen.y))
    let b: Point = back(Point(x: seen.x + seen.width, y: seen.y + seen.height))
    let box = Box(x: min(a.x, b.x), y: min(a.y, b.y), width: abs(a.x - b.x), height: abs(a.y - b.y))
    return Candidate(
        box: box, score: face.score, rightEye: back(face.rightEye), leftEye: back(face.leftEye)
    )
}

private func sigmoid(_ logit: Double) -> Double {
    return 1 / (1 + exp(-logit))
}
