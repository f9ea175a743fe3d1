package dev.mf2edge.android

import dev.mf2edge.BundleException
import java.io.File
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Property `models`: .tflite files and the order of their outputs, "file=1,0;file=0,1". */
class TfliteFileTest {
    private val models = System.getProperty("models").split(";").map { it.substringBefore("=") to it.substringAfter("=") }
    private val bytes = File(models.first().first).readBytes()

    @Test
    fun theOrderIsThatOfTheExportedModel() {
        for ((file, order) in models) {
            val wanted = order.split(",").map(String::toInt)
            val read = TfliteFile.read(File(file).readBytes(), file)
            assertEquals(wanted, read.order, file)
            assertEquals(wanted.size, read.outputs, file)
        }
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
