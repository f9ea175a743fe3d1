// Declarations of Core ML as far as MF2EdgeApple uses them; they compute nothing (CoreGraphics.swift).
@_exported import CoreVideo

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly = 0
    case cpuAndGPU = 1
    case all = 2
    case cpuAndNeuralEngine = 3
}

public final class MLModelConfiguration: NSObject {
    public var computeUnits: MLComputeUnits = .all
}

public enum MLFeatureType: Int, Sendable {
    case invalid = 0
    case image = 4
}

public final class MLFeatureDescription: NSObject {
    public let name: String = ""
    public let type: MLFeatureType = .invalid
}

public struct MLModelMetadataKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public static let creatorDefinedKey = MLModelMetadataKey(rawValue: "")
}

public final class MLModelDescription: NSObject {
    public let inputDescriptionsByName: [String: MLFeatureDescription] = [:]
    public let metadata: [MLModelMetadataKey: Any] = [:]
}

public final class MLMultiArray: NSObject {
    public let count: Int = 0
    public subscript(index: Int) -> NSNumber { return 0 }
}

public final class MLFeatureValue: NSObject {
    public init(pixelBuffer: CVPixelBuffer) {}
    public init(multiArray: MLMultiArray) {}
    public let multiArrayValue: MLMultiArray? = nil
}

public protocol MLFeatureProvider {
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public final class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws {}
    public func featureValue(for featureName: String) -> MLFeatureValue? { return nil }
}

public final class MLModel: NSObject {
    public let modelDescription = MLModelDescription()
    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws {}
    public init(contentsOf url: URL) throws {}
    public func prediction(from input: MLFeatureProvider) throws -> MLFeatureProvider { return input }
}
