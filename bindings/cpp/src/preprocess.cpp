#include "mf2_edge/preprocess.hpp"

namespace mf2_edge {

std::vector<float> to_input(const Image& aligned, const PreprocessingSpec& spec, Layout layout) {
  const std::size_t count = aligned.pixels.size() / 3;
  std::vector<float> input(aligned.pixels.size());
  const std::size_t pixel = layout == Layout::NHWC ? 3 : 1;
  const std::size_t channel = layout == Layout::NHWC ? 1 : count;
  for (std::size_t k = 0; k < 3; ++k) {
    // Float32 at every step, as Python has it.
    const float mean = float(spec.mean[k]), deviation = float(spec.std[k]);
    for (std::size_t i = 0; i < count; ++i) {
      input[i * pixel + k * channel] = (float(aligned.pixels[i * 3 + k]) - mean) / deviation;
    }
  }
  return input;
}

}  // namespace mf2_edge
