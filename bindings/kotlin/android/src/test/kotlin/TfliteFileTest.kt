package dev.mf2edge.android

import dev.mf2edge.BundleException
import java.io.File
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Properties `model` and `order`: a .tflite file and the order of its outputs, "1,0". */
class TfliteFileTest {
    private val bytes = File(System.getProperty("model")).readBytes()

    @Test
    fun theOrderIsThatOfTheExportedModel() {
        val wanted = System.getProperty("order").split(",").map(String::toInt)
        val read = TfliteFile.read(bytes, "model.tflite")
        assertEquals(wanted, read.order)
        assertEquals(wanted.size, read.outputs)
    }

    @Test
    fun whatIsNoModelIsRefused() {
        for (broken in listOf(ByteArray(0), ByteArray(64), "manifest".toByteArray(), bytes.copyOf(999))) {
            assertThrows(BundleException::class.java) { TfliteFile.read(broken, "broken.tflite") }
        }
    }

    @Test
    fun aDamagedModelIsReadOrRefused() {
        val random = Random(3)
        var refused = 0
        repeat(300) {
            val damaged = bytes.copyOf()
            repeat(20) { damaged[random.nextInt(4000)] = random.nextInt().toByte() }
            try {
                TfliteFile.read(damaged, "damaged.tflite")
            } catch (_: BundleException) {
                refused++
            }
        }
        assertTrue(refused > 0)
    }
}
