import Foundation

/// What `python -m mf2_edge.bench --import` reads: the schema of mf2_edge/bench/measure/device_report.py.
public struct DeviceReport: Encodable {
    /// Name of the bundle in the app.
    public let bundle: String
    /// Of the bytes of its `manifest.json`.
    public let bundleSha256: String
    /// When it was measured.
    public let date: Date
    /// The phone and its state.
    public let phone: Phone
    /// One an artifact and compute unit.
    public let runs: [Run]

    /// All of a file.
    public init(bundle: String, bundleSha256: String, date: Date, phone: Phone, runs: [Run]) {
        self.bundle = bundle
        self.bundleSha256 = bundleSha256
        self.date = date
        self.phone = phone
        self.runs = runs
    }

    private enum Key: String, CodingKey {
        case kind
        case schemaVersion = "schema_version"
        case bundle
        case bundleSha256 = "bundle_sha256"
        case date
        case phone
        case runs
    }

    /// With the kind and version that the importer asks for.
    public func encode(to encoder: Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode("mf2-edge-device-report", forKey: .kind)
        try fields.encode("1.0", forKey: .schemaVersion)
        try fields.encode(bundle, forKey: .bundle)
        try fields.encode(bundleSha256, forKey: .bundleSha256)
        try fields.encode(ISO8601DateFormatter().string(from: date), forKey: .date)
        try fields.encode(phone, forKey: .phone)
        try fields.encode(runs, forKey: .runs)
    }

    /// The bytes of the file, JSON.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }
}

/// The phone and its state.
public struct Phone: Encodable {
    /// As `ProcessInfo.ThermalState` names it; `unknown` where it does not.
    public enum Thermal: String, Encodable {
        case nominal
        case fair
        case serious
        case critical
        case unknown
    }

    /// "iPhone13,2".
    public let model: String
    /// "17.4".
    public let osVersion: String
    /// Before the first run.
    public let thermalBefore: Thermal
    /// After the last run.
    public let thermalAfter: Thermal
    /// Low power mode slows a phone down.
    public let lowPowerMode: Bool
    /// 0...100; nil where the system does not tell.
    public let batteryPercent: Double?

    /// The phone and its state.
    public init(
        model: String,
        osVersion: String,
        thermalBefore: Thermal,
        thermalAfter: Thermal,
        lowPowerMode: Bool,
        batteryPercent: Double?
    ) {
        self.model = model
        self.osVersion = osVersion
        self.thermalBefore = thermalBefore
        self.thermalAfter = thermalAfter
        self.lowPowerMode = lowPowerMode
        self.batteryPercent = batteryPercent
    }

    private enum Key: String, CodingKey {
        case platform
        case model
        case osVersion = "os_version"
        case thermalBefore = "thermal_before"
        case thermalAfter = "thermal_after"
        case lowPowerMode = "low_power_mode"
        case batteryPercent = "battery_percent"
    }

    /// Null where the battery is not known: the importer asks for the key.
    public func encode(to encoder: Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode("ios", forKey: .platform)
        try fields.encode(model, forKey: .model)
        try fields.encode(osVersion, forKey: .osVersion)
        try fields.encode(thermalBefore, forKey: .thermalBefore)
        try fields.encode(thermalAfter, forKey: .thermalAfter)
        try fields.encode(lowPowerMode, forKey: .lowPowerMode)
        if let percent = batteryPercent {
            try fields.encode(percent, forKey: .batteryPercent)
        } else {
            try fields.encodeNil(forKey: .batteryPercent)
        }
    }
}

/// One artifact on one compute unit; times in milliseconds.
public struct Run: Encodable {
    /// As in the bundle's manifest.
    public let artifactSha256: String
    /// "cpu", "cpu+gpu", "cpu+npu" or "all": what was asked for.
    public let computeUnit: String
    /// Engine and version.
    public let runtime: String
    /// Of loading the model.
    public let loadMs: Double
    /// Of the first query after that.
    public let firstMs: Double
    /// Of every query of the network that follows, in order.
    public let samplesMs: [Double]
    /// The same of `predict`.
    public let stagesMs: [String: [Double]]

    /// One artifact on one compute unit.
    public init(
        artifactSha256: String,
        computeUnit: String,
        runtime: String,
        loadMs: Double,
        firstMs: Double,
        samplesMs: [Double],
        stagesMs: [String: [Double]]
    ) {
        self.artifactSha256 = artifactSha256
        self.computeUnit = computeUnit
        self.runtime = runtime
        self.loadMs = loadMs
        self.firstMs = firstMs
        self.samplesMs = samplesMs
        self.stagesMs = stagesMs
    }

    private enum CodingKeys: String, CodingKey {
        case artifactSha256 = "artifact_sha256"
        case computeUnit = "compute_unit"
        case runtime
        case loadMs = "load_ms"
        case firstMs = "first_ms"
        case samplesMs = "samples_ms"
        case stagesMs = "stages_ms"
    }
}
