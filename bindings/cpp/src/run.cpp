#include "mf2_edge/run.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>

#include "litert.hpp"
#include "mf2_edge/errors.hpp"

namespace mf2_edge {

class LiteRt {
 public:
  explicit LiteRt(const std::string& library) : call(litert::load(library)) {
    litert::EnvironmentOption quiet{};
    quiet.tag = litert::kMinimumSeverity;
    quiet.value.type = litert::kIntValue;
    quiet.value.number = litert::kErrorsOnly;
    if (call.CreateEnvironment(1, &quiet, &environment) != 0) {
      throw RuntimeUnavailableError("LiteRT cannot make its environment");
    }
  }
  ~LiteRt() { call.DestroyEnvironment(environment); }
  LiteRt(const LiteRt&) = delete;
  LiteRt& operator=(const LiteRt&) = delete;

  const litert::Functions call;
  litert::Environment environment = nullptr;
};

std::shared_ptr<LiteRt> open_litert(const std::string& library) {
  return std::make_shared<LiteRt>(library);
}

/** Everything of one model; freed in the order in which LiteRT wants it. */
struct Model::Loaded {
  Loaded(std::shared_ptr<LiteRt> litert, std::string content)
      : engine(std::move(litert)), bytes(std::move(content)) {}
  ~Loaded() {
    for (litert::Buffer each : outputs) engine->call.DestroyTensorBuffer(each);
    if (input) engine->call.DestroyTensorBuffer(input);
    if (compiled) engine->call.DestroyCompiledModel(compiled);
    if (options) engine->call.DestroyOptions(options);
    if (model) engine->call.DestroyModel(model);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

  std::shared_ptr<LiteRt> engine;
  std::string bytes;  // LiteRT reads from here for as long as the model lives
  litert::Model model = nullptr;
  litert::Options options = nullptr;
  litert::CompiledModel compiled = nullptr;
  litert::Buffer input = nullptr;
  std::vector<litert::Buffer> outputs;
  std::vector<int> input_shape;
  std::vector<std::vector<int>> output_shapes;
  std::vector<std::size_t> order;  // of the outputs, as the exported model returns them
  std::mutex turn;
};

namespace {

std::size_t size_of(const std::vector<int>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t(1),
                         [](std::size_t size, int axis) { return size * std::size_t(axis); });
}

std::vector<int> shape_of(const litert::TensorType& type, const std::string& name) {
  const auto rank = std::min<unsigned>(type.layout.rank, 8);
  std::vector<int> shape(type.layout.dimensions, type.layout.dimensions + rank);
  const bool sized = std::all_of(shape.begin(), shape.end(), [](int axis) { return axis > 0; });
  if (type.element != litert::kFloat32 || !sized) {
    throw BundleError(name + ": a tensor is not float32 of a fixed size; export it with float doors");
  }
  return shape;
}

/** `output_2` before `output_10`. */
std::pair<std::string, long> numbers_last(const std::string& name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  const std::size_t digits = last == std::string::npos ? 0 : last + 1;
  return {name.substr(0, digits), std::strtol(name.c_str() + digits, nullptr, 10)};
}

}  // namespace

Model::Model(std::shared_ptr<LiteRt> engine, std::string bytes, const std::string& name,
             int threads)
    : loaded_(std::make_unique<Loaded>(std::move(engine), std::move(bytes))) {
  Loaded& made = *loaded_;
  const litert::Functions& call = made.engine->call;
  const auto check = [&name](litert::Status status, const char* step) {
    if (status != 0) {
      throw BundleError(name + ": LiteRT cannot " + step + " (status " + std::to_string(status) +
                        "); expected a .tflite model");
    }
  };
  check(call.CreateModelFromBuffer(made.engine->environment, made.bytes.data(), made.bytes.size(),
                                   &made.model),
        "read the model");
  check(call.CreateOptions(&made.options), "make options");
  check(call.SetOptionsHardwareAccelerators(made.options, litert::kCpu), "choose the CPU");
  const std::string choice = "num_threads = " + std::to_string(threads) + "\n";
  litert::OpaqueOptions cpu = nullptr;
  check(call.CreateOpaqueOptions("xnnpack", strdup(choice.c_str()), free, &cpu), "make options");
  check(call.AddOpaqueOptions(made.options, cpu), "set options");
  check(call.CreateCompiledModel(made.engine->environment, made.model, made.options,
                                 &made.compiled),
        "compile the model");

  litert::Signature signature = nullptr;
  std::size_t inputs = 0, outputs = 0;
  check(call.GetModelSignature(made.model, 0, &signature), "find a signature");
  check(call.GetNumSignatureInputs(signature, &inputs), "count inputs");
  check(call.GetNumSignatureOutputs(signature, &outputs), "count outputs");
  if (inputs != 1) throw BundleError(name + ": several inputs; expected one image");

  litert::Tensor tensor = nullptr;
  litert::TensorType type{};
  litert::Requirements needs = nullptr;
  check(call.GetSignatureInputTensorByIndex(signature, 0, &tensor), "find its input");
  check(call.GetRankedTensorType(tensor, &type), "type its input");
  made.input_shape = shape_of(type, name);
  check(call.GetCompiledModelInputBufferRequirements(made.compiled, 0, 0, &needs), "size its input");
  check(call.CreateManagedTensorBufferFromRequirements(made.engine->environment, &type, needs,
                                                       &made.input),
        "make room for its input");
  std::vector<std::string> names;
  std::vector<std::vector<int>> shapes;
  for (std::size_t i = 0; i < outputs; ++i) {
    const char* output_name = nullptr;
    check(call.GetSignatureOutputName(signature, i, &output_name), "name an output");
    names.emplace_back(output_name);
    check(call.GetSignatureOutputTensorByIndex(signature, i, &tensor), "find an output");
    check(call.GetRankedTensorType(tensor, &type), "type an output");
    shapes.push_back(shape_of(type, name));
    check(call.GetCompiledModelOutputBufferRequirements(made.compiled, 0, i, &needs),
          "size an output");
    litert::Buffer buffer = nullptr;
    check(call.CreateManagedTensorBufferFromRequirements(made.engine->environment, &type, needs,
                                                         &buffer),
          "make room for an output");
    made.outputs.push_back(buffer);
  }
  const char* key = nullptr;
  check(call.GetSignatureKey(signature, &key), "name its signature");
  made.order.resize(outputs);
  std::iota(made.order.begin(), made.order.end(), std::size_t(0));
  // Converters number outputs by name, while their order in the file is the converter's choice.
  if (std::strcmp(key, litert::kNoSignature) != 0) {
    std::sort(made.order.begin(), made.order.end(), [&names](std::size_t a, std::size_t b) {
      return numbers_last(names[a]) < numbers_last(names[b]);
    });
  }
  for (std::size_t each : made.order) made.output_shapes.push_back(shapes[each]);
}

Model::~Model() = default;

Outputs Model::run(const std::vector<float>& input) {
  Loaded& made = *loaded_;
  const litert::Functions& call = made.engine->call;
  const auto check = [](litert::Status status, const char* step) {
    if (status != 0) {
      throw InferenceError(std::string("LiteRT cannot ") + step + " (status " +
                           std::to_string(status) + ")");
    }
  };
  if (input.size() != size_of(made.input_shape)) {
    throw InferenceError("the input has " + std::to_string(input.size()) + " numbers; the model takes " +
                         std::to_string(size_of(made.input_shape)));
  }
  const std::lock_guard<std::mutex> turn(made.turn);
  void* memory = nullptr;
  check(call.LockTensorBuffer(made.input, &memory, litert::kWrite), "write the input");
  std::memcpy(memory, input.data(), input.size() * sizeof(float));
  check(call.UnlockTensorBuffer(made.input), "write the input");
  check(call.RunCompiledModel(made.compiled, 0, 1, &made.input, made.outputs.size(),
                              made.outputs.data()),
        "run the model");
  Outputs found;
  for (std::size_t i = 0; i < made.order.size(); ++i) {
    litert::Buffer buffer = made.outputs[made.order[i]];
    check(call.LockTensorBuffer(buffer, &memory, litert::kRead), "read an output");
    const auto* numbers = static_cast<const float*>(memory);
    found.emplace_back(numbers, numbers + size_of(made.output_shapes[i]));
    check(call.UnlockTensorBuffer(buffer), "read an output");
    if (!std::all_of(found[i].begin(), found[i].end(), [](float x) { return std::isfinite(x); })) {
      throw InferenceError("an output of the model holds NaN or infinity");
    }
  }
  return found;
}

const std::vector<int>& Model::input_shape() const { return loaded_->input_shape; }

const std::vector<std::vector<int>>& Model::output_shapes() const {
  return loaded_->output_shapes;
}

void check_outputs(const Model& model, const Manifest& manifest, const ArtifactSpec& artifact) {
  const int width = int(manifest.input.width), height = int(manifest.input.height);
  const bool last = artifact.layout == Layout::NHWC;
  const std::vector<int> taken = last ? std::vector<int>{1, height, width, 3}
                                      : std::vector<int>{1, 3, height, width};
  if (model.input_shape() != taken) {
    throw ManifestError(artifact.file + " does not take the manifest's input");
  }
  const auto& shapes = model.output_shapes();
  const auto check = [&](std::int64_t output, std::size_t size, const std::string& what) {
    if (std::size_t(output) >= shapes.size() ||
        shapes[std::size_t(output)] != std::vector<int>{1, int(size)}) {
      throw ManifestError(artifact.file + ": output " + std::to_string(output) + " is not " + what +
                          " of " + std::to_string(size) + " values");
    }
  };
  for (const HeadSpec& head : manifest.heads) {
    check(head.output, head.labels.size(), std::string("the head ") + to_string(head.name));
  }
  for (const VectorSpec& vector : manifest.vectors) {
    check(vector.output, std::size_t(vector.width), "the vector " + vector.name);
  }
}

}  // namespace mf2_edge
