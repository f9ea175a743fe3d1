package dev.mf2edge.sample

import dev.mf2edge.Box
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class ViewMapTest {
    private val box = Box(120.0, 160.0, 60.0, 80.0)

    @Test
    fun aFrameFillsTheViewFromItsMiddle() {
        // 480 x 640 in 600 x 1280: twice as large, 180 px cut off on either side.
        val map = ViewMap(480, 640, 600, 1280, mirror = false)
        assertEquals(ViewRect(60f, 320f, 180f, 480f), map.rect(box))
        assertEquals(ViewRect(-180f, 0f, 780f, 1280f), map.rect(Box(0.0, 0.0, 480.0, 640.0)))
        val wide = ViewMap(480, 640, 960, 1000, mirror = false)
        assertEquals(ViewRect(240f, 180f, 360f, 340f), wide.rect(box))
    }

    @Test
    fun aMirrorExchangesLeftAndRight() {
        val map = ViewMap(480, 640, 600, 1280, mirror = true)
        assertEquals(ViewRect(420f, 320f, 540f, 480f), map.rect(box))
    }

    @Test
    fun theRateIsThatOfTheLastSecond() {
        val rate = Rate()
        assertEquals(0.0, rate.at(5000.0))
        assertEquals(10.0, rate.at(5100.0), 1e-9)
        val slow = (1..30).map { rate.at(5100.0 + 40 * it) }
        assertEquals(25.0, slow.last(), 1e-9)
    }
}
