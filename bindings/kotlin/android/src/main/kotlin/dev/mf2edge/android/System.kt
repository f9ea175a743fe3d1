package dev.mf2edge.android

import android.os.Build
import dev.mf2edge.ModelFile
import dev.mf2edge.RuntimeUnavailableException

/**
 * That this phone is not older than the oldest that runs a model.
 *
 * @throws RuntimeUnavailableException if it is
 */
internal fun checkSystem(model: ModelFile, level: Int = Build.VERSION.SDK_INT) {
    val least = model.minimumOs["android"] ?: return
    if (level >= least.substringBefore('.').toInt()) return
    throw RuntimeUnavailableException(
        "${model.name} needs Android's API level $least, and this is $level; choose a file for older " +
            "systems, or make $least the minSdk of the app",
    )
}
