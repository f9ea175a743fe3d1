#if canImport(Vision) && canImport(CoreGraphics)
import CoreGraphics
import Foundation
import MF2Edge
import Vision

/// The faces that Apple's Vision finds, with the four points that the template needs; it knows no ears.
///
/// Vision's points are not BlazeFace's: the eyes are centres of their outlines, the tip of the nose the
/// lowest point of its crest. Answers differ from the other bindings' by that.
public final class VisionDetector: FaceDetector {
    /// Below this confidence, 0...1, a followed face counts as gone.
    private let leastConfidence: Float = 0.3

    /// Needs no file.
    public init() {}

    /// All faces of a frame.
    public func detect(_ frame: Frame) throws -> [Detection] {
        return try faces(frame, within: nil)
    }

    /// The face in a box, with its landmarks.
    public func refine(_ frame: Frame, _ box: Box) throws -> Detection? {
        return try faces(frame, within: box).first
    }

    /// The face that was there a moment ago.
    public func follow(_ frame: Frame, _ face: Detection) throws -> Detection? {
        let found: Detection? = try faces(frame, within: face.box).first
        guard let next = found, next.score >= Double(leastConfidence) else { return nil }
        return next
    }

    private func faces(_ frame: Frame, within box: Box?) throws -> [Detection] {
        let request = VNDetectFaceLandmarksRequest()
        let width: Double = Double(frame.width)
        let height: Double = Double(frame.height)
        if let given = box {
            // Vision counts from the lower left, in parts of the image.
            let place = CGRect(
                x: given.x / width,
                y: 1 - (given.y + given.height) / height,
                width: given.width / width,
                height: given.height / height
            )
            let inside: CGRect = place.intersection(CGRect(x: 0, y: 0, width: 1, height: 1))
            if inside.isNull || inside.isEmpty { return [] }
            request.inputFaceObservations = [VNFaceObservation(boundingBox: inside)]
        }
        let handler = VNImageRequestHandler(cgImage: try image(of: frame), options: [:])
        do {
            try handler.perform([request])
        } catch {
            throw Mf2EdgeError.inference("Vision failed: \(error.localizedDescription)")
        }
        let found: [VNFaceObservation] = request.results ?? []
        return found.map { detection($0, width, height) }
    }

    private func detection(
        _ face: VNFaceObservation, _ width: Double, _ height: Double
    ) -> Detection {
        let bounds: CGRect = face.boundingBox
        let box = Box(
            x: Double(bounds.minX) * width,
            y: (1 - Double(bounds.maxY)) * height,
            width: Double(bounds.width) * width,
            height: Double(bounds.height) * height
        )
        let points: Landmarks? = face.landmarks.flatMap { landmarks($0, width, height) }
        let trust: Float = face.landmarks?.confidence ?? face.confidence
        return Detection(box: box, score: Double(trust), landmarks: points)
    }

    private func landmarks(
        _ found: VNFaceLandmarks2D, _ width: Double, _ height: Double
    ) -> Landmarks? {
        func points(_ region: VNFaceLandmarkRegion2D?) -> [Point] {
            let size = CGSize(width: width, height: height)
            let given: [CGPoint] = region?.pointsInImage(imageSize: size) ?? []
            return given.map { Point(x: Double($0.x), y: height - Double($0.y)) }
        }
        guard let one = middle(points(found.leftEye)), let other = middle(points(found.rightEye)),
            let mouth = middle(points(found.outerLips))
        else { return nil }
        let between = Point(x: (one.x + other.x) / 2, y: (one.y + other.y) / 2)
        let crest: [Point] = points(found.noseCrest)
        let tip: Point? = crest.max { apart($0, between) < apart($1, between) }
        guard let nose = tip else { return nil }
        // Seen upright, the subject's right eye is to the left: sides by geometry, not by name.
        let down = Point(x: mouth.x - between.x, y: mouth.y - between.y)
        let cross: Double = (one.x - other.x) * down.y - (one.y - other.y) * down.x
        let right: Point = cross < 0 ? one : other
        let left: Point = cross < 0 ? other : one
        return Landmarks(rightEye: right, leftEye: left, noseTip: nose, mouthCenter: mouth)
    }

    private func middle(_ points: [Point]) -> Point? {
        if points.isEmpty { return nil }
        var sum = Point(x: 0, y: 0)
        for point in points {
            sum.x += point.x
            sum.y += point.y
        }
        let count: Double = Double(points.count)
        return Point(x: sum.x / count, y: sum.y / count)
    }

    private func apart(_ a: Point, _ b: Point) -> Double {
        return (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)
    }

    private func image(of frame: Frame) throws -> CGImage {
        let data = Data(frame.rgb)
        let image: CGImage? = CGDataProvider(data: data as CFData).flatMap {
            CGImage(
                width: frame.width,
                height: frame.height,
                bitsPerComponent: 8,
                bitsPerPixel: 24,
                bytesPerRow: frame.width * 3,
                space: CGColorSpaceCreateDeviceRGB(),
                bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue),
                provider: $0,
                decode: nil,
                shouldInterpolate: false,
                intent: .defaultIntent
            )
        }
        guard let made = image else {
            throw Mf2EdgeError.frame("no image of \(frame.width) x \(frame.height) px can be made")
        }
        return made
    }
}
#endif
