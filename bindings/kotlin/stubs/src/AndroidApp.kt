// Android SDK, API 36.
package android.app

import android.content.Context
import android.os.Bundle
import android.view.View
import android.view.Window

open class Activity : Context() {
    protected open fun onCreate(savedInstanceState: Bundle?): Unit = throw NotImplementedError()

    protected open fun onDestroy(): Unit = throw NotImplementedError()

    open fun setContentView(layoutResID: Int): Unit = throw NotImplementedError()

    open fun setContentView(view: View): Unit = throw NotImplementedError()

    open fun <T : View> findViewById(id: Int): T = throw NotImplementedError()

    open val window: Window
        get() = throw NotImplementedError()

    val isDestroyed: Boolean
        get() = throw NotImplementedError()

    fun runOnUiThread(action: Runnable): Unit = throw NotImplementedError()
}
