#include "yunet.hpp"

#include <algorithm>
#include <cmath>

#include "blazeface.hpp"
#include "json_fields.hpp"
#include "mf2_edge/align.hpp"
#include "mf2_edge/bundle.hpp"

namespace mf2_edge {

namespace {

constexpr std::size_t kLargestModel = 64 << 20;
/** Input sizes whose memory is kept: a stream needs one or two, a folder of pictures a few. */
constexpr std::size_t kKeptSizes = 4;
/** Numbers a cell: two scores, the box, five points. */
constexpr std::size_t kValues = 16;

double sigmoid(double logit) { return 1 / (1 + std::exp(-logit)); }

Candidate candidate_of(const float* cell, double score, double column, double row, double stride) {
  const Point middle{(column + cell[2]) * stride, (row + cell[3]) * stride};
  const double width = std::exp(double(cell[4])) * stride;
  const double height = std::exp(double(cell[5])) * stride;
  return {{middle.x - width / 2, middle.y - height / 2, width, height},
          score,
          {(cell[6] + column) * stride, (cell[7] + row) * stride},
          {(cell[8] + column) * stride, (cell[9] + row) * stride}};
}

/** The input of an image that is turned counter-clockwise by `quarters`. */
std::vector<float> turned_pixels(const Image& image, int quarters) {
  const int rows = quarters % 2 ? image.width : image.height;
  const int columns = quarters % 2 ? image.height : image.width;
  std::vector<float> input;
  input.reserve(image.pixels.size());
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      int y = row, x = column;
      if (quarters == 1) y = column, x = image.width - 1 - row;
      if (quarters == 2) y = image.height - 1 - row, x = image.width - 1 - column;
      if (quarters == 3) y = image.height - 1 - column, x = row;
      const std::size_t at = (std::size_t(y) * std::size_t(image.width) + std::size_t(x)) * 3;
      for (std::size_t k = 0; k < 3; ++k) input.push_back(float(image.pixels[at + k]));
    }
  }
  return input;
}

void write_int32(std::string& bytes, std::size_t at, int value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = char((value >> (8 * i)) & 0xff);
}

}  // namespace

static void read(const Json& json, const std::string& at, SizeAt& made, const Limits&) {
  Fields fields(json, at);
  fields.required("byte", made.byte, Limits::from(0, double(kLargestModel)));
  fields.required("stride", made.stride, Limits::from(1, 1024));
  fields.close();
}

static void read(const Json& json, const std::string& at, DetectionRules& made, const Limits&) {
  const Limits part = Limits::from(0, 1);
  Fields fields(json, at);
  fields.required("sure_score", made.sure_score, part);
  fields.required("sure_look", made.sure_look, part);
  fields.required("doubtful_look", made.doubtful_look, part);
  fields.required("view", made.view, Limits::above(0));
  fields.required("off_centre", made.off_centre, Limits::from(0));
  fields.required("size", made.size, Limits::from(0));
  fields.required("roll", made.roll, Limits::from(0, 180));
  fields.required("opposite_below", made.opposite_below, part);
  fields.required("quarters_below", made.quarters_below, part);
  fields.required("turned_look", made.turned_look, part);
  fields.required("turned_gain", made.turned_gain, part);
  fields.close();
}

YuNetSpec read_yunet_spec(const std::filesystem::path& path) {
  YuNetSpec made;
  try {
    const Json json = parse_json(read_file(path, kLargestModel), path.string());
    const Limits probability = Limits::from(0.001, 0.999);
    Fields fields(json, "$");
    fields.required("name", made.name);
    fields.required("file", made.file);
    fields.required("sha256", made.sha256);
    fields.required("license", made.license);
    fields.required("source", made.source);
    fields.required("source_sha256", made.source_sha256);
    fields.required("paper", made.paper);
    fields.required("strides", made.strides, Limits::from(1, 1024));
    fields.required("sizes_at", made.sizes_at);
    fields.required("points", made.points);
    fields.required("min_score", made.min_score, probability);
    fields.required("overlap", made.overlap, Limits::from(0, 1));
    fields.required("side", made.side, Limits::from(32, 4096));
    fields.required("fast_side", made.fast_side, Limits::from(32, 4096));
    fields.required("smallest_face", made.smallest_face, Limits::from(1, 1024));
    fields.required("rules", made.rules);
    fields.close();
  } catch (const ManifestError& error) {
    throw BundleError(path.string() + ": " + error.what() + "; copy the detector again");
  }
  if (made.strides.empty()) throw BundleError(path.string() + ": no strides; copy it again");
  return made;
}

Reduced reduced_shape(int height, int width, int side, int step) {
  const double scale = std::min(1.0, double(side) / std::max(height, width));
  const auto whole = [&](int length) {
    return std::max(1, int(std::ceil(std::nearbyint(length * scale) / step))) * step;
  };
  return {whole(height), whole(width), scale};
}

std::vector<Candidate> candidates_of(const Outputs& maps, int rows, int columns,
                                     const YuNetSpec& spec) {
  if (maps.size() != spec.strides.size()) throw InferenceError("the finder lacks an output");
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const int stride = int(spec.strides[i]), wide = columns / stride;
    const std::size_t cells = std::size_t(rows / stride) * std::size_t(wide);
    if (maps[i].size() != cells * kValues) {
      throw InferenceError("the finder's outputs do not fit its input");
    }
    for (std::size_t k = 0; k < cells; ++k) {
      const float* cell = &maps[i][k * kValues];
      const double score = std::sqrt(sigmoid(cell[0]) * sigmoid(cell[1]));
      if (score < spec.min_score) continue;
      const int column = int(k) % wide, row = int(k) / wide;
      found.push_back(candidate_of(cell, score, column, row, stride));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  std::vector<Candidate> kept;
  for (const Candidate& each : found) {
    const bool fresh = std::all_of(kept.begin(), kept.end(), [&](const Candidate& other) {
      return iou(each.box, other.box) <= spec.overlap;
    });
    if (fresh) kept.push_back(each);
  }
  return kept;
}

Candidate in_frame(const Candidate& face, int quarters, const Reduced& shape) {
  const double rows = shape.rows, columns = shape.columns;
  const auto back = [&](Point p) -> Point {
    if (quarters == 1)
      p = {columns - p.y, p.x};
    else if (quarters == 2)
      p = {columns - p.x, rows - p.y};
    else if (quarters == 3)
      p = {p.y, rows - p.x};
    return {p.x / shape.scale, p.y / shape.scale};
  };
  const Box& box = face.box;
  const Point a = back({box.x, box.y}), b = back({box.x + box.width, box.y + box.height});
  const Box turned{std::min(a.x, b.x), std::min(a.y, b.y), std::abs(a.x - b.x),
                   std::abs(a.y - b.y)};
  return {turned, face.score, back(face.right_eye), back(face.left_eye)};
}

YuNet::YuNet(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder, int threads)
    : engine_(std::move(engine)),
      spec_(read_yunet_spec(folder / "detector.json")),
      bytes_(read_checked(folder / spec_.file, spec_.sha256, kLargestModel)),
      threads_(threads) {
  for (const SizeAt& each : spec_.sizes_at) {
    if (std::size_t(each.byte) + 8 > bytes_.size()) {
      throw BundleError(spec_.file + ": sizes_at lies beyond its end; copy the detector again");
    }
  }
}

std::vector<Candidate> YuNet::find(const Image& image, int side, int quarters) {
  const Reduced shape = reduced_shape(image.height, image.width, side, int(spec_.strides.back()));
  const double shift = shape.scale / 2 - 0.5;  // pixel centres: the frame's corner stays the corner
  const Image view = warp(image, {shape.scale, 0, shift, 0, shape.scale, shift}, shape.columns,
                          shape.rows, Outside::black);
  const int rows = quarters % 2 ? shape.columns : shape.rows;
  const int columns = quarters % 2 ? shape.rows : shape.columns;
  Outputs maps = model_of(rows, columns)->run(turned_pixels(view, quarters));
  std::stable_sort(maps.begin(), maps.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::vector<Candidate> found = candidates_of(maps, rows, columns, spec_);
  for (Candidate& each : found) each = in_frame(each, quarters, shape);
  return found;
}

/** The model for an input of that size, which is written into the file: see `sizes_at`. */
std::shared_ptr<Model> YuNet::model_of(int rows, int columns) {
  const std::lock_guard<std::mutex> turn(opening_);
  const std::vector<int> wanted = {1, rows, columns, 3};
  const auto known = std::find_if(models_.begin(), models_.end(), [&](const auto& model) {
    return model->input_shape() == wanted;
  });
  if (known != models_.end()) {
    models_.splice(models_.begin(), models_, known);
    return models_.front();
  }
  std::string bytes = bytes_;
  for (const SizeAt& each : spec_.sizes_at) {
    write_int32(bytes, std::size_t(each.byte), rows / int(each.stride));
    write_int32(bytes, std::size_t(each.byte) + 4, columns / int(each.stride));
  }
  models_.push_front(open_tflite(engine_, std::move(bytes), spec_.file, threads_));
  if (models_.size() > kKeptSizes) models_.pop_back();
  return models_.front();
}

}  // namespace mf2_edge
