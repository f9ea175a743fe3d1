package dev.mf2edge

import kotlin.math.abs

/** The stages strung together: a frame in, the state of every face in it out. One thread at a time. */
internal class Pipeline private constructor(
    val info: Info,
    val detector: YuNetDetector,
    private val model: Model,
    private val decoder: Decoder,
) : AutoCloseable {

    /** The state of every face, largest first. */
    fun predict(frame: Image): List<FaceState> = detector.detect(frame).map { analyze(frame, it) }

    /** One state a box, in their order. */
    fun predict(frame: Image, boxes: List<Box>): List<FaceState> {
        boxes.forEachIndexed { i, box -> checkBox(box, "box $i", frame) }
        return boxes.map { analyze(frame, Detection(it, 1.0, null)) }
    }

    /** The state of the one face in a crop, whose landmarks are looked for in all of it. */
    fun predictCrop(crop: Image): FaceState {
        val box = Box(0.0, 0.0, crop.width.toDouble(), crop.height.toDouble())
        return readFace(crop, detector.refine(crop, box) ?: Detection(box, 1.0, null))
    }

    /** A detected face; its landmarks are looked for if there are none. */
    fun analyze(frame: Image, face: Detection): FaceState {
        if (face.landmarks != null) return readFace(frame, face)
        return readFace(frame, face.copy(landmarks = detector.refine(frame, face.box)?.landmarks))
    }

    override fun close() {
        detector.use { model.close() }
    }

    private fun readFace(frame: Image, face: Detection): FaceState {
        val spec = info.spec
        val landmarks = face.landmarks?.takeIf(::isUsable)
        val similarity = landmarks?.let { similarity(it, spec.alignment) }
        val small = minOf(face.box.width, face.box.height) < spec.decoding.minFaceSize
        val status = when {
            similarity == null -> Status.UNALIGNED
            small -> Status.SMALL
            else -> Status.OK
        }
        val aligned = when (similarity) {
            null -> resizeCrop(frame, face.box, spec.alignment)
            else -> align(frame, similarity, spec.alignment)
        }
        val pose = landmarks?.let(::headPose)
        val quality = faceQuality(aligned, face.box, pose)
        val doubt = Reason.LOW_QUALITY.takeIf { quality.overall < LOW_QUALITY || face.doubtful }
        val told = decoder.decode(model.run(preprocess(aligned)), status, doubt)
        return FaceState(
            face.box,
            face.landmarks,
            face.score,
            told.emotion,
            told.actionUnits,
            status,
            pose,
            quality.withVisibility(told.visibility),
            trackId = null,
            visibility = told.visibility,
        )
    }

    private fun preprocess(aligned: Image): FloatArray = when (info.artifact.input) {
        ModelInput.IMAGE -> asInput(aligned, info.artifact.layout)
        ModelInput.TENSOR -> toInput(aligned, info.spec.preprocessing, info.artifact.layout)
    }

    companion object {
        /** Check and load everything; nothing is left open where that fails. */
        fun open(files: BundleFiles, runners: RunnerFactory, options: AnalyzerOptions): Pipeline {
            val bundle = Bundle.load(files)
            val artifact = bundle.select(options.format, options.precision)
            val model = openArtifact(runners, bundle, artifact)
            val detectors = options.detectors ?: files
            val detector = try {
                val finder = YuNet.load(detectors.inside("yunet_n"), runners)
                val landmarks = BlazeFace.load(detectors.inside("blazeface_short_range"), runners)
                YuNetDetector(finder, landmarks, options.detection)
            } catch (error: Throwable) {
                model.close()
                throw error
            }
            val info = Info(bundle.spec, artifact)
            val decoder = Decoder(bundle.spec, options.includeExperimental)
            return Pipeline(info, detector, model, decoder)
        }
    }
}

/** Pixels; far beyond any frame the arithmetic of positions is no longer exact. */
private const val LARGEST_POSITION = 1e6

/** [name] is what messages call the box. */
internal fun checkBox(box: Box, name: String, frame: Image) {
    val (x, y, width, height) = box
    val what = "$name (x=$x, y=$y, width=$width, height=$height)"
    if (!listOf(x, y, width, height).all { abs(it) < LARGEST_POSITION }) {
        throw BoxException("$what: expected finite numbers below $LARGEST_POSITION")
    }
    if (width <= 0 || height <= 0) throw BoxException("$what: expected a positive width and height")
    val beside = x >= frame.width || x + width <= 0
    if (beside || y >= frame.height || y + height <= 0) {
        throw BoxException("$what lies outside the frame of ${frame.width} x ${frame.height} px")
    }
}

/** Whether landmarks can carry an alignment: finite, eyes apart. */
private fun isUsable(landmarks: Landmarks): Boolean {
    val (right, left) = landmarks
    val finite = listOf(right.x, right.y, left.x, left.y).all(Double::isFinite)
    return finite && (right.x != left.x || right.y != left.y)
}
