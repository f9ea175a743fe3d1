#include "mf2_edge/detect.hpp"

#include <algorithm>
#include <cmath>

#include "blazeface.hpp"
#include "mf2_edge/align.hpp"

namespace mf2_edge {

namespace {

constexpr double kPi = 3.14159265358979323846;
/** Smallest face looked for, as a part of the frame's longer side. */
constexpr double kMinFace = 24.0 / 640;
/** Part of the smallest tiles' side that the smallest face fills. */
constexpr double kFaceInTile = 0.2;
/** Each size of tiles is at least this part of the size before. */
constexpr double kTileRatio = 0.55;
/** Part of the view's side that the face box fills in the second pass. */
constexpr double kFaceInView = 0.5;
/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
constexpr double kBoxInView[] = {0.6, 0.45, 0.8};

Point centre_of(const Box& box) { return {box.x + box.width / 2, box.y + box.height / 2}; }

double distance(const Box& a, const Box& b) {
  return std::hypot(centre_of(a).x - centre_of(b).x, centre_of(a).y - centre_of(b).y);
}

/** A square part of a frame: centre and side in frame pixels, clockwise turn in radians. */
struct View {
  Point centre;
  double side;
  double turn = 0;

  /** From frame pixels to the pixels of this view drawn `size` wide. */
  Matrix to_pixels(double size) const {
    const double c = std::cos(turn) * size / side, s = std::sin(turn) * size / side;
    const double middle = (size - 1) / 2;
    return {c,  s, middle - c * centre.x - s * centre.y,
            -s, c, middle + s * centre.x - c * centre.y};
  }

  /** The frame pixel under a pixel of this view drawn `size` wide. */
  Point to_frame(const Point& point, double size) const {
    const double c = std::cos(turn) * side / size, s = std::sin(turn) * side / size;
    const double x = point.x - (size - 1) / 2, y = point.y - (size - 1) / 2;
    return {centre.x + c * x - s * y, centre.y + s * x + c * y};
  }
};

using Views = std::vector<View>;

std::vector<double> tile_centres(int length, double side) {
  if (side >= length) return {(length - 1) / 2.0};
  const int count = int(std::ceil((length - side) / (0.75 * side))) + 1;
  std::vector<double> centres;
  for (int i = 0; i < count; ++i) {
    centres.push_back(side / 2 + (length - side) * i / (count - 1) - 0.5);
  }
  return centres;
}

/** Squares of `side` that cover the frame, neighbours overlapping by a quarter at least. */
Views tiles(const Image& image, double side) {
  Views made;
  for (double y : tile_centres(image.height, side)) {
    for (double x : tile_centres(image.width, side)) made.push_back({{x, y}, side});
  }
  return made;
}

/** Sets of views, cheapest first: the frame, the frame turned, ever smaller tiles of it. */
std::vector<Views> rounds_of(const Image& image, Search search) {
  const double longer = std::max(image.width, image.height);
  const double shorter = std::min(image.width, image.height);
  const Point middle{(image.width - 1) / 2.0, (image.height - 1) / 2.0};
  std::vector<Views> rounds = {{{middle, longer}}};
  if (search == Search::single) return rounds;
  rounds.push_back(
      {{middle, longer, kPi / 2}, {middle, longer, 3 * kPi / 2}, {middle, longer, kPi}});
  const double smallest = kMinFace * longer / kFaceInTile;
  const double largest = std::max(std::min(shorter, 0.6 * longer), smallest);
  const int sizes = 1 + int(std::ceil(std::log(smallest / largest) / std::log(kTileRatio)));
  for (int i = 0; i < sizes; ++i) {
    const double part = sizes == 1 ? 0 : double(i) / (sizes - 1);
    rounds.push_back(tiles(image, largest * std::pow(smallest / largest, part)));
  }
  return rounds;
}

/** A detection from a view's pixels to the frame's; the box turns with its centre only. */
Detection moved(const Detection& face, const View& view, double size) {
  const double scale = view.side / size;
  const Point centre = view.to_frame(centre_of(face.box), size);
  const double width = face.box.width * scale, height = face.box.height * scale;
  Landmarks landmarks;
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    landmarks[i] = view.to_frame((*face.landmarks)[i], size);
  }
  return {{centre.x - width / 2, centre.y - height / 2, width, height}, face.score, landmarks};
}

/** One pass of the network over one view; its faces in pixels of the frame. */
std::vector<Detection> look(BlazeFace& network, const Image& image, const View& view,
                            double min_score) {
  const int size = int(network.spec().input_size);
  const Image pixels = warp(image, view.to_pixels(size), size, size, Outside::black);
  std::vector<Detection> faces;
  for (const Detection& face : network.run(pixels, min_score)) {
    faces.push_back(moved(face, view, size));
  }
  return faces;
}

std::optional<Detection> nearest(const std::vector<Detection>& faces, const Box& box) {
  const auto found =
      std::min_element(faces.begin(), faces.end(), [&box](const Detection& a, const Detection& b) {
        return distance(a.box, box) < distance(b.box, box);
      });
  return found == faces.end() ? std::nullopt : std::optional(*found);
}

/** The second pass: the same face again, eyes level, filling half the view. */
std::optional<Detection> look_closer(BlazeFace& network, const Image& image,
                                     const Detection& face) {
  const Point right = (*face.landmarks)[0], left = (*face.landmarks)[1];
  const double side = std::max(face.box.width, face.box.height) / kFaceInView;
  if (!(side > 1e-3)) return std::nullopt;
  const View view{centre_of(face.box), side, std::atan2(left.y - right.y, left.x - right.x)};
  return nearest(look(network, image, view, network.spec().min_score_in_box), face.box);
}

/** Both passes over some views: faces whose first and second look reach the given scores. */
std::vector<Detection> search_views(BlazeFace& network, const Image& image, const Views& views,
                                    double candidate, double accepted) {
  std::vector<Detection> candidates;
  for (const View& view : views) {
    const auto faces = look(network, image, view, candidate);
    candidates.insert(candidates.end(), faces.begin(), faces.end());
  }
  std::vector<Detection> good;
  for (const Detection& face : network.distinct(candidates)) {
    const auto closer = look_closer(network, image, face);
    if (closer && closer->score >= accepted) good.push_back(*closer);
  }
  return network.distinct(good);
}

}  // namespace

BlazeFaceDetector::BlazeFaceDetector(std::shared_ptr<LiteRt> engine,
                                     const std::filesystem::path& folder, Search search,
                                     int threads)
    : network_(std::make_unique<BlazeFace>(std::move(engine), folder, threads)), search_(search) {}

BlazeFaceDetector::~BlazeFaceDetector() = default;

std::vector<Detection> BlazeFaceDetector::detect(const Image& image) const {
  const DetectorSpec& spec = network_->spec();
  const std::vector<Views> rounds = rounds_of(image, search_);
  std::vector<Detection> found =
      search_views(*network_, image, rounds[0], spec.min_score, spec.min_score);
  for (std::size_t i = 1; i < rounds.size(); ++i) {
    const bool sure = std::any_of(found.begin(), found.end(), [&spec](const Detection& face) {
      return face.score >= spec.sure_score;
    });
    if (search_ == Search::adaptive && sure) break;
    const auto more =
        search_views(*network_, image, rounds[i], spec.candidate_score, spec.sure_score);
    found.insert(found.end(), more.begin(), more.end());
    found = network_->distinct(std::move(found));
  }
  std::stable_sort(found.begin(), found.end(), [](const Detection& a, const Detection& b) {
    return a.box.width * a.box.height > b.box.width * b.box.height;
  });
  return found;
}

std::optional<Detection> BlazeFaceDetector::follow(const Image& image,
                                                   const Detection& face) const {
  return look_closer(*network_, image, face);
}

std::optional<Detection> BlazeFaceDetector::refine(const Image& image, const Box& box) const {
  for (double part : kBoxInView) {
    const View view{centre_of(box), std::max(box.width, box.height) / part};
    const auto face = nearest(look(*network_, image, view, network_->spec().min_score_in_box), box);
    if (!face) continue;
    const auto closer = look_closer(*network_, image, *face);
    return closer ? closer : face;
  }
  return std::nullopt;
}

}  // namespace mf2_edge
