// Declarations of Vision as far as MF2EdgeApple uses them; they compute nothing (CoreGraphics.swift).
@_exported import CoreVideo

public class VNRequest: NSObject {}

public struct VNImageOption: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
}

public final class VNFaceLandmarkRegion2D: NSObject {
    public func pointsInImage(imageSize: CGSize) -> [CGPoint] { return [] }
}

public final class VNFaceLandmarks2D: NSObject {
    public let confidence: Float = 0
    public let leftEye: VNFaceLandmarkRegion2D? = nil
    public let rightEye: VNFaceLandmarkRegion2D? = nil
    public let outerLips: VNFaceLandmarkRegion2D? = nil
    public let noseCrest: VNFaceLandmarkRegion2D? = nil
}

public final class VNFaceObservation: NSObject {
    public let boundingBox: CGRect
    public let confidence: Float = 0
    public let landmarks: VNFaceLandmarks2D? = nil
    public init(boundingBox: CGRect) { self.boundingBox = boundingBox }
}

public final class VNDetectFaceLandmarksRequest: VNRequest {
    public var inputFaceObservations: [VNFaceObservation]?
    public let results: [VNFaceObservation]? = nil
}

public final class VNImageRequestHandler: NSObject {
    public init(cgImage image: CGImage, options: [VNImageOption: Any] = [:]) {}
    public func perform(_ requests: [VNRequest]) throws {}
}
