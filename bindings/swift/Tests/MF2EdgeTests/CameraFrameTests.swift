import XCTest

@testable import MF2Edge

/// Frames of two planes, and frames that lie on their side.
final class CameraFrameTests: XCTestCase {
    func testTwoPlanesAreTheColoursOfBT601() throws {
        var state: UInt64 = 1
        func byte() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(state >> 56)
        }
        let (width, height, lumaStride, chromaStride) = (37, 23, 40, 38)
        let luma: [UInt8] = (0..<lumaStride * height).map { _ in byte() }
        let chroma: [UInt8] = (0..<chromaStride * 12).map { _ in byte() }
        for (range, black, lumaSteps, chromaSteps) in [
            (Frame.YuvRange.full, 0.0, 255.0, 255.0), (.video, 16.0, 219.0, 224.0),
        ] {
            let frame: Frame = try planes(width, height, luma, lumaStride, chroma, chromaStride, range)
            for y in 0..<height {
                for x in 0..<width {
                    let grey: Double = (Double(luma[y * lumaStride + x]) - black) / lumaSteps
                    let pair: Int = y / 2 * chromaStride + x / 2 * 2
                    let cb: Double = (Double(chroma[pair]) - 128) / chromaSteps
                    let cr: Double = (Double(chroma[pair + 1]) - 128) / chromaSteps
                    let expected: [Double] = [
                        grey + 1.402 * cr,
                        grey - 0.344136286 * cb - 0.714136286 * cr,
                        grey + 1.772 * cb,
                    ]
                    for channel in 0..<3 {
                        let found = Double(frame.rgb[(y * width + x) * 3 + channel])
                        let wanted: Double = min(max(expected[channel] * 255, 0), 255)
                        XCTAssertEqual(found, wanted, accuracy: 0.501)
                    }
                }
            }
        }
    }

    func testPlanesThatAreTooShortAreRefused() {
        let bytes = [UInt8](repeating: 0, count: 64)
        for (lumaStride, chromaStride, count) in [(7, 8, 64), (8, 6, 64), (8, 8, 60)] {
            XCTAssertThrowsError(
                try planes(8, 8, Array(bytes.prefix(count)), lumaStride, bytes, chromaStride, .full)
            ) { error in
                guard case Mf2EdgeError.frame = error else { return XCTFail("\(error)") }
            }
        }
    }

    func testEveryOrientationIsTurnedUpright() throws {
        // 1 2 3
        // 4 5 6
        let pixels: [UInt8] = [1, 2, 3, 4, 5, 6]
        let frame = try Frame(width: 3, height: 2, rgb: pixels.flatMap { [$0, $0, $0] })
        let expected: [Frame.Orientation: (Int, [UInt8])] = [
            .up: (3, [1, 2, 3, 4, 5, 6]),
            .upMirrored: (3, [3, 2, 1, 6, 5, 4]),
            .down: (3, [6, 5, 4, 3, 2, 1]),
            .downMirrored: (3, [4, 5, 6, 1, 2, 3]),
            .leftMirrored: (2, [1, 4, 2, 5, 3, 6]),
            .right: (2, [4, 1, 5, 2, 6, 3]),
            .rightMirrored: (2, [6, 3, 5, 2, 4, 1]),
            .left: (2, [3, 6, 2, 5, 1, 4]),
        ]
        for orientation in Frame.Orientation.allCases {
            let made: Frame = frame.upright(from: orientation)
            let (width, wanted) = try XCTUnwrap(expected[orientation])
            XCTAssertEqual(made.width, width, "\(orientation)")
            XCTAssertEqual(made.height, 6 / width, "\(orientation)")
            XCTAssertEqual(made.rgb, wanted.flatMap { [$0, $0, $0] }, "\(orientation)")
        }
    }

    private func planes(
        _ width: Int, _ height: Int, _ luma: [UInt8], _ lumaStride: Int, _ chroma: [UInt8],
        _ chromaStride: Int, _ range: Frame.YuvRange
    ) throws -> Frame {
        return try luma.withUnsafeBytes { first in
            try chroma.withUnsafeBytes { second in
                try Frame(
                    width: width, height: height, luma: first, lumaStride: lumaStride,
                    chroma: second, chromaStride: chromaStride, range: range
                )
            }
        }
    }
}
