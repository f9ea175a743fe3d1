// Declarations of UIKit, and of what Apple's Foundation has beyond that of Linux, as far as MF2EdgeBench
// uses them; they compute nothing (CoreGraphics.swift).
@_exported import Foundation

@MainActor
public final class UIDevice: NSObject {
    public static let current = UIDevice()
    public var isBatteryMonitoringEnabled: Bool = false
    public let batteryLevel: Float = -1
    public let systemVersion: String = ""
}

extension ProcessInfo {
    public enum ThermalState: Int, Sendable {
        case nominal = 0
        case fair = 1
        case serious = 2
        case critical = 3
    }
    public var thermalState: ThermalState { return .nominal }
    public var isLowPowerModeEnabled: Bool { return false }
}
