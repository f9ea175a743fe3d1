// Run: a .tflite model on LiteRT, whose C library is loaded when the first model is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mf2_edge/manifest.hpp"

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
  /** `name` stands in errors. Throws BundleError if `bytes` are no such model. */
  Model(std::shared_ptr<LiteRt> engine, std::string bytes, const std::string& name, int threads);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /** Throws InferenceError: an input of another size, a failed run, an output not finite. */
  Outputs run(const std::vector<float>& input);

  /** Sizes of the input's axes. */
  const std::vector<int>& input_shape() const;
  /** Sizes of each output's axes. */
  const std::vector<std::vector<int>>& output_shapes() const;

 private:
  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
};

/** Throws ManifestError where the outputs of an artifact are not what the manifest says. */
void check_outputs(const Model& model, const Manifest& manifest, const ArtifactSpec& artifact);

}  // namespace mf2_edge
