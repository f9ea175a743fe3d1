import AVFoundation
import MF2Edge
import SwiftUI

/// The camera with a box, an emotion and bars of Action Units over each face.
struct CameraView: View {
    @StateObject private var model = CameraModel()

    var body: some View {
        ZStack(alignment: .bottomLeading) {
            if let camera = model.camera {
                Preview(session: camera.session).ignoresSafeArea()
            }
            GeometryReader { space in
                ForEach(model.faces, id: \.trackId) { face in
                    FaceOverlay(face: face, place: place(of: face.box, in: space.size))
                }
            }
            .ignoresSafeArea()
            footer
        }
        .onAppear { model.start() }
        .onDisappear { model.stop() }
    }

    private var footer: some View {
        VStack(alignment: .leading, spacing: 4) {
            if let trouble = model.trouble {
                Text(trouble).foregroundColor(.red)
            }
            Text(String(format: "%.0f frames/s", model.framesPerSecond))
            Text("Pictures are analysed on this phone; none is stored or sent.")
        }
        .font(.footnote)
        .padding(8)
        .background(.thinMaterial)
    }

    /// The preview fills the screen: the frame is enlarged until it covers it, and cut.
    private func place(of box: MF2Edge.Box, in space: CGSize) -> CGRect {
        let across: CGFloat = space.width / model.frameSize.width
        let down: CGFloat = space.height / model.frameSize.height
        let scale: CGFloat = max(across, down)
        let left: CGFloat = (space.width - model.frameSize.width * scale) / 2
        let top: CGFloat = (space.height - model.frameSize.height * scale) / 2
        return CGRect(
            x: left + CGFloat(box.x) * scale,
            y: top + CGFloat(box.y) * scale,
            width: CGFloat(box.width) * scale,
            height: CGFloat(box.height) * scale
        )
    }
}

/// One face: its box, and what it shows in words.
struct FaceOverlay: View {
    let face: FaceState
    let place: CGRect

    var body: some View {
        let units: [(key: String, value: ActionUnit)] = face.actionUnits.filter { $0.value.present }
        VStack(alignment: .leading, spacing: 2) {
            Text("\(face.emotion.label) \(Int(face.emotion.score * 100)) %").bold()
            ForEach(units, id: \.key) { unit in
                ProgressView(value: unit.value.score) {
                    Text("\(unit.key) \(unit.value.name)").font(.caption)
                }
            }
        }
        .padding(4)
        .background(.thinMaterial)
        .frame(width: max(place.width, 120), alignment: .leading)
        .position(x: place.midX, y: place.maxY + 30)
        .accessibilityElement(children: .combine)
        Rectangle()
            .stroke(Color.yellow, lineWidth: 2)
            .frame(width: place.width, height: place.height)
            .position(x: place.midX, y: place.midY)
    }
}

/// What the camera sees.
struct Preview: UIViewRepresentable {
    let session: AVCaptureSession

    func makeUIView(context: Context) -> PreviewView {
        let view = PreviewView()
        view.previewLayer?.session = session
        view.previewLayer?.videoGravity = .resizeAspectFill
        return view
    }

    func updateUIView(_ view: PreviewView, context: Context) {}
}

/// A view whose layer is the camera's.
final class PreviewView: UIView {
    override class var layerClass: AnyClass { return AVCaptureVideoPreviewLayer.self }
    var previewLayer: AVCaptureVideoPreviewLayer? { return layer as? AVCaptureVideoPreviewLayer }
}
