/// One loaded model, ready to run: what an inference engine has to offer.
///
/// The analyzer calls a runner from one thread at a time, though not always from the same one.
public protocol Runner: AnyObject {
    /// All outputs for one input, in the order in which the exported model returns them.
    ///
    /// `input` is float32 of the artifact's shape, row by row: [1, height, width, 3] or
    /// [1, 3, height, width], normalised, or the aligned face's pixels 0...255 where the artifact's
    /// `input` is `image`. Any error reaches the caller of the analyzer as `Mf2EdgeError.inference`.
    func run(_ input: [Float]) throws -> [[Float]]
}

/// Finds the faces of a frame.
public protocol FaceDetector: AnyObject {
    /// Any number of faces of a frame, in its pixels.
    func detect(_ frame: Frame) throws -> [Detection]

    /// The face inside a box with its landmarks; nil if there is none.
    func refine(_ frame: Frame, _ box: Box) throws -> Detection?

    /// A face that was at `face` a moment ago, by one look there; nil if it is gone.
    func follow(_ frame: Frame, _ face: Detection) throws -> Detection?

    /// The same detector for the frames of one scene; by default itself.
    func forStream() -> FaceDetector
}

extension FaceDetector {
    /// Itself.
    public func forStream() -> FaceDetector { return self }
}

/// A runner whose inputs and answers are checked.
struct Model {
    private let runner: Runner
    private let name: String
    private let shape: [Int]

    /// Runs the model once to see that its outputs are the manifest's.
    ///
    /// Throws `Mf2EdgeError.manifest` if they are not.
    init(_ runner: Runner, _ artifact: ArtifactSpec, _ spec: ModelSpec) throws {
        let size: InputSpec = spec.input
        let whole: String = "\(artifact.file) of bundle \(spec.name)"
        let sides: [Int] = [size.width, size.height]
        if !sides.allSatisfy({ $0 <= 4096 }) {
            throw Mf2EdgeError.manifest("\(whole) takes \(sides) pixels; expected those of a face")
        }
        self.runner = runner
        self.name = artifact.file
        switch artifact.layout {
        case .nhwc: self.shape = [1, size.height, size.width, size.channels]
        case .nchw: self.shape = [1, size.channels, size.height, size.width]
        }
        let zeros = [Float](repeating: 0, count: size.width * size.height * size.channels)
        let outputs: [[Float]]
        do {
            outputs = try run(zeros)
        } catch let error as Mf2EdgeError {
            throw Mf2EdgeError.manifest(
                "\(whole) does not take the manifest's input: \(error.message)"
            )
        }
        var expected: [(name: String, output: Int, width: Int)] = []
        for head in spec.heads {
            expected.append((head.name.rawValue, head.output, head.labels.count))
        }
        for embedding in spec.embeddings {
            expected.append((embedding.name, embedding.output, embedding.width))
        }
        for each in expected {
            let found: Int? = each.output < outputs.count ? outputs[each.output].count : nil
            if found == each.width { continue }
            let instead: String = found.map { "has \($0)" } ?? "is not there"
            throw Mf2EdgeError.manifest(
                "\(whole): output \(each.output) should be \(each.name) of \(each.width) values, and "
                    + instead
            )
        }
    }

    /// All outputs for one input, checked; throws `Mf2EdgeError.inference`.
    func run(_ input: [Float]) throws -> [[Float]] {
        if input.count != shape.reduce(1, *) {
            throw Mf2EdgeError.inference(
                "the input holds \(input.count) numbers; \(name) takes \(shape)"
            )
        }
        let outputs: [[Float]]
        do {
            outputs = try runner.run(input)
        } catch let error as Mf2EdgeError {
            throw error
        } catch {
            throw Mf2EdgeError.inference("\(name) failed to run: \(error)")
        }
        for output in outputs where !output.allSatisfy({ $0.isFinite }) {
            throw Mf2EdgeError.inference(
                "an output of \(name) holds NaN or infinity; try another precision, and report it"
            )
        }
        return outputs
    }
}
