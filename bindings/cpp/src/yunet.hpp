// YuNet: all faces of a frame in one pass (Wu et al. 2023), as mf2_edge/pipeline/yunet.py runs it.
#pragma once

#include <array>
#include <filesystem>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** How a candidate and the look at it decide together. */
struct DetectionRules {
  double sure_score = 0;
  double sure_look = 0;
  double doubtful_look = 0;
  double view = 0;
  double off_centre = 0;
  std::array<double, 2> size{};
  double roll = 0;
  double opposite_below = 0;
  double quarters_below = 0;
  double turned_look = 0;
  double turned_gain = 0;
};

/** Where the model file holds a height and, behind it, a width: two int32, little-endian. */
struct SizeAt {
  std::int64_t byte = 0;
  std::int64_t stride = 1;
};

/** `detector.json`; mf2_edge/pipeline/yunet.py says what each key means. */
struct YuNetSpec {
  std::string name, file, sha256, license, source, source_sha256, paper;
  std::vector<std::int64_t> strides;
  std::vector<SizeAt> sizes_at;
  std::vector<std::string> points;
  double min_score = 0;
  double overlap = 0;
  std::int64_t side = 0;
  std::int64_t fast_side = 0;
  double smallest_face = 0;
  DetectionRules rules;
};

/** Throws BundleError. */
YuNetSpec read_yunet_spec(const std::filesystem::path& path);

/** What may be a face: box and eyes in pixels of the frame, probability 0..1. */
struct Candidate {
  Box box;
  double score = 0;
  Point right_eye, left_eye;
};

/** Rows and columns of the network's input, and the scale at which the frame lies in it. */
struct Reduced {
  int rows, columns;
  double scale;
};
Reduced reduced_shape(int height, int width, int side, int step);

/** Candidates of the maps, finest first, of an input of `rows` x `columns`; one of each group. */
std::vector<Candidate> candidates_of(const Outputs& maps, int rows, int columns,
                                     const YuNetSpec& spec);

/** A candidate of a view that was turned counter-clockwise, in pixels of the frame. */
Candidate in_frame(const Candidate& face, int quarters, const Reduced& shape);

/** The network on frames of any size. Any thread may call it. */
class YuNet {
 public:
  YuNet(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder, int threads);

  const YuNetSpec& spec() const { return spec_; }

  /** Candidates of a frame that is reduced so that `side` holds it, turned by `quarters`. */
  std::vector<Candidate> find(const Image& image, int side, int quarters);

 private:
  std::shared_ptr<Model> model_of(int rows, int columns);

  std::shared_ptr<LiteRt> engine_;
  YuNetSpec spec_;
  std::string bytes_;
  int threads_;
  std::mutex opening_;
  std::list<std::shared_ptr<Model>> models_;  // of the last input sizes, the latest first
};

}  // namespace mf2_edge
