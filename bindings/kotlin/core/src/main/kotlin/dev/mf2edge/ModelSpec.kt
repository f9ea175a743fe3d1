package dev.mf2edge

private val REQUIRED = listOf(HeadName.EMOTION, HeadName.ACTION_UNITS)

/** Of temperatures and slopes; its inverse is the largest. */
private const val SMALLEST = 1e-4

private val VERSION = Regex("([0-9]+)\\.([0-9]+)")

/**
 * The contents of a `model.json`; [source] (its path) is named in messages.
 *
 * The same verdicts as `mf2_edge.bundle.model_json.parse_model`.
 *
 * @throws ManifestException for what is not JSON, a missing, unknown, repeated or ill-typed key, another
 *   major schema, or parts that contradict each other
 */
public fun parseModel(bytes: ByteArray, source: String): ModelSpec {
    val raw = try {
        parseJson(bytes)
    } catch (error: JsonException) {
        throw ManifestException("$source: not valid JSON (${error.message}); expected a model.json")
    }
    val spec = try {
        val json = Json(raw, "$")
        checkVersion(json.struct(closed = false) { required("schema_version") { text() } })
        json.modelSpec()
    } catch (error: JsonException) {
        throw ManifestException("$source: ${error.message}")
    }
    val problems = contradictions(spec)
    if (problems.isNotEmpty()) throw ManifestException("$source: ${problems.joinToString("; ")}")
    return spec
}

/** The head of a name; [parseModel] makes sure of those that must be there. */
public fun ModelSpec.head(name: HeadName): HeadSpec = heads.first { it.name == name }

/** The head of a name, where the network has one. */
public fun ModelSpec.findHead(name: HeadName): HeadSpec? = heads.find { it.name == name }

/** What was measured of an Action Unit or an emotion. */
public fun ModelSpec.reliabilityOf(label: String): LabelReliability? =
    reliability?.actionUnits?.get(label) ?: reliability?.emotion?.get(label)

private fun checkVersion(version: String) {
    val found = VERSION.matchEntire(version)
        ?: throw JsonException(
            "schema_version is \"$version\"; expected \"MAJOR.MINOR\", such as \"$SCHEMA_VERSION\"",
        )
    val major = found.groupValues[1].toBigInteger()
    val ours = SCHEMA_VERSION.substringBefore('.').toBigInteger()
    if (major > ours) {
        throw JsonException("schema $major.x needs a newer mf2-edge; this release reads $ours.x")
    }
    if (major < ours) {
        throw JsonException(
            "schema $major.x is older than what this release reads ($ours.x); export the model again",
        )
    }
}

/** Every way in which the parts of the file can disagree, which no schema can say. */
private fun contradictions(spec: ModelSpec): List<String> {
    val names = spec.heads.map { it.name }
    if (repeated(names).isNotEmpty() || !names.containsAll(REQUIRED)) {
        val expected = REQUIRED.joinToString { it.key }
        return listOf(
            "$.heads: expected one head each of $expected, found ${names.joinToString { it.key }}",
        )
    }
    return headContradictions(spec) + labelContradictions(spec) +
        partContradictions(spec) + extremes(spec.calibration)
}

private fun headContradictions(spec: ModelSpec): List<String> = buildList {
    for (head in spec.heads) {
        val where = "$.heads (${head.name.key})"
        if (head.labels.isEmpty()) add("$where: no labels; expected one a logit")
        val twice = repeated(head.labels)
        if (twice.isNotEmpty()) add("$where: labels ${twice.joinToString()} more than once")
    }
    val outputs = spec.heads.map { it.output } + spec.embeddings.map { it.output }
    if (repeated(outputs).isNotEmpty()) {
        add("$.heads, $.embeddings: outputs ${outputs.joinToString()}; expected different outputs")
    }
}

/** Labels that mean nothing, and labels by which two parts speak of different things. */
private fun labelContradictions(spec: ModelSpec): List<String> = buildList {
    val units = spec.head(HeadName.ACTION_UNITS).labels
    val strength = spec.findHead(HeadName.STRENGTH)?.labels.orEmpty()
    val regions = spec.findHead(HeadName.VISIBILITY)?.labels.orEmpty()
    val unknown = units.filter { it !in ACTION_UNIT_NAMES }
    if (unknown.isNotEmpty()) {
        val found = unknown.joinToString()
        add("$.heads (action_units): $found are not FACS Action Units such as AU12")
    }
    val strange = regions - REGIONS.toSet()
    if (strange.isNotEmpty()) {
        val found = strange.joinToString()
        add("$.heads (visibility): unknown regions $found; expected ${REGIONS.joinToString()}")
    }
    if (strength.isNotEmpty() && strength != units) {
        add("$.heads (strength): expected the labels of head action_units in their order")
    }
    val calibrated = listOf(
        Triple("action_units", spec.calibration.actionUnits.keys, units),
        Triple("strength", spec.calibration.strength.keys, strength),
        Triple("visibility", spec.calibration.visibility.keys, regions),
    )
    for ((name, found, labels) in calibrated) {
        val odd = (labels - found) + (found - labels.toSet())
        if (odd.isNotEmpty()) {
            add(
                "$.calibration.$name and the labels of head $name differ in " +
                    "${odd.joinToString()}; expected one entry a label",
            )
        }
    }
    val emotions = spec.head(HeadName.EMOTION).labels
    val named = listOf(
        Triple("experimental", spec.experimental, units),
        Triple("reliability.action_units", spec.reliability?.actionUnits?.keys.orEmpty(), units),
        Triple("reliability.emotion", spec.reliability?.emotion?.keys.orEmpty(), emotions),
    )
    for ((part, found, labels) in named) {
        val odd = found - labels.toSet()
        if (odd.isNotEmpty()) add("$.$part: ${odd.joinToString()} are no labels of the head")
    }
}

private fun partContradictions(spec: ModelSpec): List<String> = buildList {
    val (template, size) = spec.alignment to spec.input
    if (template.width != size.width || template.height != size.height) {
        add(
            "$.alignment is ${template.width}x${template.height} px, but $.input takes " +
                "${size.width}x${size.height} px; expected the same size",
        )
    }
    val landmarks = LandmarkName.entries.map { it.key }
    val strange = template.points.keys - landmarks.toSet()
    if (strange.isNotEmpty()) {
        add(
            "$.alignment.points: unknown landmarks ${strange.joinToString()}; expected some of " +
                landmarks.joinToString(),
        )
    }
    // Adding 0 makes -0 and 0 the same number, which lists would tell apart.
    if (template.points.values.map { point -> point.map { it + 0.0 } }.toSet().size < 2) {
        add("$.alignment.points: expected at least two different points")
    }
    if (spec.preprocessing.std.any { it == 0.0 }) {
        add("$.preprocessing.std: 0 would divide by zero; expected numbers other than 0")
    }
    if (spec.artifacts.isEmpty()) add("$.artifacts: empty; expected at least one model file")
    for (twice in repeated(spec.artifacts.map(::kindOf))) {
        add("$.artifacts: $twice more than once; expected one file of a kind")
    }
    for (file in spec.artifacts.map { it.file }) {
        if (leaves(file)) add("`$file` is not a path inside the bundle")
    }
}

/** Numbers that are finite, and would not leave the scores so. */
private fun extremes(calibration: CalibrationSpec): List<String> = buildList {
    val units = calibration.actionUnits.entries + calibration.strength.entries
    val slopes = units.map { (label, unit) -> label to unit.scale } +
        ("emotion.temperature" to calibration.emotion.temperature)
    for ((name, value) in slopes) {
        if (value !in SMALLEST..1 / SMALLEST) {
            add("$.calibration ($name) is $value; expected $SMALLEST to ${1 / SMALLEST}")
        }
    }
    val biases = units.map { (label, unit) -> label to unit.bias } +
        calibration.visibility.map { (label, region) -> label to region.bias }
    for ((name, value) in biases) {
        if (value !in -1 / SMALLEST..1 / SMALLEST) {
            add("$.calibration ($name): bias is $value; expected ${1 / SMALLEST} at most")
        }
    }
}

private fun kindOf(artifact: ArtifactSpec): String = listOfNotNull(
    artifact.format.key,
    artifact.precision.key,
    "int8 inputs and outputs".takeIf { artifact.ioDtype == IoDtype.INT8 },
    artifact.delegate?.key,
).joinToString(" ")

private fun <T> repeated(values: List<T>): Set<T> =
    values.groupingBy { it }.eachCount().filterValues { it > 1 }.keys

/** Whether a path is anything but a plain relative path with forward slashes. */
private fun leaves(file: String): Boolean =
    file.any { it in "\\:\u0000" } || file.split('/').any { it in setOf("", ".", "..") }
