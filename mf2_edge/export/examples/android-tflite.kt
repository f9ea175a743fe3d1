// %title
// Weights: %license
// The exported folder, without `code`, is src/main/assets/mf2-edge of the app. Its settings.gradle.kts
// has includeBuild("mf2-edge"), the folder beside this file, and its build.gradle.kts
// implementation("dev.mf2edge:android").

import android.content.Context
import android.graphics.Bitmap
import dev.mf2edge.FaceState
import dev.mf2edge.FaceStateAnalyzer
import dev.mf2edge.Frame
import dev.mf2edge.android.AssetBundle
import dev.mf2edge.android.LiteRtRunners

/** Faces of pictures: found, aligned, run and decoded as the SDK does it. Keep off the main thread. */
class FaceStateModel(context: Context) : AutoCloseable {
    private val analyzer = FaceStateAnalyzer.load(
        AssetBundle.of(context.assets, "mf2-edge"), LiteRtRunners(context.cacheDir)
    )

    /** The state of every face, largest first. */
    fun predict(bitmap: Bitmap): List<FaceState> {
        val pixels = IntArray(bitmap.width * bitmap.height)
        bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
        return analyzer.predict(Frame.fromArgb(bitmap.width, bitmap.height, pixels))
    }

    override fun close() = analyzer.close()
}
