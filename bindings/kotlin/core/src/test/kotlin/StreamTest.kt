package dev.mf2edge

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

internal class StreamTest {
    @Test
    fun `time does not run backwards`() {
        fakeAnalyzer().use { analyzer ->
            val stream = analyzer.stream()
            stream.update(grey(), 40.0)
            stream.update(grey(), 40.0)
            for (time in listOf(39.9, Double.NaN, Double.POSITIVE_INFINITY)) {
                assertThrows(TimestampException::class.java) { stream.update(grey(), time) }
            }
            stream.update(grey(), 41.0)
            stream.reset()
            stream.update(grey(), 0.0)
            assertEquals(emptyList<ActionUnitEvent>(), stream.takeEvents())
        }
    }

    @Test
    fun `one thread at a time`() {
        val within = CountDownLatch(1)
        val goOn = CountDownLatch(1)
        var waits = false
        val engine = FakeEngine {
            if (waits) {
                within.countDown()
                goOn.await(20, TimeUnit.SECONDS)
            }
        }
        fakeAnalyzer(engine).use { analyzer ->
            val stream = analyzer.stream()
            stream.update(grey(), 0.0)
            waits = true
            val other = thread { stream.update(grey(), 1000.0) }
            check(within.await(20, TimeUnit.SECONDS))
            assertThrows(ThreadException::class.java) { stream.update(grey(), 2000.0) }
            assertThrows(ThreadException::class.java) { stream.reset() }
            assertEquals(emptyList<ActionUnitEvent>(), stream.takeEvents())
            waits = false
            goOn.countDown()
            other.join()
            // It is whichever thread comes first that uses it.
            stream.update(grey(), 2000.0)
        }
    }

    @Test
    fun `the time between searches is a number`() {
        fakeAnalyzer().use { analyzer ->
            for (time in listOf(-1.0, Double.NaN)) {
                assertThrows(IllegalArgumentException::class.java) { analyzer.stream(time) }
            }
        }
    }

    @Test
    fun `a frame that fails leaves the stream usable`() {
        var sound = true
        fakeAnalyzer(FakeEngine { check(sound) { "worn out" } }).use { analyzer ->
            val stream = analyzer.stream()
            sound = false
            assertThrows(InferenceException::class.java) { stream.update(grey(), 0.0) }
            sound = true
            assertEquals(emptyList<FaceState>(), stream.update(grey(), 0.0))
        }
    }
}
