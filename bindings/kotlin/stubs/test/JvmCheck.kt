package dev.mf2edge.bench

import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleFiles
import dev.mf2edge.FaceStateAnalyzer
import dev.mf2edge.FaceState
import dev.mf2edge.Frame
import dev.mf2edge.RunnerFactory
import dev.mf2edge.android.CameraFaces
import dev.mf2edge.android.FaceStateImageAnalyzer
import dev.mf2edge.android.FakeImage
import dev.mf2edge.android.FakePlane
import dev.mf2edge.jvm.LiteRtJna
import java.io.File

/**
 * The bench and the camera's way through the whole library, on LiteRT of a desktop JVM.
 *
 * Arguments: LiteRT's library, a bundle with its detector, RGB bytes of a photo, its width and height,
 * the same photo in NV12 turned left by 90 degrees, and where to write the report.
 */
fun main(arguments: Array<String>) {
    val (library, bundle, photo, width, height) = arguments
    val (turned, report) = arguments.drop(5)
    val files = BundleFiles.of(File(bundle))
    val litert = LiteRtJna.load(File(library))
    val frame = Frame(width.toInt(), height.toInt(), File(photo).readBytes())
    writeReport(files, litert, frame, File(report))
    FaceStateAnalyzer.load(files, litert).use { analyzer ->
        tell("predict", analyzer.predict(frame))
        val seen = mutableListOf<CameraFaces>()
        val camera = FaceStateImageAnalyzer(analyzer.stream(), seen::add, { throw it })
        val nv12 = File(turned).readBytes()
        // A face is told of once a second search has found it too.
        for (nanos in listOf(0L, 400_000_000L, 800_000_000L)) {
            camera.analyze(nv12Image(nv12, height.toInt(), width.toInt(), nanos))
        }
        tell("camera", seen.last().faces)
    }
}

private fun writeReport(files: BundleFiles, litert: RunnerFactory, photo: Frame, report: File) {
    val engine = Engine(ArtifactFormat.TFLITE, "cpu", 1, "LiteRT", litert)
    val bench = Bench(files, listOf(engine), photo, Effort(1, 5, 5.0))
    val phone = Phone("SM-S921U", "SM8650", "16", Thermal.NOMINAL, Thermal.SERIOUS, false, 80.0)
    val spec = bench.bundle.spec
    val sha256 = bench.bundle.manifestSha256
    report.writeText(deviceReport(spec.name, sha256, "2026-01-02T03:04:05Z", phone, bench.runs()))
}

/** Rows of luma, then rows of pairs of Cb and Cr, as most phones have them. */
private fun nv12Image(bytes: ByteArray, width: Int, height: Int, nanos: Long): FakeImage {
    val luma = FakePlane(bytes.copyOf(width * height), width, 1)
    val cb = FakePlane(bytes.copyOfRange(width * height, bytes.size - 1), width, 2)
    val cr = FakePlane(bytes.copyOfRange(width * height + 1, bytes.size), width, 2)
    return FakeImage(width, height, 90, nanos, given = listOf(luma, cb, cr))
}

private fun tell(name: String, faces: List<FaceState>) {
    for (face in faces) {
        val units = face.actionUnits.values.joinToString(" ") { "%.4f".format(it.score) }
        println("$name ${face.emotion.label} ${face.box.x} ${face.box.y} ${face.box.width} $units")
    }
}
