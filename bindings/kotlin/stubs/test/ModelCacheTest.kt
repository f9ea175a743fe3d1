package dev.mf2edge.android

import dev.mf2edge.ArtifactFormat
import dev.mf2edge.ModelFile
import dev.mf2edge.RuntimeUnavailableException
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ModelCacheTest {
    @TempDir
    lateinit var folder: File

    private val model = ModelFile("a/b.tflite", ArtifactFormat.TFLITE, byteArrayOf(1, 2, 3), listOf(1), "abc")

    @Test
    fun aModelIsWrittenOnceAndADamagedOneAgain() {
        val file = ModelCache(File(folder, "new")).file(model)
        assertArrayEquals(model.bytes, file.readBytes())
        val written = file.lastModified().also { file.setLastModified(it - 60_000) }
        assertEquals(written - 60_000, ModelCache(File(folder, "new")).file(model).lastModified())
        file.writeBytes(byteArrayOf(1, 2, 4))
        assertArrayEquals(model.bytes, ModelCache(File(folder, "new")).file(model).readBytes())
        assertEquals(listOf(file), File(folder, "new").listFiles()?.toList())
    }

    @Test
    fun aFolderThatCannotBeIsNamed() {
        val taken = File(folder, "file").apply { writeText("no folder") }
        assertThrows(RuntimeUnavailableException::class.java) { ModelCache(taken).file(model) }
    }
}
