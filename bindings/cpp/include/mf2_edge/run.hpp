// Run: a .tflite model on LiteRT, whose C library is loaded when the first model is, or a .pte model
// on ExecuTorch, where this library was built with it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mf2_edge/model_spec.hpp"

namespace mf2_edge {

/** All outputs of a model, in the order in which the exported model returns them. */
using Outputs = std::vector<std::vector<float>>;

/** A LiteRT library that is loaded and its environment; models share it. */
class LiteRt;

/**
 * Load LiteRT from `library`; "" means the variable MF2_EDGE_LITERT, or else the system's own.
 *
 * Throws RuntimeUnavailableError, which says where it was looked for.
 */
std::shared_ptr<LiteRt> open_litert(const std::string& library);

/** A model with one input and float32 tensors. Any thread may call it: calls take turns. */
class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /** Throws InferenceError: an input of another size, a failed run, an output not finite. */
  Outputs run(const std::vector<float>& input);

  /** Sizes of the input's axes. */
  const std::vector<int>& input_shape() const { return input_shape_; }
  /** Sizes of each output's axes. */
  const std::vector<std::vector<int>>& output_shapes() const { return output_shapes_; }

 protected:
  Model() = default;

  /** One turn: `input` has the size that the model takes. Throws InferenceError. */
  virtual Outputs compute(const std::vector<float>& input) = 0;

  std::vector<int> input_shape_;
  std::vector<std::vector<int>> output_shapes_;

 private:
  std::mutex turn_;
};

/** Numbers in a tensor of that shape. */
std::size_t size_of(const std::vector<int>& shape);

/**
 * A .tflite model on LiteRT. `name` stands in errors.
 *
 * Throws BundleError if `bytes` are no such model.
 */
std::unique_ptr<Model> open_tflite(std::shared_ptr<LiteRt> engine, std::string bytes,
                                   const std::string& name, int threads);

/**
 * A .pte model on ExecuTorch, which has threads of its own. `name` stands in errors.
 *
 * Throws BundleError if `bytes` are no such model, RuntimeUnavailableError if this library was built
 * without ExecuTorch (CMake: -DMF2_EDGE_EXECUTORCH=ON).
 */
std::unique_ptr<Model> open_pte(std::string bytes, const std::string& name);

/** Throws ManifestError where the outputs of an artifact are not what the manifest says. */
void check_outputs(const Model& model, const ModelSpec& spec, const ArtifactSpec& artifact);

}  // namespace mf2_edge
