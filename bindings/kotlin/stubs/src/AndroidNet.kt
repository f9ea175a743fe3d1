// Android SDK, API 36.
package android.net

abstract class Uri {
    companion object {
        @JvmStatic
        fun parse(uriString: String?): Uri = throw NotImplementedError()
    }
}
