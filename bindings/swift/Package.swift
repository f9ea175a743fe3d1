// swift-tools-version:5.9
import Foundation
import PackageDescription

// `mf2-edge export` hands out the library without its tests.
let tested = FileManager.default.fileExists(atPath: Context.packageDirectory + "/Tests")
let tests: [Target] = [
    .testTarget(
        name: "MF2EdgeTests",
        dependencies: ["MF2Edge", "MF2EdgeBench"]
    ),
    // The repository's tests run it: every stage against the goldens, and real faces.
    .executableTarget(
        name: "Replay",
        dependencies: ["MF2Edge", "MF2EdgeLiteRT"],
        path: "Tests/Replay"
    ),
]

// Xcode puts it into an app's privacy report; no other system knows it.
#if os(macOS)
let privacy: [Resource] = [.copy("PrivacyInfo.xcprivacy")]
let left: [String] = []
#else
let privacy: [Resource] = []
let left = ["PrivacyInfo.xcprivacy"]
#endif

let package = Package(
    name: "MF2Edge",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "MF2Edge", targets: ["MF2Edge"]),
        .library(name: "MF2EdgeApple", targets: ["MF2EdgeApple"]),
        .library(name: "MF2EdgeLiteRT", targets: ["MF2EdgeLiteRT"]),
        .library(name: "MF2EdgeBench", targets: ["MF2EdgeBench"]),
    ],
    targets: [
        // Foundation alone: builds on Linux, too.
        .target(name: "MF2Edge"),
        // Core ML, Vision and AVFoundation; empty where they are not.
        .target(name: "MF2EdgeApple", dependencies: ["MF2Edge"], exclude: left, resources: privacy),
        // LiteRT by its shared library, which is loaded when a program asks for it.
        .target(name: "MF2EdgeLiteRT", dependencies: ["MF2Edge"]),
        .target(name: "MF2EdgeBench", dependencies: ["MF2Edge"]),
    ] + (tested ? tests : [])
)
