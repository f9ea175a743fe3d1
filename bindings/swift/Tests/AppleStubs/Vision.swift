// Declarations of Vision as far as MF2EdgeApple and the code of `mf2-edge export` use them; they compute
// nothing (CoreGraphics.swift).
import CoreML
@_exported import CoreVideo

public class VNRequest: NSObject {}

public class VNObservation: NSObject {}

public enum VNImageCropAndScaleOption: UInt, Sendable {
    case centerCrop = 0
    case scaleFit = 1
    case scaleFill = 2
}

public final class VNCoreMLModel: NSObject {
    public init(for model: MLModel) throws {}
}

public final class VNCoreMLFeatureValueObservation: VNObservation {
    public let featureName: String = ""
    public let featureValue = MLFeatureValue(multiArray: MLMultiArray())
}

public final class VNCoreMLRequest: VNRequest {
    public init(model: VNCoreMLModel) {}
    public var imageCropAndScaleOption: VNImageCropAndScaleOption = .centerCrop
    public let results: [VNObservation]? = nil
}

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
    public init(cvPixelBuffer pixelBuffer: CVPixelBuffer, options: [VNImageOption: Any] = [:]) {}
    public func perform(_ requests: [VNRequest]) throws {}
}
