// Detect: the faces of an image and the six landmarks of each, as mf2_edge/pipeline/detect.py finds them.
//
// BlazeFace short range in two passes: one finds faces, one looks again at each face upright and
// filling half the view, which is what makes its landmarks good enough to align with.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

class BlazeFace;

/** single: the frame once. adaptive: further while nobody was found. exhaustive: all faces. */
enum class Search { adaptive, exhaustive, single };

/** Any number of faces. Any thread may call it. */
class BlazeFaceDetector {
 public:
  /**
   * The network in `folder`: `detector.json` and the model that it names.
   *
   * Throws BundleError or ChecksumError.
   */
  BlazeFaceDetector(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder,
                    Search search, int threads);
  ~BlazeFaceDetector();

  /** Faces in pixels of the image, largest first; empty when nobody is there. */
  std::vector<Detection> detect(const Image& image) const;

  /** The face inside `box` with its landmarks; for boxes of other detectors, and for crops. */
  std::optional<Detection> refine(const Image& image, const Box& box) const;

  /** A face that was at `face` (with landmarks) a moment ago, by one look there. */
  std::optional<Detection> follow(const Image& image, const Detection& face) const;

 private:
  std::unique_ptr<BlazeFace> network_;
  Search search_;
};

}  // namespace mf2_edge
