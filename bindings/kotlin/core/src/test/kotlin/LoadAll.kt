package dev.mf2edge

import dev.mf2edge.jvm.LiteRtJna
import java.io.File

/** Load LIBRARY BUNDLE...: prints, a line a bundle, what came of it: `loaded`, or an exception. */
internal object LoadAll {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val runners = LiteRtJna.load(File(arguments.first()))
        for (bundle in arguments.drop(1)) println(outcome(File(bundle), runners))
    }

    private fun outcome(bundle: File, runners: RunnerFactory): String = try {
        FaceStateAnalyzer.load(BundleFiles.of(bundle), runners).close()
        "loaded"
    } catch (error: Exception) {
        "${error::class.simpleName}"
    }
}
