// Android SDK, API 36.
package android.view

import android.content.Context
import android.content.res.Resources
import android.graphics.Canvas
import android.util.AttributeSet

abstract class Window {
    fun addFlags(flags: Int): Unit = throw NotImplementedError()
}

interface WindowManager {
    class LayoutParams {
        companion object {
            const val FLAG_KEEP_SCREEN_ON = 128
        }
    }
}

open class View(context: Context, attributes: AttributeSet? = null) {
    val width: Int
        get() = throw NotImplementedError()
    val height: Int
        get() = throw NotImplementedError()
    val resources: Resources
        get() = throw NotImplementedError()

    protected open fun onDraw(canvas: Canvas): Unit = throw NotImplementedError()

    open fun invalidate(): Unit = throw NotImplementedError()
}

abstract class ViewGroup(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    fun addView(child: View): Unit = throw NotImplementedError()
}
