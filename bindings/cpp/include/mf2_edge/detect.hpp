// Detect: every face of an image and the six landmarks of each, as mf2_edge/pipeline/finder.py finds
// them: YuNet sees the frame once, then BlazeFace looks once at each of its boxes.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

class BlazeFace;
class YuNet;

/** Quarters of a turn tried in a frame without upright faces: all, one a call in turn, or none. */
enum class TurnedFrames { all, next, none };

struct DetectorOptions {
  /**
   * Height of the smallest face wanted, forehead to chin: pixels or, below 1, a part of the frame's
   * longer side; smaller ones are left out. Without one what the default side finds, about 6 %.
   */
  std::optional<double> min_face;
  /** The largest so many; without one all. */
  std::optional<int> max_faces;
  /** Leaves out faces found less surely, 0..1. */
  double min_detection_score = 0;
  /** Faces from about 12 % of the longer side on, at a third of the price; not with `min_face`. */
  bool fast = false;
  TurnedFrames turned_frames = TurnedFrames::all;
};

/** Any number of faces. Any thread may call it; with `TurnedFrames::next` one at a time. */
class YuNetDetector {
 public:
  /**
   * The networks in `yunet_n` and `blazeface_short_range` of `folder`.
   *
   * Throws BundleError or ChecksumError; std::invalid_argument for options out of range.
   */
  YuNetDetector(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder,
                const DetectorOptions& options, int threads);

  /** Faces in pixels of the image, largest first; empty when nobody is there. */
  std::vector<Detection> detect(const Image& image) const;

  /** The face inside `box` with its landmarks; for boxes of other detectors, and for crops. */
  std::optional<Detection> refine(const Image& image, const Box& box) const;

  /** A face that was at `face` (with landmarks) a moment ago, by one look there. */
  std::optional<Detection> follow(const Image& image, const Detection& face) const;

  /** The same detector for the frames of one scene: of turned frames, a quarter a call. */
  YuNetDetector for_stream() const;

  /** The longer side to which a frame is reduced, pixels; no frame is enlarged. */
  int side(int height, int width) const;

 private:
  double min_pixels(double longer) const;
  std::vector<Detection> search(const Image& image, int side, int quarters) const;

  std::shared_ptr<YuNet> finder_;
  std::shared_ptr<BlazeFace> landmarks_;
  DetectorOptions options_;
  mutable int quarters_ = 0;
};

}  // namespace mf2_edge
