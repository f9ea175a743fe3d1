// Android SDK, API 36.
package android.content

import android.content.res.AssetManager
import java.io.File

abstract class Context {
    val assets: AssetManager
        get() = throw NotImplementedError()
    open val filesDir: File
        get() = throw NotImplementedError()
    open val cacheDir: File
        get() = throw NotImplementedError()

    open fun getExternalFilesDir(type: String?): File? = throw NotImplementedError()

    fun getString(resId: Int): String = throw NotImplementedError()

    fun getString(resId: Int, vararg formatArgs: Any?): String = throw NotImplementedError()

    fun <T> getSystemService(serviceClass: Class<T>): T = throw NotImplementedError()

    open fun checkSelfPermission(permission: String): Int = throw NotImplementedError()
}
