package dev.mf2edge.bench

import android.content.Context
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager

/** What Android tells of the phone, now; [thermalBefore] is what it told before the bench. */
internal fun phone(context: Context, thermalBefore: Thermal): Phone {
    val battery = context.getSystemService(BatteryManager::class.java)
        .getIntProperty(BatteryManager.BATTERY_PROPERTY_CAPACITY)
    return Phone(
        model = Build.MODEL,
        soc = if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) null else known(Build.SOC_MODEL),
        osVersion = Build.VERSION.RELEASE,
        thermalBefore = thermalBefore,
        thermalAfter = thermal(context),
        lowPowerMode = context.getSystemService(PowerManager::class.java).isPowerSaveMode,
        batteryPercent = battery.takeIf { it in 0..100 }?.toDouble(),
    )
}

internal fun thermal(context: Context): Thermal {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return Thermal.UNKNOWN
    return Thermal.ofStatus(context.getSystemService(PowerManager::class.java).currentThermalStatus)
}

private fun known(word: String): String? = word.takeIf { it != Build.UNKNOWN && it.isNotBlank() }
