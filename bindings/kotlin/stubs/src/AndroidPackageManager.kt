// Android SDK, API 36.
package android.content.pm

abstract class PackageManager {
    companion object {
        const val PERMISSION_GRANTED = 0
    }
}
