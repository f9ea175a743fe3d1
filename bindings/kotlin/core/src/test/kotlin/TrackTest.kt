package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** When faces are told of, and under which number; a search comes every 200 ms. */
internal class TrackTest {
    /** The numbers told at each time, where a face is seen at the times of [seen]. */
    private fun told(times: List<Int>, seen: Set<Int>): List<List<Int?>> {
        val engine = FakeEngine()
        return fakeAnalyzer(engine).use { analyzer ->
            val stream = analyzer.stream()
            times.map { time ->
                engine.face = time in seen
                stream.update(grey(), time.toDouble()).map { it.trackId }
            }
        }
    }

    @Test
    fun `faces of the first search are told of at once`() {
        assertEquals(listOf(listOf(1), listOf(1)), told(listOf(0, 40), setOf(0, 40)))
    }

    @Test
    fun `a new face is told of when the next search finds it too`() {
        val times = listOf(0, 200, 240, 400, 440)
        val expected = listOf(emptyList(), emptyList(), emptyList(), listOf(1), listOf(1))
        assertEquals(expected, told(times, setOf(200, 240, 400, 440)))
    }

    @Test
    fun `what one search alone has found is never told of`() {
        val times = listOf(0, 200, 240, 400, 600, 800, 1000)
        assertEquals(times.map { emptyList<Int>() }, told(times, setOf(200, 600)))
    }

    @Test
    fun `a face that comes back within a second keeps its number`() {
        assertEquals(listOf(listOf(1), emptyList(), listOf(1)), told(listOf(0, 400, 800), setOf(0, 800)))
    }

    @Test
    fun `a face that comes back later is a new one`() {
        val times = listOf(0, 400, 1400, 1600, 1800)
        val expected = listOf(listOf(1), emptyList(), emptyList(), emptyList(), listOf(2))
        assertEquals(expected, told(times, setOf(0, 1600, 1800)))
    }

    @Test
    fun `a face lies where the view says`() {
        val engine = FakeEngine().apply { face = true }
        fakeAnalyzer(engine).use { analyzer ->
            val (face) = analyzer.detect(grey())
            assertEquals(Box(15.5, 7.5, 32.0, 32.0), rounded(face.box))
            val (right, left) = face.landmarks!!
            assertEquals(right.y, left.y, 1e-4)
        }
    }

    private fun rounded(box: Box): Box {
        val near = { value: Double -> Math.rint(value * 1000) / 1000 }
        return Box(near(box.x), near(box.y), near(box.width), near(box.height))
    }
}
