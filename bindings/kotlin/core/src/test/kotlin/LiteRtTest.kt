package dev.mf2edge

import dev.mf2edge.jvm.LiteRtJna
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.io.File
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

internal class LiteRtTest {
    @Test
    fun `a library that is not there is told of`() {
        assertThrows(RuntimeUnavailableException::class.java) { LiteRtJna.load(File("/no/libLiteRt.so")) }
        assertThrows(IllegalArgumentException::class.java) { LiteRtJna.load(LIBRARY, threads = 0) }
    }

    @Test
    fun `bytes that are no model are refused`() {
        val engine = LiteRtJna.load(LIBRARY)
        for (bytes in listOf(ByteArray(0), ByteArray(100), "not a model".toByteArray())) {
            val file = ModelFile("x.tflite", ArtifactFormat.TFLITE, bytes, listOf(1, 2, 2, 3), "")
            assertThrows(BundleException::class.java) { engine.open(file) }
        }
        val other = ModelFile("x.pte", ArtifactFormat.EXECUTORCH, ByteArray(9), listOf(1), "")
        assertThrows(RuntimeUnavailableException::class.java) { engine.open(other) }
    }

    @Test
    fun `a model of another input is refused`() {
        val file = MODEL.resolve("blazeface_short_range/model.tflite")
        val shape = listOf(1, 64, 64, 3)
        val model = ModelFile("model.tflite", ArtifactFormat.TFLITE, file.readBytes(), shape, "")
        assertThrows(BundleException::class.java) { LiteRtJna.load(LIBRARY).open(model) }
    }

    @Test
    fun `the real model answers from any thread`() {
        val threads = Executors.newFixedThreadPool(2)
        FaceStateAnalyzer.load(BundleFiles.of(MODEL), LiteRtJna.load(LIBRARY)).use { analyzer ->
            val box = listOf(Box(0.0, 0.0, 64.0, 48.0))
            val here = analyzer.predict(grey(), box)
            val there = List(6) { threads.submit<List<FaceState>> { analyzer.predict(grey(), box) } }
            there.forEach { assertEquals(here, it.get(20, TimeUnit.SECONDS)) }
        }
        threads.shutdown()
    }
}
