package dev.mf2edge.android

import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import java.nio.ByteBuffer

/** A camera's image of these sides, grey unless planes are given. */
class FakeImage(
    override val width: Int,
    override val height: Int,
    rotation: Int = 0,
    nanos: Long = 0,
    override val format: Int = 35,
    given: List<FakePlane>? = null,
) : ImageProxy {
    private val grey = given ?: listOf(
        FakePlane(ByteArray(width * height) { 100 }, width, 1),
        FakePlane(ByteArray(width * height / 2) { -128 }, width, 2),
        FakePlane(ByteArray(width * height / 2) { -128 }, width, 2),
    )
    var closes = 0

    override val planes: Array<ImageProxy.PlaneProxy>
        get() = if (closes > 0) throw IllegalStateException("Image is already closed") else grey.toTypedArray()

    override val imageInfo = object : ImageInfo {
        override val timestamp = nanos
        override val rotationDegrees = rotation
    }

    override fun close() {
        closes++
    }
}

/** A direct buffer, as cameras give, whose position is not at its start. */
class FakePlane(bytes: ByteArray, override val rowStride: Int, override val pixelStride: Int) :
    ImageProxy.PlaneProxy {
    override val buffer: ByteBuffer = ByteBuffer.allocateDirect(bytes.size).put(bytes)
}
