import Foundation

/// Every error that this package throws on purpose. A message says what was wrong, what was expected
/// and what to do.
public enum Mf2EdgeError: Error, Equatable, Sendable {
    /// A frame is not an image that can be analysed.
    case frame(String)
    /// A face box given by the caller is malformed or lies outside the frame.
    case box(String)
    /// A bundle cannot be used: a file is missing, or is no model.
    case bundle(String)
    /// A `model.json` does not follow the schema, or contradicts itself or the model beside it.
    case manifest(String)
    /// A file's bytes are not the ones whose sha256 `model.json` records.
    case checksum(String)
    /// This machine cannot run the model, or the analyzer was closed.
    case runtimeUnavailable(String)
    /// A model ran but its answer is unusable (wrong shape, or not finite), or it failed to run.
    case inference(String)
    /// A frame of a stream is older than the one before, or its time is no number.
    case timestamp(String)
    /// A thread called what another thread is using.
    case busy(String)
    /// Options are out of range, or exclude each other.
    case options(String)

    /// What was wrong, what was expected, what to do.
    public var message: String {
        switch self {
        case .frame(let text), .box(let text), .bundle(let text), .manifest(let text),
            .checksum(let text), .runtimeUnavailable(let text), .inference(let text),
            .timestamp(let text), .busy(let text), .options(let text):
            return text
        }
    }
}

extension Mf2EdgeError: LocalizedError {
    /// The message, as `localizedDescription` tells it.
    public var errorDescription: String? { return message }
}
