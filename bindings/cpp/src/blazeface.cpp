#include "blazeface.hpp"

#include <algorithm>
#include <cmath>

#include "json_fields.hpp"
#include "mf2_edge/bundle.hpp"

namespace mf2_edge {

static constexpr std::size_t kLargestFile = 64 << 20;

/** A box's centre and size, then the keypoints: what the network says at one anchor. */
struct BlazeFace::Anchored {
  double score;
  std::vector<Point> pairs;

  Box box() const {
    return {pairs[0].x - pairs[1].x / 2, pairs[0].y - pairs[1].y / 2, pairs[1].x, pairs[1].y};
  }
};

static void read(const Json& json, const std::string& at, AnchorLayer& made, const Limits&) {
  Fields fields(json, at);
  fields.required("stride", made.stride, Limits::from(1, 1024));
  fields.required("per_cell", made.per_cell, Limits::from(1, 64));
  fields.close();
}

/** More than any detector has; a file of a few bytes must not ask for gigabytes. */
static constexpr std::int64_t kMostAnchors = 100'000;

static void check_anchors(const DetectorSpec& spec) {
  std::int64_t count = 0;
  for (const AnchorLayer& layer : spec.anchor_layers) {
    const std::int64_t cells = spec.input_size / layer.stride;
    count += cells * cells * layer.per_cell;
    if (count > kMostAnchors) {
      throw ManifestError("$.anchor_layers: more than " + std::to_string(kMostAnchors) +
                          " anchors");
    }
  }
}

static DetectorSpec read_spec(const std::filesystem::path& path) {
  DetectorSpec made;
  try {
    const Json json = parse_json(read_file(path, kLargestFile), path.string());
    const Limits probability = Limits::from(0.001, 0.999);
    Fields fields(json, "$");
    fields.required("name", made.name);
    fields.required("file", made.file);
    fields.required("sha256", made.sha256);
    fields.required("license", made.license);
    fields.required("source", made.source);
    fields.required("paper", made.paper);
    fields.required("input_size", made.input_size, Limits::from(1, 1024));
    fields.required("mean", made.mean);
    fields.required("std", made.std, Limits::above(0));
    fields.required("anchor_layers", made.anchor_layers);
    fields.required("keypoints", made.keypoints);
    fields.required("min_score", made.min_score, probability);
    fields.required("min_score_in_box", made.min_score_in_box, probability);
    fields.required("candidate_score", made.candidate_score, probability);
    fields.required("sure_score", made.sure_score, probability);
    fields.required("overlap", made.overlap, Limits::from(0, 1));
    fields.close();
    check_anchors(made);
  } catch (const ManifestError& error) {
    throw BundleError(path.string() + ": " + error.what() + "; copy the detector again");
  }
  return made;
}

/** Centres of all anchors, row by row, layer by layer; pixel centres are integers. */
static std::vector<Point> anchors_of(const DetectorSpec& spec) {
  std::vector<Point> anchors;
  for (const AnchorLayer& layer : spec.anchor_layers) {
    const std::int64_t cells = spec.input_size / layer.stride;
    const auto centre = [&](std::int64_t cell) {
      return (double(cell) + 0.5) * double(layer.stride) - 0.5;
    };
    for (std::int64_t row = 0; row < cells; ++row) {
      for (std::int64_t column = 0; column < cells; ++column) {
        anchors.insert(anchors.end(), std::size_t(layer.per_cell), {centre(column), centre(row)});
      }
    }
  }
  return anchors;
}

double iou(const Box& a, const Box& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (!(width > 0 && height > 0)) return 0;
  const double shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

BlazeFace::BlazeFace(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder,
                     int threads)
    : spec_(read_spec(folder / "detector.json")), anchors_(anchors_of(spec_)) {
  for (const std::string& name : spec_.keypoints) {
    const auto found = std::find(kLandmarkNames.begin(), kLandmarkNames.end(), name);
    places_.push_back(std::size_t(found - kLandmarkNames.begin()));
  }
  std::vector<std::size_t> sorted = places_;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != std::vector<std::size_t>{0, 1, 2, 3, 4, 5}) {
    throw BundleError("detector.json: expected the six landmarks, each once, as keypoints");
  }
  model_ =
      open_tflite(std::move(engine), read_checked(folder / spec_.file, spec_.sha256, kLargestFile),
                  spec_.file, threads);
}

std::vector<Detection> BlazeFace::run(const Image& view, double min_score) {
  const float mean = float(spec_.mean), factor = float(1 / spec_.std);
  std::vector<float> input(view.pixels.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = (float(view.pixels[i]) - mean) * factor;
  }
  const Outputs outputs = model_->run(input);
  const std::size_t pairs = 2 + spec_.keypoints.size();
  if (outputs.size() != 2) throw InferenceError("the detector has not two outputs");
  const bool first = outputs[0].size() < outputs[1].size();
  const std::vector<float>&logits = outputs[first ? 0 : 1], &values = outputs[first ? 1 : 0];
  if (logits.size() != anchors_.size() || values.size() != anchors_.size() * pairs * 2) {
    throw InferenceError("the detector's outputs do not fit its anchors");
  }
  const double least = std::log(min_score / (1 - min_score));
  std::vector<Anchored> candidates;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (double(logits[i]) < least) continue;
    Anchored made{1 / (1 + std::exp(-double(logits[i]))), std::vector<Point>(pairs)};
    for (std::size_t k = 0; k < pairs; ++k) {
      const float* value = &values[(i * pairs + k) * 2];
      const Point zero = k == 1 ? Point{} : anchors_[i];  // the second pair is a size
      made.pairs[k] = {value[0] + zero.x, value[1] + zero.y};
    }
    candidates.push_back(std::move(made));
  }
  return merge(std::move(candidates));
}

/** One face a group of overlapping anchors, best first: their mean, weighted by score. */
std::vector<Detection> BlazeFace::merge(std::vector<Anchored> rest) const {
  std::vector<Detection> faces;
  std::stable_sort(rest.begin(), rest.end(),
                   [](const Anchored& a, const Anchored& b) { return a.score > b.score; });
  while (!rest.empty()) {
    const Box best = rest.front().box();
    const auto others = std::stable_partition(
        rest.begin() + 1, rest.end(),
        [&](const Anchored& each) { return iou(best, each.box()) > spec_.overlap; });
    double total = 0;
    for (auto each = rest.begin(); each != others; ++each) total += each->score;
    Anchored mean{rest.front().score, std::vector<Point>(rest.front().pairs.size())};
    for (auto each = rest.begin(); each != others; ++each) {
      for (std::size_t k = 0; k < mean.pairs.size(); ++k) {
        mean.pairs[k].x += each->score / total * each->pairs[k].x;
        mean.pairs[k].y += each->score / total * each->pairs[k].y;
      }
    }
    Landmarks landmarks;
    for (std::size_t k = 0; k < places_.size(); ++k) landmarks[places_[k]] = mean.pairs[2 + k];
    faces.push_back({mean.box(), mean.score, landmarks});
    rest.erase(rest.begin(), others);
  }
  return faces;
}

std::vector<Detection> BlazeFace::distinct(std::vector<Detection> faces) const {
  std::stable_sort(faces.begin(), faces.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::vector<Detection> kept;
  for (const Detection& face : faces) {
    const bool fresh = std::all_of(kept.begin(), kept.end(), [&](const Detection& other) {
      return iou(face.box, other.box) <= spec_.overlap;
    });
    if (fresh) kept.push_back(face);
  }
  return kept;
}

}  // namespace mf2_edge
