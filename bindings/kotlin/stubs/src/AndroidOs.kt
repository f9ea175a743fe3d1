// Android SDK, API 36.
package android.os

class Bundle

class Build private constructor() {
    object VERSION {
        @JvmField
        val SDK_INT: Int = 36

        @JvmField
        val RELEASE: String = "16"
    }

    object VERSION_CODES {
        const val Q = 29
        const val S = 31
    }

    companion object {
        @JvmField
        val MODEL: String = "stub"

        @JvmField
        val SOC_MODEL: String = "stub"

        const val UNKNOWN = "unknown"
    }
}

class PowerManager private constructor() {
    val isPowerSaveMode: Boolean
        get() = throw NotImplementedError()
    val currentThermalStatus: Int
        get() = throw NotImplementedError()
}

class BatteryManager private constructor() {
    fun getIntProperty(id: Int): Int = throw NotImplementedError()

    companion object {
        const val BATTERY_PROPERTY_CAPACITY = 4
    }
}
