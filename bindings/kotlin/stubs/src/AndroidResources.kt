// Android SDK, API 36.
package android.content.res

import android.util.DisplayMetrics

open class Resources {
    val displayMetrics: DisplayMetrics
        get() = throw NotImplementedError()
}
