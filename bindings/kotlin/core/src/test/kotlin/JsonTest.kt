package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import kotlin.random.Random

internal class JsonTest {
    @Test
    fun `reads values`() {
        val text = """ {"a": [1, -0.5, 1e2, 99999999999999999999], "b": {"c": null, "d": [true, false]}}
            """
        val numbers = listOf(1L, -0.5, 100.0, 1e20)
        val expected = mapOf("a" to numbers, "b" to mapOf("c" to null, "d" to listOf(true, false)))
        assertEquals(expected, parsed(text))
    }

    @Test
    fun `reads strings`() {
        assertEquals("a\"\\/\b\u000C\n\r\té😀", parsed(""""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""""))
        assertEquals("é😀", parsed("\"é😀\""))
    }

    @Test
    fun `keys keep their order`() {
        val found = parsed("""{"b": 1, "a": 2}""") as Map<*, *>
        assertEquals(listOf("b" to 1L, "a" to 2L), found.toList())
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "", " ", "{", "[", "\"", "{}x", "[1,]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "01", "1.", ".5",
            "{\"a\":1,\"\\u0061\":1}", "[{\"a\":{},\"b\":1,\"a\":{}}]",
            "-", "+1", "1e", "nul", "NaN", "Infinity", "'a'", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\u0001\"", "// x\n1", "\uFEFF{}", "[1 2]", "tru",
        ],
    )
    fun `refuses what is not JSON`(text: String) {
        assertThrows(JsonException::class.java) { parsed(text) }
    }

    @Test
    fun `refuses what is not UTF-8`() {
        for (bytes in listOf(listOf(0x22, 0xFF, 0x22), listOf(0x22, 0xED, 0xA0, 0x80, 0x22))) {
            val text = bytes.map(Int::toByte).toByteArray()
            assertThrows(JsonException::class.java) { parseJson(text) }
        }
    }

    @Test
    fun `refuses deep nesting without a crash`() {
        parsed("[".repeat(60) + "]".repeat(60))
        for (opening in listOf("[", "{\"a\":")) {
            assertThrows(JsonException::class.java) { parsed(opening.repeat(1_000_000)) }
        }
    }

    @Test
    fun `reads the shipped file`() {
        val spec = parseModel(modelBytes(), "model.json")
        assertTrue(spec.head(HeadName.EMOTION).labels.size > 1)
        assertTrue(spec.artifacts.any { it.format == ArtifactFormat.TFLITE })
    }

    @Test
    fun `says where a file is wrong`() {
        val text = String(modelBytes()).replaceFirst("\"width\":", "\"breadth\":")
        val error = assertThrows(ManifestException::class.java) {
            parseModel(text.toByteArray(), "bundle/model.json")
        }
        assertTrue("bundle/model.json: missing key `width`; add it - at `$.input`" in error.message!!)
    }

    @Test
    fun `mutated files are read or refused`() {
        val sound = modelBytes()
        val draw = Random(0)
        var refused = 0
        repeat(MUTATIONS) {
            val bytes = mutated(sound, draw)
            try {
                parseModel(bytes, "mutated")
            } catch (error: ManifestException) {
                refused++
            }
        }
        assertTrue(refused in MUTATIONS / 2 until MUTATIONS) { "$refused of $MUTATIONS refused" }
    }

    private fun mutated(sound: ByteArray, draw: Random): ByteArray {
        var bytes = sound
        repeat(draw.nextInt(1, 4)) {
            val at = draw.nextInt(bytes.size)
            val (before, after) = bytes.copyOf(at) to bytes.copyOfRange(at, bytes.size)
            bytes = when (draw.nextInt(5)) {
                0 -> before + draw.nextBytes(1) + after.drop(1)
                1 -> before + after.drop(draw.nextInt(1, 20))
                2 -> before + PIECES.random(draw).toByteArray() + after
                3 -> before + sound.copyOfRange(at / 2, minOf(at / 2 + 40, sound.size)) + after
                else -> String(bytes).replaceFirst(NUMBER, PIECES.random(draw)).toByteArray()
            }
        }
        return bytes
    }

    private fun parsed(text: String): Any? = parseJson(text.toByteArray())

    private companion object {
        const val MUTATIONS = 3000
        val NUMBER = Regex("(?<=: )-?[0-9.]+(?=,\n)")
        val PIECES =
            listOf("{", "}", "[", "]", "\"", ",", ":", "null", "1e999", "-1", "\\u0000", "9".repeat(40))
    }
}
