package dev.mf2edge

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** An array of a .npy file of format 1 to 3, C order, little-endian; its bytes and its numbers. */
internal class Npy(val shape: List<Int>, val bytes: ByteArray, val numbers: DoubleArray) {
    /** Numbers of the part at [index] of the first axis. */
    fun row(index: Int): DoubleArray {
        val size = numbers.size / shape.first()
        return numbers.copyOfRange(index * size, (index + 1) * size)
    }

    /** The RGB image at [index] of the first axis; of the whole array where it is one image. */
    fun image(index: Int = 0): Image {
        val (height, width) = shape.takeLast(3)
        val size = height * width * 3
        return Image(width, height, bytes.copyOfRange(index * size, (index + 1) * size))
    }
}

internal fun readNpy(file: File): Npy = readNpy(file.readBytes())

internal fun readNpy(bytes: ByteArray): Npy {
    val data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    require(bytes.size >= 10 && String(bytes, 1, 5, Charsets.US_ASCII) == "NUMPY") { "no .npy file" }
    data.position(8)
    val length = if (bytes[6] == 1.toByte()) data.getShort().toInt() and 0xFFFF else data.getInt()
    val header = String(bytes, data.position(), length, Charsets.UTF_8)
    val start = data.position() + length
    require("'fortran_order': False" in header) { "expected C order: $header" }
    val (kind) = Regex("'descr': '[<|]([a-z][0-9])'").find(header)!!.destructured
    val (axes) = Regex("'shape': \\(([^)]*)\\)").find(header)!!.destructured
    val shape = axes.split(',').filter { it.isNotBlank() }.map { it.trim().toInt() }
    val count = shape.fold(1, Int::times)
    val size = kind.drop(1).toInt()
    require(bytes.size - start == count * size) { "expected $count numbers of $size bytes" }
    val numbers = DoubleArray(count) { i ->
        val at = start + i * size
        when (kind) {
            "u1", "b1" -> (bytes[at].toInt() and 0xFF).toDouble()
            "i4" -> data.getInt(at).toDouble()
            "i8" -> data.getLong(at).toDouble()
            "f4" -> data.getFloat(at).toDouble()
            "f8" -> data.getDouble(at)
            else -> throw IllegalArgumentException("no reader for $kind")
        }
    }
    return Npy(shape, bytes.copyOfRange(start, bytes.size), numbers)
}
