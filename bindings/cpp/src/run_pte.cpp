#ifdef MF2_EDGE_EXECUTORCH

#include <executorch/runtime/core/data_loader.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/runtime.h>

#include <memory>
#include <optional>

#include "mf2_edge/errors.hpp"
#include "mf2_edge/run.hpp"

namespace mf2_edge {

namespace et = executorch::runtime;
namespace aten = executorch::aten;

namespace {

/** What an allocator of ExecuTorch hands out, kept until the model goes. */
class Heap : public et::MemoryAllocator {
 public:
  Heap() : et::MemoryAllocator(0, nullptr) {}
  void* allocate(std::size_t size, std::size_t alignment) override {
    std::size_t room = size + alignment;
    kept_.emplace_back(new std::uint8_t[room]);
    void* place = kept_.back().get();
    return std::align(alignment, size, place, room);
  }
  void reset() override { kept_.clear(); }

 private:
  std::vector<std::unique_ptr<std::uint8_t[]>> kept_;
};

/** The bytes of a .pte file, which outlive every piece that is taken of them. */
class Bytes : public et::DataLoader {
 public:
  explicit Bytes(const std::string& bytes) : bytes_(bytes) {}
  et::Result<et::FreeableBuffer> load(std::size_t offset, std::size_t size,
                                      const SegmentInfo&) const override {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      return et::Error::InvalidProgram;
    }
    return et::FreeableBuffer(bytes_.data() + offset, size, nullptr);
  }
  et::Result<std::size_t> size() const override { return bytes_.size(); }

 private:
  const std::string& bytes_;
};

std::vector<int> shape_of(const et::Result<et::TensorInfo>& found, const std::string& name) {
  if (!found.ok() || found->scalar_type() != aten::ScalarType::Float) {
    throw BundleError(name + ": a tensor is not float32; export it with float32 tensors");
  }
  return {found->sizes().begin(), found->sizes().end()};
}

class PteModel : public Model {
 public:
  PteModel(std::string bytes, const std::string& name) : bytes_(std::move(bytes)), loader_(bytes_) {
    const auto check = [&name](et::Error error, const char* step) {
      if (error != et::Error::Ok) {
        throw BundleError(name + ": ExecuTorch cannot " + step + " (error " +
                          std::to_string(int(error)) + "); expected a .pte model");
      }
    };
    et::runtime_init();
    auto program = et::Program::load(&loader_, et::Program::Verification::InternalConsistency);
    check(program.error(), "read the model");
    program_.emplace(std::move(*program));
    const auto meta = program_->method_meta(kMethod);
    check(meta.error(), "find `forward`");
    if (meta->num_inputs() != 1) throw BundleError(name + ": several inputs; expected one image");
    input_shape_ = shape_of(meta->input_tensor_meta(0), name);
    for (std::size_t i = 0; i < meta->num_outputs(); ++i) {
      output_shapes_.push_back(shape_of(meta->output_tensor_meta(i), name));
    }
    for (std::size_t i = 0; i < meta->num_memory_planned_buffers(); ++i) {
      planned_.emplace_back(std::size_t(*meta->memory_planned_buffer_size(i)));
      spans_.emplace_back(planned_.back().data(), planned_.back().size());
    }
    planned_memory_.emplace(et::Span<et::Span<std::uint8_t>>(spans_.data(), spans_.size()));
    manager_.emplace(&heap_, &*planned_memory_, &scratch_);
    auto method = program_->load_method(kMethod, &*manager_);
    check(method.error(), "prepare the model");
    method_.emplace(std::move(*method));
  }

 protected:
  Outputs compute(const std::vector<float>& input) override {
    const auto check = [](et::Error error, const char* step) {
      if (error != et::Error::Ok) {
        throw InferenceError(std::string("ExecuTorch cannot ") + step + " (error " +
                             std::to_string(int(error)) + ")");
      }
    };
    std::vector<aten::SizesType> sizes(input_shape_.begin(), input_shape_.end());
    std::vector<aten::DimOrderType> order(sizes.size());
    std::vector<aten::StridesType> strides(sizes.size(), 1);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = aten::DimOrderType(i);
    for (std::size_t i = sizes.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * sizes[i];
    aten::TensorImpl tensor(aten::ScalarType::Float, ssize_t(sizes.size()), sizes.data(),
                            const_cast<float*>(input.data()), order.data(), strides.data());
    check(method_->set_input(et::EValue(aten::Tensor(&tensor)), 0), "take the input");
    check(method_->execute(), "run the model");
    scratch_.reset();
    Outputs found;
    for (std::size_t i = 0; i < output_shapes_.size(); ++i) {
      const et::EValue& value = method_->get_output(i);
      if (!value.isTensor() ||
          std::size_t(value.toTensor().numel()) != size_of(output_shapes_[i])) {
        throw InferenceError("output " + std::to_string(i) + " of the model is of another size");
      }
      const float* numbers = value.toTensor().const_data_ptr<float>();
      found.emplace_back(numbers, numbers + size_of(output_shapes_[i]));
    }
    return found;
  }

 private:
  static constexpr const char* kMethod = "forward";

  std::string bytes_;
  Bytes loader_;
  std::optional<et::Program> program_;
  Heap heap_, scratch_;
  std::vector<std::vector<std::uint8_t>> planned_;
  std::vector<et::Span<std::uint8_t>> spans_;
  std::optional<et::HierarchicalAllocator> planned_memory_;
  std::optional<et::MemoryManager> manager_;
  std::optional<et::Method> method_;  // last: it goes first
};

}  // namespace

std::unique_ptr<Model> open_pte(std::string bytes, const std::string& name) {
  return std::make_unique<PteModel>(std::move(bytes), name);
}

}  // namespace mf2_edge

#else

#include "mf2_edge/errors.hpp"
#include "mf2_edge/run.hpp"

namespace mf2_edge {

std::unique_ptr<Model> open_pte(std::string, const std::string& name) {
  throw RuntimeUnavailableError(name +
                                " runs on ExecuTorch, and this library was built without it; "
                                "build it with -DMF2_EDGE_EXECUTORCH=ON, or take a .tflite");
}

}  // namespace mf2_edge

#endif
