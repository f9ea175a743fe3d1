package dev.mf2edge.android

import android.content.Context
import android.content.res.AssetManager
import dev.mf2edge.BundleFiles
import java.io.File

/**
 * Bundles as an Android app has them. [dev.mf2edge.FaceStateAnalyzer.load] checks the size and sha256
 * of each file before it is used, wherever the file comes from.
 */
public object AssetBundle {
    /** The bundle in a folder of the app's assets, `src/main/assets/<folder>` of its sources. */
    @JvmStatic
    public fun of(assets: AssetManager, folder: String): BundleFiles =
        BundleFiles { path -> assets.open("$folder/$path") }

    /** The bundle in a folder of the app's own files, as one that was downloaded. */
    @JvmStatic
    public fun stored(context: Context, folder: String): BundleFiles =
        BundleFiles.of(File(context.filesDir, folder))
}
