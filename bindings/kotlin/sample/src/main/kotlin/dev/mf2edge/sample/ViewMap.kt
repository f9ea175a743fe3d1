package dev.mf2edge.sample

import dev.mf2edge.Box

/** A rectangle of a view, pixels. */
data class ViewRect(val left: Float, val top: Float, val right: Float, val bottom: Float)

/**
 * From pixels of the upright frame to pixels of a view that shows it as PreviewView does by default
 * (FILL_CENTER: as large as the view needs, in the middle, the rest cut off); [mirror] for front
 * cameras, whose preview is a mirror.
 */
class ViewMap(
    private val frameWidth: Int,
    private val frameHeight: Int,
    private val viewWidth: Int,
    private val viewHeight: Int,
    private val mirror: Boolean,
) {
    private val scale = maxOf(viewWidth.toDouble() / frameWidth, viewHeight.toDouble() / frameHeight)

    fun rect(box: Box): ViewRect {
        val left = (viewWidth - scale * frameWidth) / 2 + scale * box.x
        val top = (viewHeight - scale * frameHeight) / 2 + scale * box.y
        val width = scale * box.width
        val seen = if (mirror) viewWidth - left - width else left
        return ViewRect(
            seen.toFloat(), top.toFloat(), (seen + width).toFloat(), (top + scale * box.height).toFloat(),
        )
    }
}
