// Android SDK, API 36.
package android.content

import android.content.res.AssetManager
import android.net.Uri
import java.io.File
import java.io.InputStream

abstract class ContentResolver {
    fun openInputStream(uri: Uri): InputStream? = throw NotImplementedError()
}

abstract class Context {
    val contentResolver: ContentResolver
        get() = throw NotImplementedError()
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
