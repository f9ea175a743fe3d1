import Foundation
import MF2Edge

// LiteRT by its C API, loaded from a shared library. LiteRT ships no headers beside its library: names,
// numbers and layouts are those of litert/c of release 2, on 64-bit systems.

typealias Handle = OpaquePointer
typealias Made = UnsafeMutablePointer<OpaquePointer?>
typealias Count = UnsafeMutablePointer<Int>
typealias Text = UnsafeMutablePointer<UnsafePointer<CChar>?>
typealias Status = Int32
typealias Free = @convention(c) (Handle?) -> Void

/// LiteRT's library. Its models run on the CPU; any thread may open them, and each serves one at a time.
public final class LiteRT {
    let call: Functions
    let environment: Handle
    let threads: Int

    /// Load LiteRT from the path of `libLiteRt.so` or `libLiteRt.dylib`; it stays loaded. `threads` hold
    /// for each model.
    ///
    /// Throws `Mf2EdgeError.runtimeUnavailable` if it cannot be loaded, or is of another release.
    public init(library: String, threads: Int = 1) throws {
        if threads < 1 {
            throw Mf2EdgeError.runtimeUnavailable("threads is \(threads); expected 1 or more")
        }
        // The library stays, since its threads may outlive a model.
        guard let handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            let why: String = dlerror().map { String(cString: $0) } ?? library
            throw Mf2EdgeError.runtimeUnavailable(
                "LiteRT cannot be loaded (\(why)); expected the path of libLiteRt"
            )
        }
        self.threads = threads
        self.call = try Functions(handle)
        // One option of the environment: only errors are logged.
        var option: [Int64] = [Tag.minimumSeverity, Tag.intValue, Tag.errorsOnly]
        var made: OpaquePointer?
        let status: Status = call.createEnvironment(1, &option, &made)
        guard status == 0, let environment = made else {
            throw Mf2EdgeError.runtimeUnavailable(
                "LiteRT cannot make its environment (status \(status))"
            )
        }
        self.environment = environment
    }

    deinit {
        call.destroyEnvironment(environment)
    }

    private enum Tag {
        static let minimumSeverity: Int64 = 25
        static let intValue: Int64 = 2
        static let errorsOnly: Int64 = 3
    }
}

/// The functions of one loaded library that are used here.
struct Functions {
    let createEnvironment: @convention(c) (Int32, UnsafeRawPointer, Made) -> Status
    let destroyEnvironment: Free
    let createModelFromBuffer: @convention(c) (Handle, UnsafeRawPointer, Int, Made) -> Status
    let destroyModel: Free
    let createOptions: @convention(c) (Made) -> Status
    let destroyOptions: Free
    let setOptionsHardwareAccelerators: @convention(c) (Handle?, Int32) -> Status
    let createOpaqueOptions:
        @convention(c) (
            UnsafePointer<CChar>, UnsafeMutableRawPointer?,
            @convention(c) (UnsafeMutableRawPointer?) -> Void, Made
        ) -> Status
    let addOpaqueOptions: @convention(c) (Handle?, Handle?) -> Status
    let createCompiledModel: @convention(c) (Handle, Handle?, Handle?, Made) -> Status
    let destroyCompiledModel: Free
    let getModelSignature: @convention(c) (Handle?, Int, Made) -> Status
    let getSignatureKey: @convention(c) (Handle?, Text) -> Status
    let getNumSignatureInputs: @convention(c) (Handle?, Count) -> Status
    let getNumSignatureOutputs: @convention(c) (Handle?, Count) -> Status
    let getSignatureOutputName: @convention(c) (Handle?, Int, Text) -> Status
    let getSignatureInputTensorByIndex: @convention(c) (Handle?, Int, Made) -> Status
    let getSignatureOutputTensorByIndex: @convention(c) (Handle?, Int, Made) -> Status
    let getRankedTensorType: @convention(c) (Handle?, UnsafeMutableRawPointer) -> Status
    let inputBufferRequirements: @convention(c) (Handle?, Int, Int, Made) -> Status
    let outputBufferRequirements: @convention(c) (Handle?, Int, Int, Made) -> Status
    let createBuffer: @convention(c) (Handle, UnsafeRawPointer, Handle?, Made) -> Status
    let destroyTensorBuffer: Free
    let lockTensorBuffer:
        @convention(c) (Handle, UnsafeMutablePointer<UnsafeMutableRawPointer?>, Int32) -> Status
    let unlockTensorBuffer: @convention(c) (Handle) -> Status
    let runCompiledModel:
        @convention(c) (
            Handle?, Int, Int, UnsafePointer<OpaquePointer?>, Int, UnsafePointer<OpaquePointer?>
        ) -> Status

    init(_ library: UnsafeMutableRawPointer) throws {
        func find<Function>(_ name: String) throws -> Function {
            guard let symbol = dlsym(library, "LiteRt\(name)") else {
                throw Mf2EdgeError.runtimeUnavailable(
                    "LiteRt\(name) is not in this LiteRT; expected release 2"
                )
            }
            return unsafeBitCast(symbol, to: Function.self)
        }
        createEnvironment = try find("CreateEnvironment")
        destroyEnvironment = try find("DestroyEnvironment")
        createModelFromBuffer = try find("CreateModelFromBuffer")
        destroyModel = try find("DestroyModel")
        createOptions = try find("CreateOptions")
        destroyOptions = try find("DestroyOptions")
        setOptionsHardwareAccelerators = try find("SetOptionsHardwareAccelerators")
        createOpaqueOptions = try find("CreateOpaqueOptions")
        addOpaqueOptions = try find("AddOpaqueOptions")
        createCompiledModel = try find("CreateCompiledModel")
        destroyCompiledModel = try find("DestroyCompiledModel")
        getModelSignature = try find("GetModelSignature")
        getSignatureKey = try find("GetSignatureKey")
        getNumSignatureInputs = try find("GetNumSignatureInputs")
        getNumSignatureOutputs = try find("GetNumSignatureOutputs")
        getSignatureOutputName = try find("GetSignatureOutputName")
        getSignatureInputTensorByIndex = try find("GetSignatureInputTensorByIndex")
        getSignatureOutputTensorByIndex = try find("GetSignatureOutputTensorByIndex")
        getRankedTensorType = try find("GetRankedTensorType")
        inputBufferRequirements = try find("GetCompiledModelInputBufferRequirements")
        outputBufferRequirements = try find("GetCompiledModelOutputBufferRequirements")
        createBuffer = try find("CreateManagedTensorBufferFromRequirements")
        destroyTensorBuffer = try find("DestroyTensorBuffer")
        lockTensorBuffer = try find("LockTensorBuffer")
        unlockTensorBuffer = try find("UnlockTensorBuffer")
        runCompiledModel = try find("RunCompiledModel")
    }
}
