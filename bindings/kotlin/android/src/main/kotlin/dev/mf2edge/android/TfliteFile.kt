package dev.mf2edge.android

import dev.mf2edge.BundleException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * What LiteRT's Kotlin API does not tell of a model: the order of its outputs, and whether all tensors
 * are float32. Read from the FlatBuffer of TensorFlow Lite's schema.fbs, version 3.
 */
internal class TfliteFile private constructor(
    /** How many outputs there are. */
    val outputs: Int,
    /** Position in the file of each output, in the order in which the exported model returns them. */
    val order: List<Int>,
) {
    companion object {
        /** @throws BundleException if it is no model of one float32 input and float32 outputs */
        fun read(bytes: ByteArray, name: String): TfliteFile = try {
            read(Table.root(bytes), name)
        } catch (error: IndexOutOfBoundsException) {
            throw BundleException("$name: not a .tflite model, or a damaged one", error)
        }

        private fun read(model: Table, name: String): TfliteFile {
            val graph = model.tables(SUBGRAPHS)[0]
            val types = graph.tables(TENSORS).map { it.byte(TENSOR_TYPE) }
            val inputs = graph.ints(INPUTS)
            val outputs = graph.ints(OUTPUTS)
            if (inputs.size != 1 || (inputs + outputs).any { types[it] != FLOAT32 }) {
                throw BundleException(
                    "$name: expected one float32 input and float32 outputs; export it with float32 tensors",
                )
            }
            return TfliteFile(outputs.size, order(model, outputs))
        }

        /**
         * Converters number outputs by name in a signature, while their order in the file is theirs to
         * choose. LiteRT keeps the file's order; without a signature so do we.
         */
        private fun order(model: Table, outputs: List<Int>): List<Int> {
            val signature = model.tables(SIGNATURES).singleOrNull() ?: return outputs.indices.toList()
            val named = signature.tables(SIGNATURE_OUTPUTS).map { it.string(NAME) to it.int(TENSOR) }
            if (named.map { it.second }.toSet() != outputs.toSet()) return outputs.indices.toList()
            return named.sortedWith(compareBy({ stem(it.first) }, { number(it.first) }))
                .map { outputs.indexOf(it.second) }
        }
    }
}

private fun stem(name: String) = name.trimEnd { it in '0'..'9' }

/** `output_2` comes before `output_10`. */
private fun number(name: String) = name.substring(stem(name).length).toBigIntegerOrNull() ?: 0.toBigInteger()

/** A table of a FlatBuffer; reading beyond the file throws IndexOutOfBoundsException. */
private class Table(private val file: ByteBuffer, private val at: Int) {
    fun byte(field: Int): Int = find(field)?.let { file.get(it).toInt() } ?: 0

    fun int(field: Int): Int = find(field)?.let(file::getInt) ?: 0

    fun string(field: Int): String {
        val at = vector(field) ?: return ""
        val bytes = ByteArray(length(at)) { file.get(at + 4 + it) }
        return String(bytes, Charsets.UTF_8)
    }

    fun ints(field: Int): List<Int> {
        val at = vector(field) ?: return emptyList()
        return List(length(at)) { file.getInt(at + 4 + 4 * it) }
    }

    fun tables(field: Int): List<Table> {
        val at = vector(field) ?: return emptyList()
        return List(length(at)) { (at + 4 + 4 * it).let { entry -> Table(file, entry + file.getInt(entry)) } }
    }

    private fun vector(field: Int): Int? = find(field)?.let { it + file.getInt(it) }

    private fun length(at: Int): Int {
        val length = file.getInt(at)
        if (length !in 0..file.limit()) throw IndexOutOfBoundsException("a vector of $length")
        return length
    }

    /** Where a field lies; null if the table leaves it at its default. */
    private fun find(field: Int): Int? {
        val layout = at - file.getInt(at)
        val entry = 4 + 2 * field
        if (entry >= file.getShort(layout)) return null
        val offset = file.getShort(layout + entry).toInt() and 0xffff
        return if (offset == 0) null else at + offset
    }

    companion object {
        fun root(bytes: ByteArray): Table {
            val file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
            return Table(file, file.getInt(0))
        }
    }
}

// Numbers of fields in schema.fbs.
private const val SUBGRAPHS = 2
private const val SIGNATURES = 7
private const val TENSORS = 0
private const val INPUTS = 1
private const val OUTPUTS = 2
private const val TENSOR_TYPE = 1
private const val SIGNATURE_OUTPUTS = 1
private const val NAME = 0
private const val TENSOR = 1
private const val FLOAT32 = 0
