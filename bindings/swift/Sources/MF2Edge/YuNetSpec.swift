/// `detector.json` of YuNet; mf2_edge/pipeline/yunet.py says what each key means.
struct YuNetSpec {
    let file: String
    let sha256: String
    let strides: [Int]
    let sizesAt: [SizeAt]
    let minScore: Double
    let overlap: Double
    let side: Int
    let fastSide: Int
    let smallestFace: Double
    let rules: DetectionRules
}

/// Where the model file holds a height and, behind it, a width: two int32, little-endian.
struct SizeAt {
    let byte: Int
    let stride: Int
}

/// How a candidate and the look at it decide together.
struct DetectionRules {
    let sureScore: Double
    let sureLook: Double
    let doubtfulLook: Double
    let view: Double
    let offCentre: Double
    let size: ClosedRange<Double>
    let roll: Double
    let oppositeBelow: Double
    let quartersBelow: Double
    let turnedLook: Double
    let turnedGain: Double
}

/// Pixels.
private let largestSide: Int = 4096

/// Bytes.
private let largestModel: Int = 64 << 20

/// `detector.json`; throws `Mf2EdgeError.bundle` for what does not describe YuNet.
func parseYuNet(_ bytes: [UInt8], source: String) throws -> YuNetSpec {
    do {
        return try spec(Json(value: try parseJson(bytes), place: "$").fields())
    } catch let error as JsonError {
        throw Mf2EdgeError.bundle("\(source): \(error.message); copy the detector again")
    }
}

private func spec(_ fields: Fields) throws -> YuNetSpec {
    let strides: Json = try fields.required("strides")
    let sizes: [Int] = try strides.list { try pixels($0) }
    if sizes.isEmpty { throw strides.refusal("expected strides") }
    return YuNetSpec(
        file: try fields.required("file").text(least: 1),
        sha256: try fields.required("sha256").text(pattern: "[0-9a-f]{64}"),
        strides: sizes,
        sizesAt: try fields.required("sizes_at").list { try sizeAt($0.fields()) },
        minScore: try fields.required("min_score").number(above: 0, most: 1),
        overlap: try fields.required("overlap").number(above: 0, most: 1),
        side: try pixels(fields.required("side")),
        fastSide: try pixels(fields.required("fast_side")),
        smallestFace: try fields.required("smallest_face").number(above: 0),
        rules: try rules(fields.required("rules").fields())
    )
}

private func pixels(_ json: Json) throws -> Int {
    return try json.whole(least: 1, most: largestSide)
}

private func sizeAt(_ fields: Fields) throws -> SizeAt {
    return SizeAt(
        byte: try fields.required("byte").whole(least: 0, most: largestModel),
        stride: try pixels(fields.required("stride"))
    )
}

private func rules(_ fields: Fields) throws -> DetectionRules {
    func number(_ key: String) throws -> Double {
        return try fields.required(key).number(least: 0)
    }
    let size: Json = try fields.required("size")
    let extents: [Double] = try size.list(length: 2) { try $0.number(least: 0) }
    if extents[0] > extents[1] { throw size.refusal("expected the smaller number first") }
    return DetectionRules(
        sureScore: try number("sure_score"),
        sureLook: try number("sure_look"),
        doubtfulLook: try number("doubtful_look"),
        view: try fields.required("view").number(above: 0),
        offCentre: try number("off_centre"),
        size: extents[0]...extents[1],
        roll: try number("roll"),
        oppositeBelow: try number("opposite_below"),
        quartersBelow: try number("quarters_below"),
        turnedLook: try number("turned_look"),
        turnedGain: try number("turned_gain")
    )
}
