#include "mf2_edge/run.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mf2_edge/errors.hpp"

namespace mf2_edge {

std::size_t size_of(const std::vector<int>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t(1),
                         [](std::size_t size, int axis) { return size * std::size_t(axis); });
}

Outputs Model::run(const std::vector<float>& input) {
  if (input.size() != size_of(input_shape_)) {
    throw InferenceError("the input has " + std::to_string(input.size()) +
                         " numbers; the model takes " + std::to_string(size_of(input_shape_)));
  }
  const std::lock_guard<std::mutex> turn(turn_);
  Outputs found = compute(input);
  for (const auto& output : found) {
    if (!std::all_of(output.begin(), output.end(), [](float x) { return std::isfinite(x); })) {
      throw InferenceError("an output of the model holds NaN or infinity");
    }
  }
  return found;
}

void check_outputs(const Model& model, const ModelSpec& spec, const ArtifactSpec& artifact) {
  const int width = int(spec.input.width), height = int(spec.input.height);
  const bool last = artifact.layout == Layout::NHWC;
  const std::vector<int> taken =
      last ? std::vector<int>{1, height, width, 3} : std::vector<int>{1, 3, height, width};
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
  for (const HeadSpec& head : spec.heads) {
    check(head.output, head.labels.size(), std::string("the head ") + to_string(head.name));
  }
  for (const EmbeddingSpec& embedding : spec.embeddings) {
    check(embedding.output, std::size_t(embedding.width), "the embedding " + embedding.name);
  }
}

}  // namespace mf2_edge
