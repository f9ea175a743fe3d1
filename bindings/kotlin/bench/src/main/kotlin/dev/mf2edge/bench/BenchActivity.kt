package dev.mf2edge.bench

import android.app.Activity
import android.graphics.BitmapFactory
import android.os.Bundle
import android.util.Log
import android.view.WindowManager
import android.widget.TextView
import dev.mf2edge.ArtifactFormat
import dev.mf2edge.Frame
import dev.mf2edge.Mf2EdgeException
import dev.mf2edge.android.AssetBundle
import dev.mf2edge.android.ExecuTorchRunners
import dev.mf2edge.android.LiteRtRunners
import dev.mf2edge.android.LiteRtUnit
import java.io.File
import java.io.IOException
import java.time.Instant
import kotlin.concurrent.thread

/** Measures the bundle in the app's assets and writes `report.json` to the app's external files. */
public class BenchActivity : Activity() {
    private lateinit var log: TextView

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        log = TextView(this)
        setContentView(log)
        // A phone whose screen is off saves power.
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        thread(name = "bench") {
            try {
                tell("${write()}: done")
            } catch (error: Mf2EdgeException) {
                tell("failed: ${error.message}")
            } catch (error: IOException) {
                tell("failed: ${error.message}")
            } catch (error: IllegalArgumentException) {
                tell("failed: ${error.message}")
            }
        }
    }

    private fun write(): File {
        val before = thermal(this)
        val files = AssetBundle.of(assets, "mf2-edge")
        val bench = Bench(files, engines(), photo(), tell = ::tell)
        val runs = bench.runs()
        val text = deviceReport(
            bench.bundle.spec.name,
            bench.bundle.manifestSha256,
            Instant.now().toString(),
            phone(this, before),
            runs,
        )
        val report = File(getExternalFilesDir(null) ?: filesDir, "report.json")
        report.writeText(text)
        return report
    }

    private fun engines(): List<Engine> {
        val litert = "LiteRT ${BuildConfig.LITERT}"
        val cpu = LiteRtRunners(cacheDir, numThreads = THREADS)
        val pte = ExecuTorchRunners(cacheDir, THREADS, cpu)
        return listOf(
            Engine(ArtifactFormat.TFLITE, "cpu", THREADS, litert, cpu),
            Engine(ArtifactFormat.TFLITE, "cpu+gpu", null, litert, LiteRtRunners(cacheDir, LiteRtUnit.GPU)),
            Engine(ArtifactFormat.EXECUTORCH, "cpu", THREADS, "ExecuTorch ${BuildConfig.EXECUTORCH}", pte),
        )
    }

    private fun photo(): Frame {
        val bitmap = assets.open(PHOTO).use(BitmapFactory::decodeStream)
            ?: throw IOException("$PHOTO: not a picture that Android reads")
        val pixels = IntArray(bitmap.width * bitmap.height)
        bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
        return Frame.fromArgb(bitmap.width, bitmap.height, pixels)
    }

    private fun tell(line: String) {
        Log.i("mf2-edge", line)
        runOnUiThread { log.text = "${log.text}\n$line" }
    }
}

private const val THREADS = 1
private const val PHOTO = "astronaut.jpg"
