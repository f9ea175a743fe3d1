// Preprocess: from the pixels of an aligned face to the network's input.
#pragma once

#include <vector>

#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** (pixel - mean) / std a channel; float32 [1, H, W, 3] ("NHWC") or [1, 3, H, W] ("NCHW"). */
std::vector<float> to_input(const Image& aligned, const PreprocessingSpec& spec, Layout layout);

}  // namespace mf2_edge
