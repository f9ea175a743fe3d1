// Android SDK, API 36.
package android.widget

import android.content.Context
import android.util.AttributeSet
import android.view.View

open class FrameLayout(context: Context, attributes: AttributeSet?) : View(context, attributes)

open class TextView(context: Context) : View(context) {
    var text: CharSequence
        get() = throw NotImplementedError()
        set(value) = throw NotImplementedError(value.toString())
}
