import Foundation
import XCTest

@testable import MF2Edge

/// A file on a system that is too old for it is a typed error before any engine sees it.
final class SystemTests: XCTestCase {
    private func says(_ major: Int, _ minor: Int, of key: String = "ios") throws -> String? {
        let artifact: ArtifactSpec = try ModelBundle(folder: shippedBundle).select(.coreml)
        let version = OperatingSystemVersion(
            majorVersion: major, minorVersion: minor, patchVersion: 1
        )
        do {
            try artifact.checkSystem(key, "iOS", version)
            return nil
        } catch Mf2EdgeError.runtimeUnavailable(let message) {
            return message
        }
    }

    func testSystemsOfTheManifest() throws {
        let artifact: ArtifactSpec = try ModelBundle(folder: shippedBundle).select(.coreml)
        let least: String = try XCTUnwrap(artifact.minimumOs["ios"])
        let major: Int = try XCTUnwrap(Int(least.split(separator: ".")[0]))
        XCTAssertNil(try says(major, 0))
        XCTAssertNil(try says(100, 0))
        XCTAssertNil(try says(1, 0, of: "visionos"))
        let message: String = try XCTUnwrap(try says(major - 1, 9))
        XCTAssertTrue(message.contains("needs iOS \(least), and this is \(major - 1).9.1"), message)
    }

    func testThisSystem() throws {
        for artifact in try ModelBundle(folder: shippedBundle).spec.artifacts {
            XCTAssertNoThrow(try artifact.checkSystem())
        }
    }
}
