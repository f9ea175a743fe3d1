import Foundation

/// A bundle: a `model.json` that has been read and checked, and the folder with the files it vouches for.
public struct ModelBundle {
    /// Where `model.json` lies.
    public let folder: URL
    /// What the bundle says about itself.
    public let spec: ModelSpec
    /// sha256 of the bytes of `manifest.json`: names this very bundle in records.
    public var manifestSha256: String { return spec.manifestSha256 }

    /// Read and check `model.json` in a folder.
    ///
    /// Throws `Mf2EdgeError.bundle` if it cannot be read, `.manifest` if it is not valid, `.checksum` if the
    /// `manifest.json` beside it, which need not be there, is another than it was derived from.
    public init(folder: URL) throws {
        let file: URL = folder.appendingPathComponent("model.json")
        let manifest: URL = folder.appendingPathComponent("manifest.json")
        self.folder = folder
        self.spec = try parseModel(try contents(of: file), source: file.path)
        if !FileManager.default.fileExists(atPath: manifest.path) { return }
        let digest: String = sha256(try contents(of: manifest))
        if digest != spec.manifestSha256 {
            throw Mf2EdgeError.checksum(
                "\(manifest.path): sha256 is \(digest), model.json is derived from "
                    + "\(spec.manifestSha256); copy both again"
            )
        }
    }

    /// The bytes of a model file, whose size and sha256 are those that `model.json` records.
    ///
    /// Throws `Mf2EdgeError.bundle` if it cannot be read, `.checksum` if it is damaged.
    public func read(_ artifact: ArtifactSpec) throws -> [UInt8] {
        let bytes: [UInt8] = try contents(of: folder.appendingPathComponent(artifact.file))
        if bytes.count != artifact.bytes {
            throw Mf2EdgeError.checksum(
                "\(artifact.file): \(bytes.count) bytes, expected \(artifact.bytes); copy it again"
            )
        }
        let digest: String = sha256(bytes)
        if digest != artifact.sha256 {
            throw Mf2EdgeError.checksum(
                "\(artifact.file): sha256 is \(digest), expected \(artifact.sha256); the file is "
                    + "damaged, copy it again"
            )
        }
        return bytes
    }

    /// The artifact of a format and precision, with float32 inputs and outputs and without
    /// a delegate; with no precision given, the first listed. Throws `Mf2EdgeError.bundle` that lists what there is.
    public func select(_ format: ArtifactFormat, precision: Precision? = nil) throws -> ArtifactSpec {
        for artifact in spec.artifacts {
            let plain: Bool = artifact.ioDtype == .float32 && artifact.delegate == nil
            let wanted: Bool = precision == nil || artifact.precision == precision
            if artifact.format == format && plain && wanted { return artifact }
        }
        let held: [String] = spec.artifacts.map {
            "\($0.format.rawValue) \($0.precision.rawValue)"
        }
        let kind: String = precision.map { " of precision \($0.rawValue)" } ?? ""
        throw Mf2EdgeError.bundle(
            "bundle \(spec.name) holds no \(format.rawValue) artifact\(kind); it holds: "
                + held.joined(separator: ", ")
        )
    }
}

/// The bytes of a file; throws `Mf2EdgeError.bundle` if it cannot be read.
func contents(of file: URL) throws -> [UInt8] {
    do {
        return [UInt8](try Data(contentsOf: file))
    } catch {
        throw Mf2EdgeError.bundle(
            "\(file.path): cannot be read (\(error.localizedDescription)); expected a bundle's file "
                + "there"
        )
    }
}
