#include <algorithm>
#include <cstring>
#include <numeric>

#include "litert.hpp"
#include "mf2_edge/errors.hpp"
#include "mf2_edge/run.hpp"

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

namespace {

/** Everything of one model; freed in the order in which LiteRT wants it. */
class TfliteModel : public Model {
 public:
  TfliteModel(std::shared_ptr<LiteRt> engine, std::string bytes, const std::string& name,
              int threads)
      : engine_(std::move(engine)), bytes_(std::move(bytes)) {
    try {
      compile(name, threads);
      find_tensors(name);
    } catch (...) {
      release();
      throw;
    }
  }
  ~TfliteModel() override { release(); }

 protected:
  Outputs compute(const std::vector<float>& input) override;

 private:
  void compile(const std::string& name, int threads);
  void find_tensors(const std::string& name);
  void release();

  std::shared_ptr<LiteRt> engine_;
  std::string bytes_;  // LiteRT reads from here for as long as the model lives
  litert::Model model_ = nullptr;
  litert::Options options_ = nullptr;
  litert::CompiledModel compiled_ = nullptr;
  litert::Buffer input_ = nullptr;
  std::vector<litert::Buffer> outputs_;
  std::vector<std::size_t> order_;  // of the outputs, as the exported model returns them
};

/** Throws BundleError if a step of reading the model failed. */
class Reading {
 public:
  explicit Reading(const std::string& name) : name_(name) {}
  void operator()(litert::Status status, const char* step) const {
    if (status != 0) {
      throw BundleError(name_ + ": LiteRT cannot " + step + " (status " + std::to_string(status) +
                        "); expected a .tflite model");
    }
  }

 private:
  const std::string& name_;
};

/** Throws InferenceError if a step of a run failed. */
void check_run(litert::Status status, const char* step) {
  if (status != 0) {
    throw InferenceError(std::string("LiteRT cannot ") + step + " (status " +
                         std::to_string(status) + ")");
  }
}

std::vector<int> shape_of(const litert::TensorType& type, const std::string& name) {
  const auto rank = std::min<unsigned>(type.layout.rank, 8);
  std::vector<int> shape(type.layout.dimensions, type.layout.dimensions + rank);
  const bool sized = std::all_of(shape.begin(), shape.end(), [](int axis) { return axis > 0; });
  if (type.element != litert::kFloat32 || !sized) {
    throw BundleError(name +
                      ": a tensor is not float32 of a fixed size; export it with float32 tensors");
  }
  return shape;
}

/** `output_2` before `output_10`. */
std::pair<std::string, long> numbers_last(const std::string& name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  const std::size_t digits = last == std::string::npos ? 0 : last + 1;
  return {name.substr(0, digits), std::strtol(name.c_str() + digits, nullptr, 10)};
}

void TfliteModel::compile(const std::string& name, int threads) {
  const litert::Functions& call = engine_->call;
  const Reading check(name);
  check(call.CreateModelFromBuffer(engine_->environment, bytes_.data(), bytes_.size(), &model_),
        "read the model");
  check(call.CreateOptions(&options_), "make options");
  check(call.SetOptionsHardwareAccelerators(options_, litert::kCpu), "choose the CPU");
  const std::string choice = "num_threads = " + std::to_string(threads) + "\n";
  litert::OpaqueOptions cpu = nullptr;
  check(call.CreateOpaqueOptions("xnnpack", strdup(choice.c_str()), free, &cpu), "make options");
  check(call.AddOpaqueOptions(options_, cpu), "set options");
  check(call.CreateCompiledModel(engine_->environment, model_, options_, &compiled_),
        "compile the model");
}

void TfliteModel::find_tensors(const std::string& name) {
  const litert::Functions& call = engine_->call;
  const Reading check(name);
  litert::Signature signature = nullptr;
  std::size_t inputs = 0, outputs = 0;
  check(call.GetModelSignature(model_, 0, &signature), "find a signature");
  check(call.GetNumSignatureInputs(signature, &inputs), "count inputs");
  check(call.GetNumSignatureOutputs(signature, &outputs), "count outputs");
  if (inputs != 1) throw BundleError(name + ": several inputs; expected one image");

  litert::Tensor tensor = nullptr;
  litert::TensorType type{};
  litert::Requirements needs = nullptr;
  check(call.GetSignatureInputTensorByIndex(signature, 0, &tensor), "find its input");
  check(call.GetRankedTensorType(tensor, &type), "type its input");
  input_shape_ = shape_of(type, name);
  check(call.GetCompiledModelInputBufferRequirements(compiled_, 0, 0, &needs), "size its input");
  check(call.CreateManagedTensorBufferFromRequirements(engine_->environment, &type, needs, &input_),
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
    check(call.GetCompiledModelOutputBufferRequirements(compiled_, 0, i, &needs), "size an output");
    litert::Buffer buffer = nullptr;
    check(
        call.CreateManagedTensorBufferFromRequirements(engine_->environment, &type, needs, &buffer),
        "make room for an output");
    outputs_.push_back(buffer);
  }
  const char* key = nullptr;
  check(call.GetSignatureKey(signature, &key), "name its signature");
  order_.resize(outputs);
  std::iota(order_.begin(), order_.end(), std::size_t(0));
  // Converters number outputs by name, while their order in the file is the converter's choice.
  if (std::strcmp(key, litert::kNoSignature) != 0) {
    std::sort(order_.begin(), order_.end(), [&names](std::size_t a, std::size_t b) {
      return numbers_last(names[a]) < numbers_last(names[b]);
    });
  }
  for (std::size_t each : order_) output_shapes_.push_back(shapes[each]);
}

void TfliteModel::release() {
  for (litert::Buffer each : outputs_) engine_->call.DestroyTensorBuffer(each);
  if (input_) engine_->call.DestroyTensorBuffer(input_);
  if (compiled_) engine_->call.DestroyCompiledModel(compiled_);
  if (options_) engine_->call.DestroyOptions(options_);
  if (model_) engine_->call.DestroyModel(model_);
}

Outputs TfliteModel::compute(const std::vector<float>& input) {
  const litert::Functions& call = engine_->call;
  void* memory = nullptr;
  check_run(call.LockTensorBuffer(input_, &memory, litert::kWrite), "write the input");
  std::memcpy(memory, input.data(), input.size() * sizeof(float));
  check_run(call.UnlockTensorBuffer(input_), "write the input");
  check_run(call.RunCompiledModel(compiled_, 0, 1, &input_, outputs_.size(), outputs_.data()),
            "run the model");
  Outputs found;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    litert::Buffer buffer = outputs_[order_[i]];
    check_run(call.LockTensorBuffer(buffer, &memory, litert::kRead), "read an output");
    const auto* numbers = static_cast<const float*>(memory);
    found.emplace_back(numbers, numbers + size_of(output_shapes_[i]));
    check_run(call.UnlockTensorBuffer(buffer), "read an output");
  }
  return found;
}

}  // namespace

std::unique_ptr<Model> open_tflite(std::shared_ptr<LiteRt> engine, std::string bytes,
                                   const std::string& name, int threads) {
  return std::make_unique<TfliteModel>(std::move(engine), std::move(bytes), name, threads);
}

}  // namespace mf2_edge
