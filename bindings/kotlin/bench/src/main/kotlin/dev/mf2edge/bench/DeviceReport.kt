package dev.mf2edge.bench

// The file that `mf2-edge bench --import` reads; `mf2-edge bench --schema` prints its JSON Schema.

/** How warm a phone is, in the report's words. */
public enum class Thermal(public val key: String) {
    NOMINAL("nominal"),
    FAIR("fair"),
    SERIOUS("serious"),
    CRITICAL("critical"),
    UNKNOWN("unknown"),
    ;

    public companion object {
        /** Of Android's `PowerManager.getCurrentThermalStatus`; null where the system does not tell. */
        public fun ofStatus(status: Int?): Thermal = when (status) {
            null -> UNKNOWN
            0 -> NOMINAL
            1, 2 -> FAIR
            3 -> SERIOUS
            else -> if (status > 3) CRITICAL else UNKNOWN
        }
    }
}

/** The phone, and its state before and after. */
public data class Phone(
    /** `Build.MODEL`: "SM-S921B". */
    public val model: String,
    /** `Build.SOC_MODEL`; null where the system does not tell. */
    public val soc: String?,
    /** Of Android: "16". */
    public val osVersion: String,
    public val thermalBefore: Thermal,
    public val thermalAfter: Thermal,
    public val lowPowerMode: Boolean,
    /** 0 to 100; null where the system does not tell. */
    public val batteryPercent: Double?,
)

/** One artifact on one compute unit. */
public class Run(
    /** As in the bundle's manifest. */
    public val artifactSha256: String,
    /** "cpu", or "cpu+gpu" where the CPU takes what the GPU does not. */
    public val computeUnit: String,
    /** Of the CPU; null where the engine chose. */
    public val threads: Int?,
    /** Engine and version. */
    public val runtime: String,
    public val measured: Measured,
    /** Of whole stages, such as "predict": every timed call, ms. */
    public val stagesMs: Map<String, List<Double>>,
)

/**
 * The report as JSON text.
 *
 * [bundle] is the manifest's name, [bundleSha256] that of the bytes of `manifest.json`, [date] in ISO
 * 8601. A file has at least one run.
 *
 * @throws IllegalArgumentException for no run, or a time that is not finite
 */
public fun deviceReport(
    bundle: String,
    bundleSha256: String,
    date: String,
    phone: Phone,
    runs: List<Run>,
): String {
    require(runs.isNotEmpty()) { "no run was measured; a report holds at least one" }
    return json(
        mapOf(
            "kind" to "mf2-edge-device-report",
            "schema_version" to "1.0",
            "bundle" to bundle,
            "bundle_sha256" to bundleSha256,
            "date" to date,
            "phone" to fields(phone),
            "runs" to runs.map(::fields),
        ),
    )
}

private fun fields(phone: Phone): Map<String, Any?> = mapOf(
    "platform" to "android",
    "model" to phone.model.take(LONGEST_MODEL),
    "soc" to phone.soc,
    "os_version" to phone.osVersion,
    "thermal_before" to phone.thermalBefore.key,
    "thermal_after" to phone.thermalAfter.key,
    "low_power_mode" to phone.lowPowerMode,
    "battery_percent" to phone.batteryPercent,
)

private fun fields(run: Run): Map<String, Any?> = mapOf(
    "artifact_sha256" to run.artifactSha256,
    "compute_unit" to run.computeUnit,
    "threads" to run.threads,
    "runtime" to run.runtime,
    "load_ms" to run.measured.loadMs,
    "first_ms" to run.measured.firstMs,
    "samples_ms" to run.measured.samplesMs,
    "stages_ms" to run.stagesMs,
)

private fun json(value: Any?): String = when (value) {
    null -> "null"
    is Boolean, is Int -> value.toString()
    is Double -> {
        require(value.isFinite()) { "a figure of the report is $value" }
        value.toString()
    }
    is String -> quoted(value)
    is List<*> -> value.joinToString(",", "[", "]", transform = ::json)
    is Map<*, *> -> value.entries.joinToString(",", "{", "}") { (key, each) ->
        quoted(key.toString()) + ":" + json(each)
    }
    else -> throw IllegalArgumentException("no JSON for ${value::class}")
}

private fun quoted(text: String): String = buildString {
    append('"')
    for (letter in text) {
        when {
            letter == '"' || letter == '\\' -> append('\\').append(letter)
            letter < ' ' || letter.isSurrogate() -> append("\\u%04x".format(letter.code))
            else -> append(letter)
        }
    }
    append('"')
}

/** Letters; what `--import` takes. */
private const val LONGEST_MODEL = 80
