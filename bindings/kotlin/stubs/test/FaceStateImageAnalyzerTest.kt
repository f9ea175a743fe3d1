package dev.mf2edge.android

import dev.mf2edge.ActionUnitEvent
import dev.mf2edge.FaceState
import dev.mf2edge.Frame
import dev.mf2edge.FrameException
import dev.mf2edge.InferenceException
import dev.mf2edge.Mf2EdgeException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class FaceStateImageAnalyzerTest {
    private val said = mutableListOf<String>()
    private val errors = mutableListOf<Mf2EdgeException>()
    private val results = mutableListOf<CameraFaces>()
    private var failure: RuntimeException? = null
    private var image: FakeImage? = null

    private val scene = object : Scene {
        override fun update(frame: Frame, timestampMs: Double): List<FaceState> {
            assertEquals(0, image?.closes, "closed before its faces are known")
            said += "${frame.width} x ${frame.height} at $timestampMs"
            failure?.let { throw it }
            return emptyList()
        }

        override fun takeEvents() = emptyList<ActionUnitEvent>()

        override fun reset() {
            said += "reset"
        }
    }

    private val analyzer = FaceStateImageAnalyzer(scene, ImageProxyFrames(), results::add, errors::add)

    private fun analyze(next: FakeImage) {
        image = next
        try {
            analyzer.analyze(next)
        } finally {
            assertEquals(1, next.closes)
        }
    }

    @Test
    fun framesAreUprightAndTimesInMilliseconds() {
        analyze(FakeImage(6, 4, nanos = 5_000_000))
        analyze(FakeImage(6, 4, nanos = 7_500_000))
        assertEquals(listOf("6 x 4 at 5.0", "6 x 4 at 7.5"), said)
        assertEquals(listOf(5.0, 7.5), results.map { it.timestampMs })
        assertEquals(6 to 4, results.last().width to results.last().height)
    }

    @Test
    fun aTurnedPhoneBeginsAnew() {
        for (rotation in listOf(90, 90, 270)) analyze(FakeImage(6, 4, rotation))
        assertEquals(listOf("4 x 6 at 0.0", "4 x 6 at 0.0", "reset", "4 x 6 at 0.0"), said)
    }

    @Test
    fun anErrorIsToldAndTheNextImageTried() {
        failure = InferenceException("no answer")
        analyze(FakeImage(6, 4))
        failure = null
        analyze(FakeImage(6, 4))
        assertEquals(listOf("no answer"), errors.map { it.message })
        assertEquals(1, results.size)
    }

    @Test
    fun whatIsNoYuvImageIsToldOf() {
        analyze(FakeImage(6, 4, format = 1))
        analyze(FakeImage(6, 4, given = List(3) { FakePlane(ByteArray(5), 6, 1) }))
        assertTrue(errors.all { it is FrameException } && errors.size == 2)
        assertEquals(emptyList<String>(), said)
    }

    @Test
    fun anImageThatTheCameraTookBackIsToldOf() {
        val gone = FakeImage(6, 4).apply { close() }
        analyzer.analyze(gone)
        assertTrue(errors.single() is FrameException)
    }

    @Test
    fun aFaultOfTheAppIsNotSwallowedAndTheImageIsClosed() {
        failure = IllegalStateException("a fault")
        assertThrows(IllegalStateException::class.java) { analyze(FakeImage(6, 4)) }
        assertEquals(emptyList<Mf2EdgeException>(), errors)
    }
}
