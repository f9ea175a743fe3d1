package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

internal class AnalyzerTest {
    @Test
    fun `nobody is nobody`() {
        fakeAnalyzer().use { assertEquals(emptyList<FaceState>(), it.predict(grey())) }
    }

    @Test
    fun `boxes get one result each, in their order`() {
        val boxes = listOf(Box(-3.0, 2.0, 20.0, 30.0), Box(0.0, 0.0, 64.0, 48.0))
        fakeAnalyzer().use { analyzer ->
            val states = analyzer.predict(grey(), boxes)
            assertEquals(boxes, states.map { it.box })
            assertEquals(listOf(Status.UNALIGNED), states.map { it.status }.distinct())
            assertEquals(1.0, states[0].emotion.scores.values.sum(), 1e-12)
            assertEquals(0, analyzer.predict(grey(), emptyList()).size)
        }
    }

    @Test
    fun `malformed boxes are refused`() {
        val wrong = listOf(
            Box(Double.NaN, 0.0, 1.0, 1.0),
            Box(0.0, 0.0, Double.POSITIVE_INFINITY, 1.0),
            Box(0.0, 0.0, 0.0, 5.0),
            Box(0.0, 0.0, 5.0, -1.0),
            Box(64.0, 0.0, 5.0, 5.0),
            Box(-9.0, -9.0, 9.0, 9.0),
            Box(-1e7, -1e7, 1e8, 1e8),
        )
        fakeAnalyzer().use { analyzer ->
            for (box in wrong) {
                val error = assertThrows(BoxException::class.java) { analyzer.predict(grey(), listOf(box)) }
                assertTrue("box 0" in error.message!!)
            }
        }
    }

    @Test
    fun `faces of another detector are read, whatever their landmarks`() {
        val box = Box(0.0, 0.0, 60.0, 40.0)
        val spread = Landmarks.of { Point(10.0 + 5 * it.ordinal, 10.0 + it.ordinal * it.ordinal) }
        val nowhere = Landmarks.of { Point(Double.NaN, Double.NaN) }
        val oneEar = spread.copy(leftEar = Point(Double.NaN, 0.0))
        val far = Landmarks.of { Point(1e300 * it.ordinal, -1e300) }
        val one = Landmarks.of { Point(5.0, 5.0) }
        fakeAnalyzer().use { analyzer ->
            val status = { landmarks: Landmarks? ->
                analyzer.analyze(grey(), Detection(box, 0.5, landmarks)).status
            }
            assertEquals(Status.UNALIGNED, status(null))
            assertEquals(listOf(Status.UNALIGNED), listOf(nowhere, far, one).map(status).distinct())
            assertTrue(status(spread) != Status.UNALIGNED)
            assertTrue(analyzer.analyze(grey(), Detection(box, 0.5, oneEar)).headPose == null)
            assertThrows(BoxException::class.java) {
                analyzer.analyze(grey(), Detection(Box(0.0, 0.0, -1.0, 1.0), 0.5, null))
            }
        }
    }

    @Test
    fun `after close every call is refused`() {
        val engine = FakeEngine()
        val analyzer = fakeAnalyzer(engine)
        val stream = analyzer.stream()
        assertEquals(2, engine.open.get())
        analyzer.close()
        analyzer.close()
        assertEquals(0, engine.open.get())
        for (call in listOf<() -> Any>(
            { analyzer.predict(grey()) },
            { analyzer.predictCrops(listOf(grey())) },
            { analyzer.detect(grey()) },
            { stream.update(grey(), 0.0) },
        )) {
            assertThrows(RuntimeUnavailableException::class.java) { call() }
        }
    }

    @Test
    fun `calls of several threads are answered in turn`() {
        val engine = FakeEngine { Thread.sleep(2) }
        val threads = Executors.newFixedThreadPool(4)
        fakeAnalyzer(engine).use { analyzer ->
            val answers = List(12) { threads.submit<List<FaceState>> { analyzer.predict(grey()) } }
            answers.forEach { assertEquals(emptyList<FaceState>(), it.get(20, TimeUnit.SECONDS)) }
        }
        threads.shutdown()
        assertEquals(1, engine.mostBusy.get())
    }

    @Test
    fun `a model that is not the manifest's is refused, and nothing stays open`() {
        val engines = listOf(FakeEngine(listOf(3, 5)), FakeEngine(listOf(8)), FakeEngine(number = Float.NaN))
        for (engine in engines) {
            val error = assertThrows(ManifestException::class.java) { fakeAnalyzer(engine) }
            assertTrue("of bundle" in error.message!!)
            assertEquals(0, engine.open.get())
        }
    }

    @Test
    fun `a detector that is missing or wrong is refused`(@TempDir folder: File) {
        val options = AnalyzerOptions(detectors = BundleFiles.of(folder))
        val load = { FaceStateAnalyzer.load(BundleFiles.of(MODEL), FakeEngine(), options) }
        for (name in listOf("yunet_n", "blazeface_short_range")) {
            assertThrows(BundleException::class.java) { load() }
            val detector = folder.resolve(name).apply { mkdir() }.resolve("detector.json")
            detector.writeText("{\"file\": \"model.tflite\"}")
            assertThrows(BundleException::class.java) { load() }
            MODEL.resolve("$name/detector.json").copyTo(detector, overwrite = true)
            assertThrows(BundleException::class.java) { load() }
            val model = detector.resolveSibling("model.tflite")
            model.writeText("no model")
            assertThrows(ChecksumException::class.java) { load() }
            MODEL.resolve("$name/model.tflite").copyTo(model, overwrite = true)
        }
        load().close()
        val detector = folder.resolve("blazeface_short_range/detector.json")
        val many = Regex("\"per_cell\": \\d+").replace(detector.readText(), "\"per_cell\": 4096")
        detector.writeText(many)
        val refused = assertThrows(BundleException::class.java) { load() }
        assertTrue("more than 100000 anchors" in refused.message!!)
    }

    @Test
    fun `options of the detector that are out of range are refused`() {
        for (options in listOf<() -> Any>(
            { DetectionOptions(minFace = 0.0) },
            { DetectionOptions(minFace = Double.NaN) },
            { DetectionOptions(minFace = 40.0, fast = true) },
            { DetectionOptions(maxFaces = 0) },
            { DetectionOptions(minDetectionScore = 1.5) },
        )) {
            assertThrows(IllegalArgumentException::class.java) { options() }
        }
    }

    @Test
    fun `memory is kept for a few sizes of frames, and freed`() {
        val engine = FakeEngine()
        fakeAnalyzer(engine).use { analyzer ->
            for (width in 32..320 step 32) analyzer.predict(grey(width, 32))
            assertEquals(2 + 4, engine.open.get())
        }
        assertEquals(0, engine.open.get())
    }

    @Test
    fun `an engine that fails is told of`() {
        val loads = RunnerFactory { throw IllegalStateException("out of order") }
        val error = assertThrows(BundleException::class.java) {
            FaceStateAnalyzer.load(BundleFiles.of(MODEL), loads)
        }
        assertTrue("out of order" in error.message!!)
        val links = RunnerFactory { throw UnsatisfiedLinkError("libmissing.so") }
        assertThrows(RuntimeUnavailableException::class.java) {
            FaceStateAnalyzer.load(BundleFiles.of(MODEL), links)
        }
        var sound = true
        val engine = FakeEngine { check(sound) { "worn out" } }
        fakeAnalyzer(engine).use {
            sound = false
            assertThrows(InferenceException::class.java) { it.predict(grey()) }
        }
    }

    @Test
    fun `files outside a folder are not read`(@TempDir folder: File) {
        folder.resolve("secret").writeText("x")
        val inner = folder.resolve("inner").apply { mkdir() }
        assertThrows(BundleException::class.java) { read(BundleFiles.of(inner), "../secret", 10) }
    }

    @Test
    fun `formats and precisions that are not there are named`() {
        for (options in listOf(
            AnalyzerOptions(format = ArtifactFormat.COREML, precision = Precision.INT8),
            AnalyzerOptions(precision = Precision.INT8),
        )) {
            val error = assertThrows(BundleException::class.java) {
                FaceStateAnalyzer.load(BundleFiles.of(MODEL), FakeEngine(), options)
            }
            assertTrue("it holds: " in error.message!!)
        }
    }
}
