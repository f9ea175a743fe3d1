package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.nio.ByteBuffer
import java.nio.ByteOrder

internal class NpyTest {
    @Test
    fun `reads floats and their shape`() {
        val array = readNpy(npy("<f4", "(2, 3)") { for (i in 0 until 6) putFloat(i / 2f) })
        assertEquals(listOf(2, 3), array.shape)
        assertArrayEquals(doubleArrayOf(1.5, 2.0, 2.5), array.row(1))
    }

    @Test
    fun `reads other types`() {
        assertArrayEquals(doubleArrayOf(-3.0), readNpy(npy("<i8", "(1,)") { putLong(-3) }).numbers)
        assertArrayEquals(doubleArrayOf(0.1), readNpy(npy("<f8", "()") { putDouble(0.1) }).numbers)
        assertArrayEquals(doubleArrayOf(255.0, 1.0), readNpy(npy("|u1", "(2,)") { put(-1).put(1) }).numbers)
        assertArrayEquals(doubleArrayOf(1.0), readNpy(npy("|b1", "(1,)") { put(1) }).numbers)
    }

    @Test
    fun `reads the image at an index`() {
        val array = readNpy(npy("|u1", "(2, 1, 2, 3)") { for (i in 0 until 12) put(i.toByte()) })
        val image = array.image(1)
        assertEquals(listOf(2, 1), listOf(image.width, image.height))
        assertArrayEquals(ByteArray(6) { (6 + it).toByte() }, image.rgb)
    }

    @Test
    fun `refuses other files, orders and lengths`() {
        val sound = npy("<f4", "(2,)") { putFloat(1f).putFloat(2f) }
        val swapped = String(sound, Charsets.ISO_8859_1).replace("False", "True ")
        for (bytes in listOf(
            byteArrayOf(1, 2, 3),
            sound.dropLast(1).toByteArray(),
            swapped.toByteArray(Charsets.ISO_8859_1),
        )) {
            assertThrows(IllegalArgumentException::class.java) { readNpy(bytes) }
        }
    }

    private fun npy(type: String, shape: String, write: ByteBuffer.() -> Unit): ByteArray {
        val header = "{'descr': '$type', 'fortran_order': False, 'shape': $shape, }\n"
        val data = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN)
        data.put(0x93.toByte()).put("NUMPY".toByteArray()).put(1).put(0)
        data.putShort(header.length.toShort()).put(header.toByteArray())
        data.write()
        return data.array().copyOf(data.position())
    }
}
