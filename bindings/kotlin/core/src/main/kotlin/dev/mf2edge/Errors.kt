package dev.mf2edge

/**
 * Base of every exception that this library throws on purpose. A message says what was wrong, what was
 * expected and what to do.
 */
public open class Mf2EdgeException(message: String, cause: Throwable? = null) :
    RuntimeException(message, cause)

/** A frame is not an image that can be analysed. */
public class FrameException(message: String) : Mf2EdgeException(message)

/** A face box given by the caller is malformed or lies outside the frame. */
public class BoxException(message: String) : Mf2EdgeException(message)

/** A bundle cannot be used: a file is missing, or is no model. */
public open class BundleException(message: String, cause: Throwable? = null) :
    Mf2EdgeException(message, cause)

/** A `model.json` does not follow the schema, or contradicts itself or the model beside it. */
public class ManifestException(message: String, cause: Throwable? = null) :
    BundleException(message, cause)

/** A file's bytes are not the ones whose sha256 `model.json` records. */
public class ChecksumException(message: String) : BundleException(message)

/** This machine cannot run the model, or the analyzer was closed. */
public class RuntimeUnavailableException(message: String, cause: Throwable? = null) :
    Mf2EdgeException(message, cause)

/** A model ran but its answer is unusable (wrong shape, or not finite), or it failed to run. */
public class InferenceException(message: String, cause: Throwable? = null) :
    Mf2EdgeException(message, cause)

/** A frame of a stream is older than the one before, or its time is no number. */
public class TimestampException(message: String) : Mf2EdgeException(message)

/** A thread called what another thread is using, or a thread that must not wait called it. */
public class ThreadException(message: String) : Mf2EdgeException(message)
