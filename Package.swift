// swift-tools-version:5.9
// The package as Swift Package Manager adds it by the repository's address; bindings/swift holds its
// sources and a manifest of its own, with the tests.
import PackageDescription

let sources = "bindings/swift/Sources/"
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
        .target(name: "MF2Edge", path: sources + "MF2Edge"),
        .target(
            name: "MF2EdgeApple",
            dependencies: ["MF2Edge"],
            path: sources + "MF2EdgeApple",
            exclude: left,
            resources: privacy
        ),
        .target(name: "MF2EdgeLiteRT", dependencies: ["MF2Edge"], path: sources + "MF2EdgeLiteRT"),
        .target(name: "MF2EdgeBench", dependencies: ["MF2Edge"], path: sources + "MF2EdgeBench"),
    ]
)
