// Android SDK, API 36.
package android.widget

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

open class FrameLayout @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) :
    ViewGroup(context, attributes)

open class TextView(context: Context) : View(context) {
    var text: CharSequence
        get() = throw NotImplementedError()
        set(value) = throw NotImplementedError(value.toString())
}
