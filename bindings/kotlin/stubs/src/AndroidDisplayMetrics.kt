// Android SDK, API 36.
package android.util

class DisplayMetrics {
    @JvmField
    var density: Float = 1f
}
