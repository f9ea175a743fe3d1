package dev.mf2edge.android

import dev.mf2edge.ArtifactFormat
import dev.mf2edge.BundleException
import dev.mf2edge.ModelFile
import dev.mf2edge.Runner
import dev.mf2edge.RunnerFactory
import dev.mf2edge.RuntimeUnavailableException
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The stubs answer as engines whose native library is not in the app. */
class EnginesTest {
    @TempDir
    lateinit var folder: File

    private val bytes = File(System.getProperty("models").substringBefore("=")).readBytes()

    private fun model(format: ArtifactFormat, content: ByteArray = bytes) =
        ModelFile("model.${format.key}", format, content, listOf(1, 112, 112, 3), "abc")

    @Test
    fun anAppWithoutTheLibraryIsTold() {
        for (unit in LiteRtUnit.entries) {
            assertThrows(RuntimeUnavailableException::class.java) {
                LiteRtRunners(folder, unit, 2).open(model(ArtifactFormat.TFLITE))
            }
        }
        assertThrows(RuntimeUnavailableException::class.java) {
            ExecuTorchRunners(folder).open(model(ArtifactFormat.EXECUTORCH))
        }
        assertEquals(setOf("abc.tflite", "abc.executorch"), folder.list()?.toSet())
    }

    @Test
    fun aPhoneThatIsTooOldIsToldBeforeAnEngineSeesTheModel() {
        for (format in listOf(ArtifactFormat.TFLITE, ArtifactFormat.EXECUTORCH)) {
            val model = ModelFile("new.x", format, bytes, listOf(1, 112, 112, 3), "abc", mapOf("android" to "99"))
            val runners = if (format == ArtifactFormat.TFLITE) LiteRtRunners(folder) else ExecuTorchRunners(folder)
            val error = assertThrows(RuntimeUnavailableException::class.java) { runners.open(model) }
            assertTrue("needs Android's API level 99, and this is 36" in error.message.orEmpty(), error.message)
            checkSystem(model, 99)
        }
        assertEquals(emptyList<String>(), folder.list()?.toList())
    }

    @Test
    fun litertOpensNothingElse() {
        assertThrows(BundleException::class.java) { LiteRtRunners(folder).open(model(ArtifactFormat.ONNX)) }
        val broken = model(ArtifactFormat.TFLITE, bytes.copyOf(999))
        assertThrows(BundleException::class.java) { LiteRtRunners(folder).open(broken) }
        assertEquals(emptyList<String>(), folder.list()?.toList())
    }

    @Test
    fun executorchLeavesTheDetectorToLitert() {
        val runner = object : Runner {
            override fun run(input: FloatArray) = emptyList<FloatArray>()

            override fun close() = Unit
        }
        val others = RunnerFactory { if (it.format == ArtifactFormat.TFLITE) runner else throw AssertionError() }
        assertSame(runner, ExecuTorchRunners(folder, 1, others).open(model(ArtifactFormat.TFLITE)))
    }

    @Test
    fun threadsAreCounted() {
        assertThrows(IllegalArgumentException::class.java) { LiteRtRunners(folder, numThreads = 0) }
        assertThrows(IllegalArgumentException::class.java) { ExecuTorchRunners(folder, -1) }
    }
}
