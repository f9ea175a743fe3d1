package dev.mf2edge

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.security.MessageDigest

/** Where the files of a bundle lie: a folder, an app's assets, an archive. */
public fun interface BundleFiles {
    /**
     * The bytes of a file; [path] is relative, with forward slashes. The caller closes the stream.
     *
     * @throws IOException if there is no such file, or it cannot be read
     */
    @Throws(IOException::class)
    public fun open(path: String): InputStream

    /** The files under a folder of these. */
    public fun inside(folder: String): BundleFiles = BundleFiles { path -> open("$folder/$path") }

    public companion object {
        /** The files of a folder; those outside it, reached by links, are refused. */
        @JvmStatic
        public fun of(folder: File): BundleFiles = BundleFiles { path ->
            val file = File(folder, path).canonicalFile
            if (!file.startsWith(folder.canonicalFile)) {
                throw IOException("leads out of the bundle's folder, to $file")
            }
            file.inputStream()
        }
    }
}

/**
 * A bundle: a `model.json` that has been read and checked, and the files it vouches for.
 *
 * No byte of a model is parsed before its size and sha256 are those that `model.json` records.
 */
public class Bundle private constructor(
    private val files: BundleFiles,
    public val spec: ModelSpec,
) {
    /** sha256 of the bytes of `manifest.json`: names this very bundle in records. */
    public val manifestSha256: String get() = spec.manifestSha256

    /**
     * The bytes of an artifact, checked.
     *
     * @throws BundleException if it cannot be read
     * @throws ChecksumException if it is damaged
     */
    public fun read(artifact: ArtifactSpec): ByteArray =
        readChecked(files, artifact.file, artifact.sha256, artifact.bytes)

    /**
     * The artifact of a format and precision, with float32 inputs and outputs and without
     * a delegate; with no precision given, the first listed.
     *
     * @throws BundleException that lists what there is
     */
    public fun select(format: ArtifactFormat, precision: Precision? = null): ArtifactSpec {
        val found = spec.artifacts.find {
            it.format == format && it.ioDtype == IoDtype.FLOAT32 && it.delegate == null &&
                (precision == null || it.precision == precision)
        }
        if (found != null) return found
        val held = spec.artifacts.joinToString { "${it.format.key} ${it.precision.key}" }
        val wanted = if (precision == null) "" else " of precision ${precision.key}"
        throw BundleException(
            "bundle ${spec.name} holds no ${format.key} artifact$wanted; it holds: $held",
        )
    }

    public companion object {
        /**
         * Read and check `model.json`.
         *
         * @throws BundleException if it cannot be read
         * @throws ManifestException if it is not valid
         * @throws ChecksumException if the `manifest.json` beside it, which need not be there, is
         *   another than it was derived from
         */
        @JvmStatic
        public fun load(files: BundleFiles): Bundle {
            val spec = parseModel(read(files, MODEL_JSON, LARGEST_JSON), MODEL_JSON)
            val manifest = try {
                read(files, MANIFEST, LARGEST_JSON)
            } catch (error: BundleException) {
                return Bundle(files, spec)
            }
            val digest = sha256(manifest)
            if (digest == spec.manifestSha256) return Bundle(files, spec)
            throw ChecksumException(
                "$MANIFEST: sha256 is $digest, $MODEL_JSON is derived from ${spec.manifestSha256}; " +
                    "copy both again",
            )
        }
    }
}

private const val MODEL_JSON = "model.json"
private const val MANIFEST = "manifest.json"

/** Bytes; more than any of these files: what is larger is another under its name. */
private const val LARGEST_JSON = 16L shl 20

/** Bytes; more than any network for phones. */
private const val LARGEST_FILE = 256L shl 20

/** A file whose sha256, and size in bytes where it is given, are as expected. */
internal fun readChecked(
    files: BundleFiles,
    path: String,
    expected: String,
    size: Long?,
): ByteArray {
    // One byte more than expected is enough to know, whatever the size of the file.
    val bytes = read(files, path, if (size == null) LARGEST_FILE else size + 1)
    if (size != null && bytes.size.toLong() != size) {
        val found = if (bytes.size > size) "more than $size" else "${bytes.size}"
        throw ChecksumException("$path: $found bytes, expected $size; copy it again")
    }
    val digest = sha256(bytes)
    if (digest != expected) {
        throw ChecksumException(
            "$path: sha256 is $digest, expected $expected; the file is damaged, copy it again",
        )
    }
    return bytes
}

/** The first [most] bytes of a file, or all. */
internal fun read(files: BundleFiles, path: String, most: Long): ByteArray = try {
    files.open(path).use { stream ->
        val made = ByteArrayOutputStream()
        val piece = ByteArray(1 shl 16)
        while (made.size() < most) {
            val wanted = minOf(piece.size.toLong(), most - made.size())
            val count = stream.read(piece, 0, wanted.toInt())
            if (count < 0) break
            made.write(piece, 0, count)
        }
        made.toByteArray()
    }
} catch (error: IOException) {
    throw BundleException(
        "$path: cannot be read (${error.message}); expected a bundle's file there", error,
    )
}

internal fun sha256(bytes: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
