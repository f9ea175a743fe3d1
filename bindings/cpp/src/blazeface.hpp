// BlazeFace: one square view in, the faces it holds out (Bazarevsky et al. 2019, arXiv:1907.05047).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** One grid of anchors: its stride in view pixels and how many anchors share a cell. */
struct AnchorLayer {
  std::int64_t stride = 1;
  std::int64_t per_cell = 1;
};

/** `detector.json`; mf2_edge/pipeline/blazeface.py says what each key means. */
struct DetectorSpec {
  std::string name, file, sha256, license, source, paper;
  std::int64_t input_size = 0;
  double mean = 0;
  double std = 1;
  std::vector<AnchorLayer> anchor_layers;
  std::vector<std::string> keypoints;
  double min_score = 0;
  double min_score_in_box = 0;
  double candidate_score = 0;
  double sure_score = 0;
  double overlap = 0;
};

/** Intersection over union of two boxes, 0..1. */
double iou(const Box& a, const Box& b);

/** The detector network on one square view. Coordinates are pixels of that view. */
class BlazeFace {
 public:
  BlazeFace(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder, int threads);

  const DetectorSpec& spec() const { return spec_; }

  /** Faces of a view whose score reaches `min_score`, overlapping ones merged, best first. */
  std::vector<Detection> run(const Image& view, double min_score);

  /** The best of each group of overlapping detections, best first. */
  std::vector<Detection> distinct(std::vector<Detection> faces) const;

 private:
  struct Anchored;
  std::vector<Detection> merge(std::vector<Anchored> rest) const;

  DetectorSpec spec_;
  std::vector<Point> anchors_;
  std::vector<std::size_t> places_;  // of each keypoint among the landmarks
  std::unique_ptr<Model> model_;
};

}  // namespace mf2_edge
