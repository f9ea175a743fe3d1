#if canImport(UIKit)
import Foundation
import UIKit

extension Phone {
    /// What iOS tells of the phone, now; `thermalBefore` is what it told before the bench.
    @MainActor
    public static func here(thermalBefore: Thermal) -> Phone {
        UIDevice.current.isBatteryMonitoringEnabled = true
        let level: Double = Double(UIDevice.current.batteryLevel)
        return Phone(
            model: machine(),
            osVersion: UIDevice.current.systemVersion,
            thermalBefore: thermalBefore,
            thermalAfter: thermal(),
            lowPowerMode: ProcessInfo.processInfo.isLowPowerModeEnabled,
            batteryPercent: level < 0 ? nil : level * 100
        )
    }

    /// The thermal state, now.
    public static func thermal() -> Thermal {
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: return .nominal
        case .fair: return .fair
        case .serious: return .serious
        case .critical: return .critical
        @unknown default: return .unknown
        }
    }

    /// "iPhone13,2".
    private static func machine() -> String {
        var system = utsname()
        uname(&system)
        let bytes: [UInt8] = withUnsafeBytes(of: &system.machine) { Array($0) }
        return String(decoding: bytes.prefix(while: { $0 != 0 }), as: UTF8.self)
    }
}
#endif
