// Android SDK, API 36.
package android.content.res

import java.io.InputStream

class AssetManager private constructor() {
    fun open(fileName: String): InputStream = throw NotImplementedError()

    fun list(path: String): Array<String>? = throw NotImplementedError()
}
