import AVFoundation
import Foundation
import MF2Edge
import MF2EdgeApple

/// What the page shows; all of it changes on the main thread.
final class CameraModel: ObservableObject {
    @Published var faces: [FaceState] = []
    @Published var frameSize = CGSize(width: 480, height: 640)
    @Published var framesPerSecond: Double = 0
    @Published var trouble: String?
    private(set) var camera: FaceStateCamera?
    private var lastFrame: Date?

    /// Ask for the camera, load the model, and begin.
    func start() {
        AVCaptureDevice.requestAccess(for: .video) { allowed in
            DispatchQueue.global(qos: .userInitiated).async {
                if allowed {
                    self.open()
                } else {
                    self.tell("The camera is not allowed. Settings, Privacy, Camera turns it on.")
                }
            }
        }
    }

    /// Stop the camera.
    func stop() {
        camera?.close()
    }

    private func open() {
        do {
            let camera = FaceStateCamera(
                try analyzer().stream(),
                onFaces: { faces, frame in self.show(faces, frame) },
                onError: { error in self.tell(error.localizedDescription) }
            )
            try camera.open()
            DispatchQueue.main.async { self.camera = camera }
        } catch {
            tell(error.localizedDescription)
        }
    }

    /// `mf2-edge/` holds what `mf2-edge export --format mlpackage` wrote; Xcode compiles the package.
    private func analyzer() throws -> FaceStateAnalyzer {
        guard let folder = Bundle.main.url(forResource: "mf2-edge", withExtension: nil) else {
            throw Mf2EdgeError.bundle("add the folder mf2-edge to the app's target")
        }
        let bundle = try ModelBundle(folder: folder)
        let artifact = try bundle.select(.coreml)
        let names: [URL] = Bundle.main.urls(forResourcesWithExtension: "mlmodelc", subdirectory: nil) ?? []
        guard let compiled = names.first else {
            throw Mf2EdgeError.bundle("add the .mlpackage to the app's target")
        }
        return try FaceStateAnalyzer(
            bundle: bundle,
            artifact: artifact,
            runner: CoreMLRunner(compiled: compiled, artifact: artifact, bundle: bundle),
            detector: VisionDetector()
        )
    }

    private func show(_ faces: [FaceState], _ frame: Frame) {
        DispatchQueue.main.async {
            let now = Date()
            if let last = self.lastFrame {
                let rate: Double = 1 / max(now.timeIntervalSince(last), 0.001)
                self.framesPerSecond += 0.1 * (rate - self.framesPerSecond)
            }
            self.lastFrame = now
            self.faces = faces
            self.frameSize = CGSize(width: frame.width, height: frame.height)
            self.trouble = nil
        }
    }

    private func tell(_ line: String) {
        DispatchQueue.main.async { self.trouble = line }
    }
}
