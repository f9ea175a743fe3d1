package dev.mf2edge

/**
 * The manifest in the bytes of a `manifest.json`; [source] (its path) is named in messages.
 *
 * The same verdicts as `mf2_edge.manifest.parse_manifest`.
 *
 * @throws ManifestException for what is not JSON, a missing, unknown or ill-typed key, another major
 *   schema, or parts that contradict each other
 */
public fun parseManifest(bytes: ByteArray, source: String): Manifest = TODO()
