import Foundation

extension ArtifactSpec {
    /// That this system is not older than the oldest one that runs the file, by `minimumOs`.
    ///
    /// The runners of this package ask before they load a model. Throws `Mf2EdgeError.runtimeUnavailable`. On other
    /// systems than iOS and macOS, and where the file says nothing, nothing is thrown.
    public func checkSystem() throws {
        #if os(macOS) || targetEnvironment(macCatalyst)
        try checkSystem("macos", "macOS", ProcessInfo.processInfo.operatingSystemVersion)
        #elseif os(iOS)
        try checkSystem("ios", "iOS", ProcessInfo.processInfo.operatingSystemVersion)
        #endif
    }

    func checkSystem(_ key: String, _ name: String, _ found: OperatingSystemVersion) throws {
        guard let least = minimumOs[key] else { return }
        let here: [Int] = [found.majorVersion, found.minorVersion, found.patchVersion]
        var needed: [Int] = least.split(separator: ".").map { Int($0) ?? 0 }
        needed += [Int](repeating: 0, count: max(0, here.count - needed.count))
        if here.lexicographicallyPrecedes(needed) {
            let version: String = here.map { String($0) }.joined(separator: ".")
            throw Mf2EdgeError.runtimeUnavailable(
                "\(file) needs \(name) \(least), and this is \(version); choose a file for older systems, or "
                    + "make \(least) the deployment target of the app"
            )
        }
    }
}
