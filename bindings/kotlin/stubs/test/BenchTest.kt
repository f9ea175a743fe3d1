package dev.mf2edge.bench

import dev.mf2edge.ArtifactFormat
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class BenchTest {
    private var now = 0L
    private var queries = 0
    private var closed = 0
    private val model = ModelFile("a.tflite", ArtifactFormat.TFLITE, ByteArray(1), listOf(1), "abc")

    /** Loads in 4 ms; its nth query takes n ms. */
    private val engine = RunnerFactory {
        now += 4_000_000
        object : Runner {
            override fun run(input: FloatArray): List<FloatArray> {
                now += ++queries * 1_000_000L
                return emptyList()
            }

            override fun close() {
                closed++
            }
        }
    }

    private fun measure(effort: Effort) = measure(engine, model, FloatArray(1), effort) { now }

    @Test
    fun theFirstQueryAndTheWarmUpAreNotAmongTheSamples() {
        val found = measure(Effort(warmUp = 2, queries = 3))
        assertEquals(4.0, found.loadMs)
        assertEquals(1.0, found.firstMs)
        assertEquals(listOf(4.0, 5.0, 6.0), found.samplesMs)
        assertEquals(1, closed)
    }

    @Test
    fun timeEndsABenchButNotBeforeItsFirstSample() {
        assertEquals(listOf(2.0, 3.0), measure(Effort(0, 1000, 0.005)).samplesMs)
        assertEquals(1, measure(Effort(0, 1000, 0.0)).samplesMs.size)
    }

    @Test
    fun thermalStatesAreThoseOfTheReport() {
        val words = listOf(null, 0, 1, 2, 3, 4, 5, 6, -1).map { Thermal.ofStatus(it).key }
        val wanted = "unknown nominal fair fair serious critical critical critical unknown".split(" ")
        assertEquals(wanted, words)
    }

    private val phone = Phone("Pixel \"8\"\n\\", null, "16", Thermal.FAIR, Thermal.SERIOUS, true, null)

    private fun run(time: Double) = Run("abc", "cpu", null, "LiteRT", Measured(1.0, 2.0, listOf(time)), emptyMap())

    @Test
    fun aReportIsJson() {
        val text = deviceReport("tiny", "def", "2026-01-02T03:04:05Z", phone, listOf(run(1e-5)))
        assertTrue(""""model":"Pixel \"8\"\u000a\\"""" in text, text)
        assertTrue(""""battery_percent":null""" in text)
        assertTrue(""""samples_ms":[1.0E-5]""" in text)
    }

    @Test
    fun aReportOfNothingIsRefused() {
        assertThrows(IllegalArgumentException::class.java) { deviceReport("a", "b", "c", phone, emptyList()) }
        assertThrows(IllegalArgumentException::class.java) {
            deviceReport("a", "b", "c", phone, listOf(run(Double.NaN)))
        }
    }
}
