package dev.mf2edge.sample

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import dev.mf2edge.FaceState
import dev.mf2edge.android.CameraFaces

/** Draws boxes, emotions and a bar for each Action Unit over the preview. */
class OverlayView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val density = resources.displayMetrics.density
    private val outline = Paint().apply {
        style = Paint.Style.STROKE
        strokeWidth = 2 * density
        color = Color.WHITE
    }
    private val letters = Paint().apply {
        textSize = 14 * density
        color = Color.WHITE
        isAntiAlias = true
    }
    private val track = Paint().apply { color = Color.argb(96, 0, 0, 0) }
    private val low = Paint().apply { color = Color.WHITE }
    private val present = Paint().apply { color = Color.GREEN }
    private var seen: CameraFaces? = null

    /** Draw these from now on. Coordinates are mirrored, as the front camera's preview is. */
    fun show(faces: CameraFaces) {
        seen = faces
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val faces = seen ?: return
        val map = ViewMap(faces.width, faces.height, width, height, mirror = true)
        for (face in faces.faces) {
            val rect = map.rect(face.box)
            canvas.drawRect(rect.left, rect.top, rect.right, rect.bottom, outline)
            val emotion = "${face.emotion.label} ${"%.2f".format(face.emotion.score)}"
            canvas.drawText(emotion, rect.left, rect.top - 6 * density, letters)
        }
        faces.faces.firstOrNull()?.let { drawUnits(canvas, it) }
    }

    /** Of the largest face: a bar of its score, green where the unit is present. */
    private fun drawUnits(canvas: Canvas, face: FaceState) {
        val (row, label, full) = Triple(16 * density, 56 * density, 96 * density)
        var top = 72 * density
        for ((name, unit) in face.actionUnits) {
            canvas.drawText(name, 8 * density, top + row * 0.8f, letters)
            canvas.drawRect(label, top + 2, label + full, top + row - 2, track)
            val bar = label + full * unit.score.toFloat()
            canvas.drawRect(label, top + 2, bar, top + row - 2, if (unit.present) present else low)
            top += row
        }
    }
}
