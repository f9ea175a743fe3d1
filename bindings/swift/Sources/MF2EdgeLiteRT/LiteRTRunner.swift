import Foundation
import MF2Edge

/// Key of the signature that LiteRT makes up for a model that has none.
private let noSignature: String = "<placeholder signature>"

private let cpu: Int32 = 1
private let float32: Int32 = 1
private let read: Int32 = 0
private let write: Int32 = 1

/// Runs one `.tflite` on LiteRT. It serves one thread at a time.
public final class LiteRTRunner: Runner {
    private let engine: LiteRT
    private let name: String
    /// LiteRT reads from here for as long as the model lives.
    private let bytes: UnsafeMutableRawBufferPointer
    private var model: Handle?
    private var options: Handle?
    private var compiled: Handle?
    private var input: Buffer?
    private var outputs: [Buffer] = []
    /// Places of the outputs as the exported model returns them; the file's order is the converter's.
    private var order: [Int] = []

    private struct Buffer {
        let handle: Handle
        let name: String
        let count: Int
    }

    /// A bundle's `tflite` artifact with float doors, whose bytes are checked first.
    ///
    /// Throws `Mf2EdgeError.runtimeUnavailable` if this system is older than the model needs, `.bundle` if
    /// LiteRT cannot read it, `.checksum` if it is damaged.
    public convenience init(engine: LiteRT, bundle: ModelBundle, artifact: ArtifactSpec) throws {
        try artifact.checkSystem()
        try self.init(engine: engine, name: artifact.file, model: try bundle.read(artifact))
    }

    /// A model of one float32 input and float32 outputs; `name` is what messages call it.
    ///
    /// Throws `Mf2EdgeError.bundle` if LiteRT cannot read it.
    public init(engine: LiteRT, name: String, model: [UInt8]) throws {
        self.engine = engine
        self.name = name
        self.bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(model.count, 1), alignment: 16
        )
        self.bytes.copyBytes(from: model)
        try compile(model.count)
        try findTensors()
    }

    deinit {
        for buffer in outputs {
            engine.call.destroyTensorBuffer(buffer.handle)
        }
        if let made = input { engine.call.destroyTensorBuffer(made.handle) }
        if let made = compiled { engine.call.destroyCompiledModel(made) }
        if let made = options { engine.call.destroyOptions(made) }
        if let made = model { engine.call.destroyModel(made) }
        bytes.deallocate()
    }

    /// All outputs for one input, float32, in the order of the exported model.
    public func run(_ input: [Float]) throws -> [[Float]] {
        guard let into = self.input, into.count == input.count else {
            throw Mf2EdgeError.inference(
                "the input holds \(input.count) numbers; \(name) takes \(self.input?.count ?? 0)"
            )
        }
        try locked(into, write) { memory in
            memory.copyMemory(from: input, byteCount: input.count * MemoryLayout<Float>.size)
        }
        let from: [Handle?] = [into.handle]
        let to: [Handle?] = outputs.map { $0.handle }
        try check(engine.call.runCompiledModel(compiled, 0, 1, from, to.count, to), "run the model")
        var found: [[Float]] = []
        for place in order {
            let output: Buffer = outputs[place]
            var numbers = [Float](repeating: 0, count: output.count)
            try locked(output, read) { memory in
                numbers.withUnsafeMutableBytes { (room: UnsafeMutableRawBufferPointer) -> Void in
                    room.copyMemory(from: UnsafeRawBufferPointer(start: memory, count: room.count))
                }
            }
            found.append(numbers)
        }
        return found
    }

    private func compile(_ count: Int) throws {
        let call: Functions = engine.call
        guard let start = bytes.baseAddress else { throw failure("read the model", 0) }
        try need(call.createModelFromBuffer(engine.environment, start, count, &model), "read the model")
        try need(call.createOptions(&options), "make options")
        try need(call.setOptionsHardwareAccelerators(options, cpu), "choose the CPU")
        // LiteRT frees the text of these options by the function that it is given.
        let text: UnsafeMutablePointer<CChar>? = strdup("num_threads = \(engine.threads)\n")
        var xnnpack: Handle?
        try need(
            call.createOpaqueOptions("xnnpack", UnsafeMutableRawPointer(text), { free($0) }, &xnnpack),
            "make options"
        )
        try need(call.addOpaqueOptions(options, xnnpack), "set options")
        try need(
            call.createCompiledModel(engine.environment, model, options, &compiled),
            "compile the model"
        )
    }

    private func findTensors() throws {
        let call: Functions = engine.call
        var signature: Handle?
        var inputs: Int = 0
        var count: Int = 0
        try need(call.getModelSignature(model, 0, &signature), "find a signature")
        try need(call.getNumSignatureInputs(signature, &inputs), "count inputs")
        try need(call.getNumSignatureOutputs(signature, &count), "count outputs")
        if inputs != 1 {
            throw Mf2EdgeError.bundle("\(name): \(inputs) inputs; expected one image")
        }
        var tensor: Handle?
        try need(call.getSignatureInputTensorByIndex(signature, 0, &tensor), "find its input")
        input = try buffer("input", tensor) { call.inputBufferRequirements(compiled, 0, 0, $0) }
        for i in 0..<count {
            var label: UnsafePointer<CChar>?
            try need(call.getSignatureOutputName(signature, i, &label), "name an output")
            try need(call.getSignatureOutputTensorByIndex(signature, i, &tensor), "find an output")
            let title: String = label.map { String(cString: $0) } ?? ""
            outputs.append(
                try buffer(title, tensor) { call.outputBufferRequirements(compiled, 0, i, $0) }
            )
        }
        var key: UnsafePointer<CChar>?
        try need(call.getSignatureKey(signature, &key), "name its signature")
        order = Array(outputs.indices)
        // Converters number outputs by name, while their order in the file is the converter's choice.
        if key.map({ String(cString: $0) }) != noSignature {
            order.sort { comesBefore(outputs[$0].name, outputs[$1].name) }
        }
    }

    /// Room for a tensor of float32 of a fixed size.
    private func buffer(
        _ title: String, _ tensor: Handle?, _ requirements: (Made) -> Status
    ) throws -> Buffer {
        // { int element; unsigned rank : 7; bool strided : 1; int dimensions[8]; unsigned strides[8]; }
        var type = [Int32](repeating: 0, count: 18)
        try need(engine.call.getRankedTensorType(tensor, &type), "type a tensor")
        let shape: [Int] = type[2..<(2 + min(Int(type[1] & 0x7F), 8))].map { Int($0) }
        if type[0] != float32 || !shape.allSatisfy({ $0 > 0 }) {
            throw Mf2EdgeError.bundle(
                "\(name): a tensor is not float32 of a fixed size; export it with float doors"
            )
        }
        var needs: Handle?
        var made: Handle?
        try need(requirements(&needs), "size a tensor")
        try need(engine.call.createBuffer(engine.environment, type, needs, &made), "make room")
        guard let handle = made else { throw failure("make room", 0) }
        return Buffer(handle: handle, name: title, count: shape.reduce(1, *))
    }

    private func locked(
        _ buffer: Buffer, _ mode: Int32, _ work: (UnsafeMutableRawPointer) -> Void
    ) throws {
        var memory: UnsafeMutableRawPointer?
        try check(engine.call.lockTensorBuffer(buffer.handle, &memory, mode), "reach a tensor")
        if let found = memory { work(found) }
        try check(engine.call.unlockTensorBuffer(buffer.handle), "leave a tensor")
    }

    /// A step of reading the model.
    private func need(_ status: Status, _ step: String) throws {
        if status != 0 { throw failure(step, status) }
    }

    private func failure(_ step: String, _ status: Status) -> Mf2EdgeError {
        return .bundle(
            "\(name): LiteRT cannot \(step) (status \(status)); expected a .tflite model"
        )
    }

    /// A step of a run.
    private func check(_ status: Status, _ step: String) throws {
        if status != 0 {
            throw Mf2EdgeError.inference("\(name): LiteRT cannot \(step) (status \(status))")
        }
    }
}

/// `output_2` before `output_10`.
private func comesBefore(_ one: String, _ other: String) -> Bool {
    func parts(_ name: String) -> (String, Int) {
        let digits = name.reversed().prefix(while: { $0.isASCII && $0.isNumber }).count
        return (String(name.dropLast(digits)), Int(name.suffix(digits)) ?? 0)
    }
    return parts(one) < parts(other)
}
