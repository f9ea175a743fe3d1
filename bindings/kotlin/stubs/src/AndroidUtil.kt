// Android SDK, API 36.
package android.util

interface AttributeSet

object Log {
    @JvmStatic
    fun i(tag: String?, msg: String): Int = throw NotImplementedError()

    @JvmStatic
    fun w(tag: String?, msg: String?, tr: Throwable?): Int = throw NotImplementedError()
}
