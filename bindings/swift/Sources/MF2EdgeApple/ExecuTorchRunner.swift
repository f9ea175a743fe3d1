#if canImport(ExecuTorch)
import ExecuTorch
import Foundation
import MF2Edge

/// Runs a bundle's `.pte` on ExecuTorch 1.4. The app links its XNNPACK backend and quantized kernels,
/// with -all_load.
public final class ExecuTorchRunner: Runner {
    private let module: Module
    private let name: String
    private let shape: [Int]

    /// The bundle's `executorch` artifact, whose bytes are checked first.
    ///
    /// Throws `Mf2EdgeError.runtimeUnavailable` if this system is older than the model needs, `.bundle` if
    /// ExecuTorch cannot load it, `.checksum` if it is damaged.
    public init(artifact: ArtifactSpec, bundle: ModelBundle) throws {
        try artifact.checkSystem()
        _ = try bundle.read(artifact)
        let file: URL = bundle.folder.appendingPathComponent(artifact.file)
        let size: InputSpec = bundle.spec.input
        self.module = Module(filePath: file.path)
        self.name = artifact.file
        self.shape = [1, size.channels, size.height, size.width]
        do {
            try module.load("forward")
        } catch {
            throw Mf2EdgeError.bundle(
                "\(artifact.file): ExecuTorch cannot load the model (\(error.localizedDescription)); "
                    + "is backend_xnnpack linked, with -all_load?"
            )
        }
    }

    /// `input`: float32 [1, 3, height, width].
    public func run(_ input: [Float]) throws -> [[Float]] {
        let tensor = Tensor<Float>(input, shape: shape)
        let values: [Value] = try module.forward(tensor)
        var made: [[Float]] = []
        for value in values {
            guard let output: Tensor<Float> = value.tensor() else {
                throw Mf2EdgeError.inference("\(name) gives an output that is no float tensor")
            }
            made.append(output.scalars())
        }
        return made
    }
}
#endif
