#if canImport(AVFoundation) && !os(macOS)
import AVFoundation
import Foundation
import MF2Edge

/// Feeds a camera's frames to a stream of an analyzer, on a queue of its own; late ones are dropped.
public final class FaceStateCamera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    /// What the camera sees, for a preview layer.
    public let session = AVCaptureSession()
    private let stream: FaceStateStream
    private let queue = DispatchQueue(label: "mf2-edge.camera")
    private let onFaces: ([FaceState], Frame) -> Void
    private let onError: (Error) -> Void

    /// `onFaces` and `onError` are called on the camera's queue, one at a time.
    public init(
        _ stream: FaceStateStream,
        onFaces: @escaping ([FaceState], Frame) -> Void,
        onError: @escaping (Error) -> Void
    ) {
        self.stream = stream
        self.onFaces = onFaces
        self.onError = onError
        super.init()
    }

    /// Open a camera, VGA and upright in portrait; the app has asked for permission before.
    ///
    /// Throws `Mf2EdgeError.runtimeUnavailable` if there is none, or it cannot be opened.
    public func open(_ position: AVCaptureDevice.Position = .front) throws {
        guard
            let device = AVCaptureDevice.default(
                .builtInWideAngleCamera, for: .video, position: position
            ), let input = try? AVCaptureDeviceInput(device: device), session.canAddInput(input)
        else {
            throw Mf2EdgeError.runtimeUnavailable(
                "no camera can be opened; allow it in Settings, and close what else uses it"
            )
        }
        let output = AVCaptureVideoDataOutput()
        output.alwaysDiscardsLateVideoFrames = true
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: Int(kCVPixelFormatType_32BGRA)
        ]
        output.setSampleBufferDelegate(self, queue: queue)
        guard session.canAddOutput(output) else {
            throw Mf2EdgeError.runtimeUnavailable("the camera's frames cannot be had")
        }
        session.beginConfiguration()
        session.sessionPreset = .vga640x480
        session.addInput(input)
        session.addOutput(output)
        output.connection(with: .video)?.videoOrientation = .portrait
        session.commitConfiguration()
        queue.async { [session] in session.startRunning() }
    }

    /// Stop the camera.
    public func close() {
        queue.async { [session] in session.stopRunning() }
    }

    /// One frame of the camera; AVFoundation calls it.
    public func captureOutput(
        _ output: AVCaptureOutput,
        didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        let time: CMTime = CMSampleBufferGetPresentationTimeStamp(sampleBuffer)
        do {
            let frame = try Frame(buffer)
            let faces = try stream.update(frame, timestampMs: CMTimeGetSeconds(time) * 1000)
            onFaces(faces, frame)
        } catch {
            onError(error)
        }
    }
}
#endif
