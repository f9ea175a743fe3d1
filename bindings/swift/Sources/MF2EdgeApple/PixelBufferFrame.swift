#if canImport(CoreVideo)
import CoreGraphics
import CoreVideo
import MF2Edge

extension Frame {
    /// The pixels of a camera's buffer: `32BGRA`, or `420f` and `420v` (two planes, as ARKit and
    /// AVFoundation deliver them unasked), upright if `orientation` says how they lie. What is
    /// transparent in `32BGRA` lies on white; its alpha is taken as premultiplied.
    ///
    /// Throws `Mf2EdgeError.frame` for another format, or a buffer without memory.
    public init(_ buffer: CVPixelBuffer, orientation: Orientation = .up) throws {
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let format: OSType = CVPixelBufferGetPixelFormatType(buffer)
        switch format {
        case kCVPixelFormatType_32BGRA:
            self = try Frame.bgra(buffer).upright(from: orientation)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
            self = try Frame.planes(buffer, .full).upright(from: orientation)
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            self = try Frame.planes(buffer, .video).upright(from: orientation)
        default:
            throw Mf2EdgeError.frame(
                "pixel format \(format); expected 32BGRA, 420f or 420v: set it in the videoSettings "
                    + "of the output"
            )
        }
    }

    /// The pixels of a picture on white, upright if `orientation` says how they lie.
    ///
    /// Throws `Mf2EdgeError.frame` where it cannot be drawn.
    public init(_ image: CGImage, orientation: Orientation = .up) throws {
        let width: Int = image.width
        let height: Int = image.height
        var pixels = [UInt8](repeating: 255, count: width * height * 4)
        let drawn: Bool = pixels.withUnsafeMutableBytes { bytes in
            guard
                let context = CGContext(
                    data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8,
                    bytesPerRow: 4 * width, space: CGColorSpaceCreateDeviceRGB(),
                    bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue
                )
            else { return false }
            context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return true
        }
        if !drawn {
            throw Mf2EdgeError.frame("a picture of \(width) x \(height) px that cannot be drawn")
        }
        let frame = try Frame(
            width: width, height: height, pixels: pixels, rowStride: 4 * width, order: [0, 1, 2],
            alpha: .ignored
        )
        self = frame.upright(from: orientation)
    }

    private static func bgra(_ buffer: CVPixelBuffer) throws -> Frame {
        guard let base = CVPixelBufferGetBaseAddress(buffer) else { throw withoutMemory() }
        let height: Int = CVPixelBufferGetHeight(buffer)
        let stride: Int = CVPixelBufferGetBytesPerRow(buffer)
        let bytes = UnsafeRawBufferPointer(start: base, count: stride * height)
        return try Frame(
            width: CVPixelBufferGetWidth(buffer), height: height, pixels: [UInt8](bytes),
            rowStride: stride, order: [2, 1, 0], alpha: .premultiplied
        )
    }

    private static func planes(_ buffer: CVPixelBuffer, _ range: YuvRange) throws -> Frame {
        func plane(_ index: Int) throws -> (UnsafeRawBufferPointer, Int) {
            guard let base = CVPixelBufferGetBaseAddressOfPlane(buffer, index) else {
                throw withoutMemory()
            }
            let stride: Int = CVPixelBufferGetBytesPerRowOfPlane(buffer, index)
            let count: Int = stride * CVPixelBufferGetHeightOfPlane(buffer, index)
            return (UnsafeRawBufferPointer(start: base, count: count), stride)
        }
        let (luma, lumaStride) = try plane(0)
        let (chroma, chromaStride) = try plane(1)
        return try Frame(
            width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer),
            luma: luma, lumaStride: lumaStride, chroma: chroma, chromaStride: chromaStride,
            range: range
        )
    }

    private static func withoutMemory() -> Mf2EdgeError {
        return Mf2EdgeError.frame("a pixel buffer without memory; expected a camera's")
    }
}
#endif
