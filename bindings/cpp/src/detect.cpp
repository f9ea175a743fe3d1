#include "mf2_edge/detect.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "look.hpp"
#include "orient.hpp"

namespace mf2_edge {

namespace {

constexpr double kPi = 3.14159265358979323846;
/** Looks with a lower score are not told from nothing. */
constexpr double kLookScore = 0.1;
/** Side of BlazeFace's box, as a part of the height of a face from forehead to chin. */
constexpr double kBoxOfFace = 0.85;

double longer_side(const Box& box) { return std::max(box.width, box.height); }

double area(const Box& box) { return box.width * box.height; }

double score_of(const std::optional<Detection>& face) { return face ? face->score : 0; }

bool is_better(double turned, double first, const DetectionRules& rules) {
  return turned >= rules.turned_look && turned > first + rules.turned_gain;
}

/** The best face of one pass that agrees with a box in place and size. */
std::optional<Detection> look_at(BlazeFace& network, const Image& image, const Box& box,
                                 const DetectionRules& rules, double turn) {
  const Point middle = centre_of(box);
  const double side = longer_side(box);
  if (!(side > 1e-3)) return std::nullopt;
  for (const Detection& face :
       look(network, image, {middle, rules.view * side, turn}, kLookScore)) {
    const double extent = longer_side(face.box) / side;
    const bool near = distance(centre_of(face.box), middle) <= rules.off_centre * side;
    if (near && rules.size[0] <= extent && extent <= rules.size[1]) return face;
  }
  return std::nullopt;
}

/** The same, once more where the face is not level in its view. */
std::optional<Detection> level_look(BlazeFace& network, const Image& image, const Box& box,
                                    const DetectionRules& rules, double turn) {
  const auto face = look_at(network, image, box, rules, turn);
  if (!face) return face;
  const double turns = (roll_of(*face) - turn + kPi) / (2 * kPi);
  const double off = (turns - std::floor(turns)) * 2 * kPi - kPi;
  if (std::abs(off) <= rules.roll * kPi / 180) return face;
  const auto level = look_at(network, image, box, rules, turn + off);
  return level && level->score >= face->score ? level : face;
}

void check(const DetectorOptions& options) {
  const auto require = [](bool good, const char* what) {
    if (!good) throw std::invalid_argument(what);
  };
  const double face = options.min_face.value_or(1);
  require(face > 0 && std::isfinite(face),
          "min_face: expected pixels, or below 1 a part of the frame's longer side");
  require(!(options.min_face && options.fast),
          "min_face and fast: expected one of them; min_face sets the price itself");
  require(options.max_faces.value_or(1) >= 1, "max_faces: expected 1 or more");
  require(options.min_detection_score >= 0 && options.min_detection_score <= 1,
          "min_detection_score: expected 0 to 1");
}

}  // namespace

std::optional<Detection> orient(const Candidate& candidate, const DetectionRules& rules,
                                const Look& look) {
  const Point right = candidate.right_eye, left = candidate.left_eye;
  const double turn = std::atan2(left.y - right.y, left.x - right.x);
  std::optional<Detection> best = look(turn);
  const double first = score_of(best);
  if (first >= rules.opposite_below) return best;
  const std::optional<Detection> opposite = look(turn + kPi);
  if (is_better(score_of(opposite), first, rules)) return opposite;
  if (first < rules.quarters_below) {
    for (double quarter : {kPi / 2, -kPi / 2}) {
      const std::optional<Detection> turned = look(turn + quarter);
      if (is_better(score_of(turned), score_of(best), rules)) best = turned;
    }
  }
  if (best && best->score < rules.turned_look) {
    best->doubtful = score_of(opposite) > best->score - rules.turned_gain;
  }
  return best;
}

bool is_face(double score, double look, const DetectionRules& rules) {
  if (look >= rules.doubtful_look) return true;
  return score >= rules.sure_score && look >= rules.sure_look;
}

YuNetDetector::YuNetDetector(std::shared_ptr<LiteRt> engine, const std::filesystem::path& folder,
                             const DetectorOptions& options, int threads)
    : options_(options) {
  check(options);
  finder_ = std::make_shared<YuNet>(engine, folder / "yunet_n", threads);
  landmarks_ = std::make_shared<BlazeFace>(engine, folder / "blazeface_short_range", threads);
}

std::vector<Detection> YuNetDetector::detect(const Image& image) const {
  const int longest = side(image.height, image.width);
  std::vector<Detection> found = search(image, longest, 0);
  if (!found.empty() || options_.turned_frames == TurnedFrames::none) return found;
  std::vector<int> turns = {1, 3, 2};
  if (options_.turned_frames == TurnedFrames::next) {
    quarters_ = quarters_ % 3 + 1;
    turns = {quarters_};
  }
  const int reduced = std::min(longest, int(finder_->spec().fast_side));
  for (int quarters : turns) {
    found = search(image, reduced, quarters);
    if (!found.empty()) break;
  }
  return found;
}

std::optional<Detection> YuNetDetector::refine(const Image& image, const Box& box) const {
  return look_inside(*landmarks_, image, box);
}

std::optional<Detection> YuNetDetector::follow(const Image& image, const Detection& face) const {
  return look_closer(*landmarks_, image, face);
}

YuNetDetector YuNetDetector::for_stream() const {
  YuNetDetector other = *this;
  if (options_.turned_frames == TurnedFrames::all) {
    other.options_.turned_frames = TurnedFrames::next;
  }
  return other;
}

int YuNetDetector::side(int height, int width) const {
  const YuNetSpec& spec = finder_->spec();
  const int longer = std::max(height, width);
  if (!options_.min_face) return std::min(longer, int(options_.fast ? spec.fast_side : spec.side));
  const double wanted = std::ceil(longer * spec.smallest_face / min_pixels(longer));
  return int(std::min(double(longer), std::max(double(spec.strides.back()), wanted)));
}

double YuNetDetector::min_pixels(double longer) const {
  const double face = options_.min_face.value_or(0);
  return face >= 1 ? face : face * longer;
}

/** Find, look, orient and accept; largest first. */
std::vector<Detection> YuNetDetector::search(const Image& image, int side, int quarters) const {
  const DetectionRules& rules = finder_->spec().rules;
  const double smallest = kBoxOfFace * min_pixels(std::max(image.height, image.width));
  std::vector<Candidate> candidates = finder_->find(image, side, quarters);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return area(a.box) > area(b.box); });
  std::vector<Detection> faces;
  for (const Candidate& each : candidates) {
    std::optional<Detection> face = orient(each, rules, [&](double turn) {
      return level_look(*landmarks_, image, each.box, rules, turn);
    });
    if (!face || !is_face(each.score, face->score, rules)) continue;
    if (longer_side(face->box) < smallest) continue;
    face->score = (each.score + face->score) / 2;
    if (face->score >= options_.min_detection_score) faces.push_back(*face);
  }
  faces = landmarks_->distinct(std::move(faces));
  std::stable_sort(faces.begin(), faces.end(), [](const Detection& a, const Detection& b) {
    return area(a.box) > area(b.box);
  });
  if (options_.max_faces && faces.size() > std::size_t(*options_.max_faces)) {
    faces.resize(std::size_t(*options_.max_faces));
  }
  return faces;
}

}  // namespace mf2_edge
