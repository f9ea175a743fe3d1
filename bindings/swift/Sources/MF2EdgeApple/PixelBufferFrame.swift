#if canImport(CoreVideo)
import CoreVideo
import MF2Edge

extension Frame {
    /// The pixels of a buffer in `kCVPixelFormatType_32BGRA`, upright as they lie.
    ///
    /// Throws `Mf2EdgeError.frame` for another format, or a buffer without memory.
    public init(_ buffer: CVPixelBuffer) throws {
        let format: OSType = CVPixelBufferGetPixelFormatType(buffer)
        if format != kCVPixelFormatType_32BGRA {
            throw Mf2EdgeError.frame(
                "pixel format \(format); expected 32BGRA: set it in the videoSettings of the output"
            )
        }
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        guard let base = CVPixelBufferGetBaseAddress(buffer) else {
            throw Mf2EdgeError.frame("a pixel buffer without memory; expected a camera's")
        }
        let width: Int = CVPixelBufferGetWidth(buffer)
        let height: Int = CVPixelBufferGetHeight(buffer)
        let stride: Int = CVPixelBufferGetBytesPerRow(buffer)
        let bytes = UnsafeRawBufferPointer(start: base, count: stride * height)
        try self.init(
            width: width, height: height, pixels: [UInt8](bytes), rowStride: stride, order: [2, 1, 0]
        )
    }
}
#endif
