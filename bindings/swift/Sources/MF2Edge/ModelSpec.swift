import Foundation

/// The contents of a `model.json`; `source` (its path) is named in messages.
///
/// The same verdicts as `mf2_edge.bundle.model_json.parse_model`. Throws `Mf2EdgeError.manifest` for what is
/// not JSON, a missing, unknown, repeated or ill-typed key, another major schema, or parts that contradict each
/// other.
public func parseModel(_ bytes: [UInt8], source: String) throws -> ModelSpec {
    let raw: JsonValue
    do {
        raw = try parseJson(bytes)
    } catch let error as JsonError {
        throw Mf2EdgeError.manifest(
            "\(source): not valid JSON (\(error.message)); expected a model.json"
        )
    }
    let spec: ModelSpec
    do {
        let json = Json(value: raw, place: "$")
        try checkVersion(try json.fields().required("schema_version").text())
        spec = try ModelSpec(json)
    } catch let error as JsonError {
        throw Mf2EdgeError.manifest("\(source): \(error.message)")
    }
    let problems: [String] = contradictions(spec)
    if !problems.isEmpty {
        throw Mf2EdgeError.manifest("\(source): \(problems.joined(separator: "; "))")
    }
    return spec
}

extension ModelSpec {
    /// The head of a name; `parseModel` makes sure of those that must be there.
    public func head(_ name: HeadName) -> HeadSpec {
        return heads.first { $0.name == name } ?? heads[0]
    }

    /// The head of a name, where the network has one.
    public func findHead(_ name: HeadName) -> HeadSpec? {
        return heads.first { $0.name == name }
    }
}

extension ModelSpec {
    /// What was measured of an Action Unit or an emotion.
    public func reliability(of label: String) -> LabelReliability? {
        return reliability?.actionUnits[label] ?? reliability?.emotion[label]
    }
}

private func checkVersion(_ version: String) throws {
    let parts: [Substring] = version.split(separator: ".", omittingEmptySubsequences: false)
    let sound: Bool = parts.count == 2 && parts.allSatisfy { isDigits($0) }
    if !sound {
        throw JsonError(
            message: "schema_version is \"\(version)\"; expected \"MAJOR.MINOR\", such as "
                + "\"\(schemaVersion)\""
        )
    }
    let ours: String = withoutZeros(schemaVersion.split(separator: ".")[0])
    let major: String = withoutZeros(parts[0])
    if major == ours { return }
    // More digits, or as many and a later one in the order of digits.
    let newer: Bool = major.count == ours.count ? major > ours : major.count > ours.count
    if newer {
        throw JsonError(
            message: "schema \(major).x needs a newer mf2-edge; this release reads \(ours).x"
        )
    }
    throw JsonError(
        message: "schema \(major).x is older than what this release reads (\(ours).x); export the "
            + "model again"
    )
}

private func isDigits(_ text: Substring) -> Bool {
    return !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
}

private func withoutZeros(_ digits: Substring) -> String {
    let kept: Substring = digits.drop(while: { $0 == "0" })
    return kept.isEmpty ? "0" : String(kept)
}

/// Every way in which the parts of the file can disagree, which no schema can say.
private func contradictions(_ spec: ModelSpec) -> [String] {
    let names: [HeadName] = spec.heads.map { $0.name }
    let once: Bool = Set(names).count == names.count
    if !once || !names.contains(.emotion) || !names.contains(.actionUnits) {
        let found: String = names.map { $0.rawValue }.joined(separator: ", ")
        return ["$.heads: expected one head each of emotion, action_units, found \(found)"]
    }
    return headContradictions(spec) + labelContradictions(spec)
        + partContradictions(spec) + extremes(spec.calibration)
}

private func headContradictions(_ spec: ModelSpec) -> [String] {
    var found: [String] = []
    for head in spec.heads {
        let place: String = "$.heads (\(head.name.rawValue))"
        if head.labels.isEmpty { found.append("\(place): no labels; expected one a logit") }
        if Set(head.labels).count != head.labels.count {
            found.append("\(place): a label comes more than once")
        }
    }
    let outputs: [Int] = spec.heads.map { $0.output } + spec.embeddings.map { $0.output }
    if Set(outputs).count != outputs.count {
        found.append("$.heads, $.embeddings: outputs \(outputs); expected different outputs")
    }
    return found
}

/// Labels that mean nothing, and labels by which two parts speak of different things.
private func labelContradictions(_ spec: ModelSpec) -> [String] {
    var found: [String] = []
    let units: [String] = spec.head(.actionUnits).labels
    let strength: [String] = spec.findHead(.strength)?.labels ?? []
    let seen: [String] = spec.findHead(.visibility)?.labels ?? []
    for unit in units where actionUnitNames[unit] == nil {
        found.append("$.heads (action_units): \(unit) is no FACS Action Unit such as AU12")
    }
    for region in seen where !regions.contains(region) {
        found.append("$.heads (visibility): unknown region \(region)")
    }
    if !strength.isEmpty && strength != units {
        found.append("$.heads (strength): expected the labels of head action_units in their order")
    }
    let calibrated: [(String, [String], [String])] = [
        ("action_units", spec.calibration.actionUnits.keys, units),
        ("strength", spec.calibration.strength.keys, strength),
        ("visibility", spec.calibration.visibility.keys, seen),
    ]
    for (name, keys, labels) in calibrated where Set(keys) != Set(labels) {
        found.append(
            "$.calibration.\(name) and the labels of head \(name) differ; expected one entry a "
                + "label"
        )
    }
    let emotions: [String] = spec.head(.emotion).labels
    let named: [(String, [String], [String])] = [
        ("experimental", spec.experimental, units),
        ("reliability.action_units", spec.reliability?.actionUnits.keys ?? [], units),
        ("reliability.emotion", spec.reliability?.emotion.keys ?? [], emotions),
    ]
    for (part, told, labels) in named where !told.allSatisfy({ labels.contains($0) }) {
        found.append("$.\(part): names what is no label of the head")
    }
    return found
}

private func partContradictions(_ spec: ModelSpec) -> [String] {
    var found: [String] = []
    let template: AlignmentSpec = spec.alignment
    let size: InputSpec = spec.input
    if template.width != size.width || template.height != size.height {
        found.append(
            "$.alignment is \(template.width)x\(template.height) px, but $.input takes "
                + "\(size.width)x\(size.height) px; expected the same size"
        )
    }
    for name in template.points.keys where LandmarkName(rawValue: name) == nil {
        found.append("$.alignment.points: unknown landmark \(name)")
    }
    let places: [[Double]] = template.points.values
    let first: [Double] = places.first ?? []
    if places.allSatisfy({ $0 == first }) {
        found.append("$.alignment.points: expected at least two different points")
    }
    if spec.preprocessing.std.contains(0) {
        found.append("$.preprocessing.std: 0 would divide by zero; expected numbers other than 0")
    }
    if spec.artifacts.isEmpty {
        found.append("$.artifacts: empty; expected at least one model file")
    }
    let kinds: [String] = spec.artifacts.map { kind(of: $0) }
    if Set(kinds).count != kinds.count {
        found.append("$.artifacts: expected one file of a kind")
    }
    for file in spec.artifacts.map({ $0.file }) where leaves(file) {
        found.append("`\(file)` is not a path inside the bundle")
    }
    return found
}

/// Numbers that are finite, and would not leave the scores so.
private func extremes(_ calibration: CalibrationSpec) -> [String] {
    let smallest: Double = 1e-4
    let units: [ActionUnitCalibration] =
        calibration.actionUnits.values + calibration.strength.values
    var slopes: [Double] = units.map { $0.scale }
    slopes.append(calibration.emotion.temperature)
    var biases: [Double] = units.map { $0.bias }
    biases += calibration.visibility.values.map { $0.bias }
    var found: [String] = []
    for slope in slopes where !(slope >= smallest && slope <= 1 / smallest) {
        found.append("$.calibration: \(slope); expected \(smallest) to \(1 / smallest)")
    }
    for bias in biases where !(abs(bias) <= 1 / smallest) {
        found.append("$.calibration: bias \(bias); expected \(1 / smallest) at most")
    }
    return found
}

private func kind(of artifact: ArtifactSpec) -> String {
    let delegate: String = artifact.delegate?.rawValue ?? ""
    let parts: [String] = [
        artifact.format.rawValue, artifact.precision.rawValue, artifact.ioDtype.rawValue, delegate,
    ]
    return parts.joined(separator: " ")
}

/// Whether a path is anything but a plain relative path with forward slashes.
func leaves(_ file: String) -> Bool {
    let bytes: [UInt8] = Array(file.utf8)
    let forbidden: [UInt8] = [UInt8(ascii: "\\"), UInt8(ascii: ":"), 0]
    if bytes.contains(where: { forbidden.contains($0) }) { return true }
    let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.contains { ["", ".", ".."].contains(String(decoding: $0, as: UTF8.self)) }
}
