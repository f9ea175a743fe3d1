package dev.mf2edge

import java.io.File
import kotlin.math.abs

// Each stage of the pipeline against its goldens: the largest difference, what is allowed, the cases.

/** The largest difference of a stage so far; NaN counts as infinite. */
internal class Worst {
    var difference = 0.0
    var n = 0

    fun compare(found: DoubleArray, recorded: DoubleArray) {
        if (found.size != recorded.size) fail()
        found.zip(recorded) { ours, theirs ->
            val off = abs(ours - theirs)
            difference = if (off.isNaN()) Double.POSITIVE_INFINITY else maxOf(difference, off)
        }
        n++
    }

    fun compare(found: FloatArray, recorded: DoubleArray) =
        compare(DoubleArray(found.size) { found[it].toDouble() }, recorded)

    fun compare(found: Image, recorded: DoubleArray) =
        compare(DoubleArray(found.rgb.size) { (found.rgb[it].toInt() and 0xFF).toDouble() }, recorded)

    fun fail() {
        difference = Double.POSITIVE_INFINITY
    }

    fun report(tolerance: Double) = mapOf(
        "max_difference" to difference.takeIf { it.isFinite() },
        "tolerance" to tolerance,
        "n" to n,
    )
}

internal fun File.npy(name: String) = readNpy(resolve("$name.npy"))

private fun File.number(name: String) = npy(name).numbers.single()

internal fun replayModels(file: File): Any {
    val worst = Worst()
    for (case in parseJson(file.readBytes()) as List<*>) {
        val (text, valid) = (case as Map<*, *>).let { it["text"] as String to it["valid"] as Boolean }
        val accepted = try {
            parseModel(text.toByteArray(), "case")
            true
        } catch (error: ManifestException) {
            false
        }
        if (accepted != valid) worst.difference++
        worst.n++
    }
    return worst.report(0.0)
}

/** A picture with transparent parts, its alpha straight and multiplied in, as a frame on white. */
internal fun replayFrame(stages: File): Any {
    val expected = stages.npy("alpha/rgb").numbers
    val worst = Worst()
    for ((name, alpha) in listOf("rgba" to Alpha.STRAIGHT, "premultiplied" to Alpha.PREMULTIPLIED)) {
        val given = stages.npy("alpha/$name")
        val (height, width) = given.shape
        val argb = IntArray(height * width) { i ->
            val (red, green, blue, opacity) = List(4) { given.bytes[4 * i + it].toInt() and 0xFF }
            opacity shl 24 or (red shl 16) or (green shl 8) or blue
        }
        val frames = listOf(
            Frame.fromRgba(width, height, given.bytes, alpha = alpha),
            Frame.fromArgb(width, height, argb, alpha),
        )
        for (frame in frames) worst.compare(Image(width, height, frame.rgb), expected)
    }
    return worst.report(stages.number("tolerance/alpha"))
}

internal fun replayAlign(stages: File, spec: AlignmentSpec): Any {
    val frame = stages.npy("frame").image()
    val cases = stages.npy("align/landmarks")
    val worst = Worst()
    for (i in 0 until cases.shape.first()) {
        val points = cases.row(i)
        val landmarks = Landmarks.of { Point(points[2 * it.ordinal], points[2 * it.ordinal + 1]) }
        val matrix = Worst()
        val similarity = similarity(landmarks, spec)!!
        val (a, b, tx, c, d, ty) = similarity
        matrix.compare(doubleArrayOf(a, b, tx, c, d, ty), stages.npy("align/matrix").row(i))
        if (matrix.difference > stages.number("tolerance/matrix")) worst.fail()
        worst.compare(align(frame, similarity, spec), stages.npy("align/aligned").row(i))
    }
    val views = stages.npy("warp/matrix")
    val (_, height, width) = stages.npy("warp/view").shape
    for (i in 0 until views.shape.first()) {
        val (a, b, tx, c, d) = views.row(i)
        val matrix = Matrix(a, b, tx, c, d, views.row(i)[5])
        val view = warp(frame, matrix, width, height, Outside.BLACK)
        worst.compare(view, stages.npy("warp/view").row(i))
    }
    return worst.report(stages.number("tolerance/align"))
}

internal fun replayPreprocess(goldens: File, spec: PreprocessingSpec): Any {
    val aligned = goldens.npy("aligned")
    val worst = Worst()
    for (i in 0 until aligned.shape.first()) {
        val input = toInput(aligned.image(i), spec, Layout.NCHW)
        worst.compare(input, goldens.npy("preprocess").row(i))
    }
    return worst.report(goldens.number("tolerance/preprocess"))
}

/** The recorded array of a precision, where it has one of its own. */
private fun File.ofPrecision(name: String, precision: Precision): Npy {
    val own = "$name/${precision.key}"
    return npy(if (resolve("$own.npy").exists()) own else name)
}

internal fun replayRun(goldens: File, files: BundleFiles, runners: RunnerFactory): Any {
    val aligned = goldens.npy("aligned")
    val bundle = Bundle.load(files)
    val spec = bundle.spec
    val runs = spec.artifacts
        .filter { it.format == ArtifactFormat.TFLITE && it.ioDtype == IoDtype.FLOAT32 }
        .map { artifact ->
            val worst = Worst()
            openArtifact(runners, bundle, artifact).use { model ->
                for (i in 0 until aligned.shape.first()) {
                    val outputs = model.run(inputOf(aligned.image(i), spec, artifact))
                    for (head in spec.heads) {
                        val name = "${goldenName(head.name)}_logits"
                        val recorded = goldens.ofPrecision(name, artifact.precision)
                        worst.compare(outputs[head.output.toInt()], recorded.row(i))
                    }
                }
            }
            worst.n = aligned.shape.first()
            worst to goldens.ofPrecision("tolerance/model", artifact.precision).numbers.single()
        }
    // Of several files the one that comes nearest to what it is allowed.
    val (worst, tolerance) = runs.maxBy { (worst, tolerance) -> worst.difference / tolerance }
    return worst.report(tolerance)
}

private fun inputOf(image: Image, spec: ModelSpec, artifact: ArtifactSpec) =
    when (artifact.input) {
        ModelInput.IMAGE -> asInput(image, artifact.layout)
        ModelInput.TENSOR -> toInput(image, spec.preprocessing, artifact.layout)
    }

internal fun replayDecode(goldens: File, spec: ModelSpec): Any {
    val decoder = Decoder(spec)
    val worst = Worst()
    for (head in spec.heads) {
        val name = goldenName(head.name)
        val logits = goldens.npy("${name}_logits")
        val scores = goldens.npy("${name}_scores")
        for (i in 0 until logits.shape.first()) {
            worst.compare(decoder.scores(head.name, logits.floats(i)).toDoubleArray(), scores.row(i))
        }
        worst.n = logits.shape.first()
    }
    return worst.report(goldens.number("tolerance/decode"))
}

/** What the arrays of a head are called. */
private fun goldenName(head: HeadName) = if (head == HeadName.ACTION_UNITS) "au" else head.key

private fun Npy.floats(i: Int) = row(i).map(Double::toFloat).toFloatArray()

/** What each face says once its heads are decoded: intensity, visibility and reasons included. */
internal fun replayAnswers(goldens: File, spec: ModelSpec): Any {
    val decoder = Decoder(spec)
    val heads = spec.heads.sortedBy { it.output }
    val logits = heads.map { goldens.npy("${goldenName(it.name)}_logits") }
    return List(logits.first().shape.first()) { i ->
        val told = decoder.decode(logits.map { it.floats(i) }, Status.OK, null)
        mapOf(
            "emotion" to told.emotion.label,
            "reason" to told.emotion.reason.key,
            "visibility" to told.visibility,
            "action_units" to told.actionUnits.mapValues { (_, unit) ->
                mapOf(
                    "present" to unit.present,
                    "reason" to unit.reason.key,
                    "intensity" to unit.intensity,
                    "level" to unit.level?.name?.lowercase(),
                    "world" to unit.reliability?.world?.f1,
                )
            },
        )
    }
}

internal fun replaySmooth(folder: File, spec: ModelSpec): Any {
    val series = folder.resolve("smooth")
    val labels = spec.head(HeadName.EMOTION).labels
    val unitLabels = spec.head(HeadName.ACTION_UNITS).labels
    val smoother = Smoother(spec, 1)
    val worst = Worst()
    series.npy("timestamps_ms").numbers.forEachIndexed { t, timestamp ->
        val emotions = labels.zip(series.npy("emotion_scores").row(t).toList()).toMap()
        val units = series.npy("au_scores").row(t)
        val strengths = series.rowOf("strength_scores", t)
        val raw = unitLabels.mapIndexed { i, label ->
            label to ActionUnit("", units[i], false, Reason.CONFIDENT, strengths?.get(i))
        }
        val regions = spec.findHead(HeadName.VISIBILITY)?.labels.orEmpty()
        val seen = regions.zip(series.rowOf("visibility_scores", t)?.toList().orEmpty()).toMap()
        val smoothed = smoother.update(stateOf(emotions, raw.toMap(), seen), timestamp).state
        val scores = smoothed.emotion.scores.values.toDoubleArray()
        worst.compare(scores, series.npy("smoothed_emotion_scores").row(t))
        val made = smoothed.actionUnits.values.map { it.score }.toDoubleArray()
        worst.compare(made, series.npy("smoothed_au_scores").row(t))
        series.rowOf("smoothed_strength_scores", t)?.let { expected ->
            worst.compare(smoothed.actionUnits.values.map { it.strength!! }.toDoubleArray(), expected)
        }
        series.rowOf("smoothed_visibility_scores", t)?.let { expected ->
            worst.compare(smoothed.visibility.values.toDoubleArray(), expected)
        }
        val present = smoothed.actionUnits.values.map { if (it.present) 1.0 else 0.0 }
        if (present != series.npy("present").row(t).toList()) worst.fail()
        val label = labels[series.npy("label").numbers[t].toInt()]
        if (smoothed.emotion.label != label) worst.fail()
        worst.n = t + 1
    }
    return worst.report(folder.number("tolerance/smooth"))
}

/** A row of an array of the goldens, where the network has that head. */
private fun File.rowOf(name: String, t: Int): DoubleArray? =
    if (resolve("$name.npy").exists()) npy(name).row(t) else null

private fun stateOf(
    emotions: Map<String, Double>,
    units: Map<String, ActionUnit>,
    visibility: Map<String, Double>,
): FaceState {
    val raw = emotions.maxBy { it.value }
    val emotion = Emotion(raw.key, raw.key, raw.value, emotions, Reason.CONFIDENT)
    val quality = FaceQuality(1.0, 1.0, 1.0, 1.0, 1.0)
    val box = Box(0.0, 0.0, 1.0, 1.0)
    return FaceState(box, null, 1.0, emotion, units, Status.OK, null, quality, null, visibility)
}
