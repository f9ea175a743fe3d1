#if canImport(CoreML) && canImport(CoreVideo)
import CoreML
import CoreVideo
import Foundation
import MF2Edge

/// Runs a bundle's Core ML model, which takes the aligned face as an image and normalises by itself.
public final class CoreMLRunner: Runner {
    private let model: MLModel
    private let name: String
    private let input: String
    private let outputs: [String]
    private let width: Int
    private let height: Int
    private let channelsLast: Bool

    /// `compiled` is the `.mlmodelc` that Xcode makes of a `.mlpackage` in the app's target, or
    /// `MLModel.compileModel(at:)` of one on disk. `artifact` is the bundle's `coreml` artifact.
    ///
    /// Throws `Mf2EdgeError.runtimeUnavailable` if this system is older than the model needs, `.bundle` if
    /// Core ML cannot load it or it takes no image, `.manifest` if it is the model of another bundle.
    public init(
        compiled: URL, artifact: ArtifactSpec, bundle: ModelBundle, units: MLComputeUnits = .all
    ) throws {
        try artifact.checkSystem()
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        let loaded: MLModel
        do {
            loaded = try MLModel(contentsOf: compiled, configuration: configuration)
        } catch {
            throw Mf2EdgeError.bundle(
                "\(compiled.lastPathComponent): Core ML cannot load the model "
                    + "(\(error.localizedDescription)); expected a compiled .mlmodelc"
            )
        }
        let description: MLModelDescription = loaded.modelDescription
        let images: [MLFeatureDescription] = description.inputDescriptionsByName.values.filter {
            $0.type == .image
        }
        guard let image = images.first, description.inputDescriptionsByName.count == 1 else {
            throw Mf2EdgeError.bundle(
                "\(compiled.lastPathComponent): expected a model of one image; export it again with "
                    + "mf2-edge export --format mlpackage"
            )
        }
        let told = description.metadata[.creatorDefinedKey] as? [String: String]
        if let found = told?["bundle"], found != bundle.spec.name {
            throw Mf2EdgeError.manifest(
                "\(compiled.lastPathComponent) is of bundle \(found), the manifest of "
                    + "\(bundle.spec.name); copy both from one export"
            )
        }
        self.model = loaded
        self.name = artifact.file
        self.input = image.name
        var named: [(output: Int, name: String)] = []
        for head in bundle.spec.heads {
            named.append((head.output, head.name.rawValue))
        }
        for embedding in bundle.spec.embeddings {
            named.append((embedding.output, embedding.name))
        }
        self.outputs = named.sorted { $0.output < $1.output }.map { $0.name }
        self.width = bundle.spec.input.width
        self.height = bundle.spec.input.height
        self.channelsLast = artifact.layout == .nhwc
    }

    /// `input`: the aligned face's pixels, 0...255.
    public func run(_ input: [Float]) throws -> [[Float]] {
        let buffer: CVPixelBuffer = try pixelBuffer(input)
        let value = MLFeatureValue(pixelBuffer: buffer)
        let features = try MLDictionaryFeatureProvider(dictionary: [self.input: value])
        let answers: MLFeatureProvider = try model.prediction(from: features)
        var made: [[Float]] = []
        for output in outputs {
            guard let array = answers.featureValue(for: output)?.multiArrayValue else {
                throw Mf2EdgeError.inference("\(name) gives no output \(output)")
            }
            var numbers: [Float] = []
            for i in 0..<array.count {
                numbers.append(array[i].floatValue)
            }
            made.append(numbers)
        }
        return made
    }

    private func pixelBuffer(_ input: [Float]) throws -> CVPixelBuffer {
        var created: CVPixelBuffer?
        let status: CVReturn = CVPixelBufferCreate(
            kCFAllocatorDefault, width, height, kCVPixelFormatType_32BGRA, nil, &created
        )
        guard status == kCVReturnSuccess, let buffer = created else {
            throw Mf2EdgeError.inference("no pixel buffer of \(width) x \(height) px: \(status)")
        }
        CVPixelBufferLockBaseAddress(buffer, [])
        defer { CVPixelBufferUnlockBaseAddress(buffer, []) }
        guard let base = CVPixelBufferGetBaseAddress(buffer) else {
            throw Mf2EdgeError.inference("a pixel buffer without memory")
        }
        let rowBytes: Int = CVPixelBufferGetBytesPerRow(buffer)
        let count: Int = width * height
        for y in 0..<height {
            let row = base.advanced(by: y * rowBytes).assumingMemoryBound(to: UInt8.self)
            for x in 0..<width {
                let i: Int = y * width + x
                for k in 0..<3 {
                    let level: Float = channelsLast ? input[i * 3 + k] : input[k * count + i]
                    row[x * 4 + 2 - k] = UInt8(min(max(level, 0), 255))
                }
                row[x * 4 + 3] = 255
            }
        }
        return buffer
    }
}
#endif
