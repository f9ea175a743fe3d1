// Android SDK, API 36.
package android

class Manifest private constructor() {
    object permission {
        const val CAMERA = "android.permission.CAMERA"
    }
}
