// Android SDK, API 36.
package android.graphics

import java.io.InputStream

class Canvas {
    fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint): Unit =
        throw NotImplementedError()

    fun drawText(text: String, x: Float, y: Float, paint: Paint): Unit = throw NotImplementedError()
}

class Paint {
    enum class Style { FILL, STROKE, FILL_AND_STROKE }

    var color: Int = 0
    var style: Style = Style.FILL
    var strokeWidth: Float = 0f
    var textSize: Float = 0f
    var isAntiAlias: Boolean = false
}

object Color {
    const val WHITE = -1
    const val GREEN = -16711936

    @JvmStatic
    fun argb(alpha: Int, red: Int, green: Int, blue: Int): Int = throw NotImplementedError()
}

class Bitmap private constructor() {
    val width: Int
        get() = throw NotImplementedError()
    val height: Int
        get() = throw NotImplementedError()

    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit =
        throw NotImplementedError()
}

object BitmapFactory {
    @JvmStatic
    fun decodeStream(stream: InputStream?): Bitmap? = throw NotImplementedError()
}
