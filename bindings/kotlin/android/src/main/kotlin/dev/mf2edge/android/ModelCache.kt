package dev.mf2edge.android

import dev.mf2edge.ModelFile
import dev.mf2edge.RuntimeUnavailableException
import java.io.File
import java.io.IOException

/** Models as files, for engines that read nothing else; named by their sha256. */
internal class ModelCache(private val folder: File) {
    /**
     * A file with the bytes of the model, which have been checked.
     *
     * @throws RuntimeUnavailableException if it cannot be written
     */
    fun file(model: ModelFile): File {
        val file = File(folder, "${model.sha256}.${model.format.key}")
        try {
            // What lies there may be of another time; only the bytes themselves are trusted.
            if (file.isFile && file.readBytes().contentEquals(model.bytes)) return file
            folder.mkdirs()
            val partial = File.createTempFile("partial", null, folder)
            try {
                partial.writeBytes(model.bytes)
                // A rename leaves a file that another analyzer has mapped as it is.
                if (!partial.renameTo(file)) throw IOException("it cannot be renamed")
            } finally {
                partial.delete()
            }
        } catch (error: IOException) {
            throw RuntimeUnavailableException(
                "$file: cannot be written (${error.message}); expected a folder of the app with room " +
                    "for the model, such as Context.cacheDir",
                error,
            )
        }
        return file
    }
}
