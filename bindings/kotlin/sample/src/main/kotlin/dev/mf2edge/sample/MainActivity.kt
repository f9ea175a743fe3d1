package dev.mf2edge.sample

import android.Manifest
import android.content.pm.PackageManager
import android.os.Bundle
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.Preview
import androidx.camera.core.resolutionselector.AspectRatioStrategy
import androidx.camera.core.resolutionselector.ResolutionSelector
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import dev.mf2edge.FaceStateAnalyzer
import dev.mf2edge.Mf2EdgeException
import dev.mf2edge.android.AssetBundle
import dev.mf2edge.android.CameraFaces
import dev.mf2edge.android.FaceStateImageAnalyzer
import dev.mf2edge.android.LiteRtRunners
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import java.util.concurrent.Future

/** The front camera with the state of every face in it. */
class MainActivity : ComponentActivity() {
    /** Loads the model, analyses, and frees the model: one thread, so one after the other. */
    private val worker = Executors.newSingleThreadExecutor()
    private val rate = Rate()

    // Of the worker alone.
    private var analyzer: FaceStateAnalyzer? = null

    private val permission = registerForActivityResult(
        ActivityResultContracts.RequestPermission(),
    ) { granted -> if (granted) load() else say(getString(R.string.no_permission)) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            load()
        } else {
            permission.launch(Manifest.permission.CAMERA)
        }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { analyzer?.close() }
        worker.shutdown()
    }

    private fun load() = worker.execute {
        try {
            val bundle = AssetBundle.of(assets, "mf2-edge")
            val loaded = FaceStateAnalyzer.load(bundle, LiteRtRunners(cacheDir))
            analyzer = loaded
            runOnUiThread { openCamera(loaded) }
        } catch (error: Mf2EdgeException) {
            tell(error)
        }
    }

    private fun openCamera(analyzer: FaceStateAnalyzer) {
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({ bind(provider, analyzer) }, ContextCompat.getMainExecutor(this))
    }

    private fun bind(provider: Future<ProcessCameraProvider>, analyzer: FaceStateAnalyzer) {
        if (isDestroyed) return
        val cameras = try {
            provider.get().takeIf { it.hasCamera(CameraSelector.DEFAULT_FRONT_CAMERA) }
        } catch (_: ExecutionException) {
            null
        }
        if (cameras == null) return say(getString(R.string.no_camera))
        // One shape for both, so that the overlay lies where the preview shows the face.
        val shape = ResolutionSelector.Builder()
            .setAspectRatioStrategy(AspectRatioStrategy.RATIO_4_3_FALLBACK_AUTO_STRATEGY)
            .build()
        val preview = Preview.Builder().setResolutionSelector(shape).build()
        preview.setSurfaceProvider(findViewById<PreviewView>(R.id.preview).surfaceProvider)
        val analysis = ImageAnalysis.Builder()
            .setResolutionSelector(shape)
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build()
        analysis.setAnalyzer(worker, FaceStateImageAnalyzer(analyzer.stream(), ::show, ::tell))
        cameras.unbindAll()
        cameras.bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, preview, analysis)
    }

    private fun show(faces: CameraFaces) = runOnUiThread {
        findViewById<OverlayView>(R.id.overlay).show(faces)
        val framesASecond = rate.at(faces.timestampMs)
        say(getString(R.string.rate, faces.faces.size, framesASecond, faces.tookMs))
    }

    private fun tell(error: Mf2EdgeException) = runOnUiThread { say(getString(R.string.failed, error.message)) }

    private fun say(line: String) {
        findViewById<TextView>(R.id.status).text = line
    }
}
