#include "mf2_edge/analyzer.hpp"

#include <algorithm>
#include <cmath>

#include "mf2_edge/align.hpp"
#include "mf2_edge/errors.hpp"
#include "mf2_edge/preprocess.hpp"
#include "mf2_edge/quality.hpp"

namespace mf2_edge {

static constexpr PreprocessingSpec kPixelsAsTheyAre = {{0, 0, 0}, {1, 1, 1}};

static void check_box(const Box& box, const Image& image) {
  for (double value : {box.x, box.y, box.width, box.height}) {
    // Far beyond any frame the arithmetic of positions is no longer exact.
    if (!(std::abs(value) < 1e6)) throw BoxError("box is not finite, or larger than 1e6 px");
  }
  if (!(box.width > 0 && box.height > 0)) throw BoxError("box has no size");
  const bool beside = box.x >= image.width || box.x + box.width <= 0;
  const bool below = box.y >= image.height || box.y + box.height <= 0;
  if (beside || below) throw BoxError("box lies outside the frame; expected pixels of this frame");
}

/** Whether landmarks can carry an alignment: finite, eyes apart. */
static bool usable(const std::optional<Landmarks>& landmarks) {
  if (!landmarks) return false;
  const Point right = (*landmarks)[0], left = (*landmarks)[1];
  const bool finite = std::isfinite(right.x + right.y + left.x + left.y);
  return finite && (right.x != left.x || right.y != left.y);
}

FaceStateAnalyzer::FaceStateAnalyzer(const std::filesystem::path& bundle,
                                     const AnalyzerOptions& options)
    : bundle_(bundle),
      artifact_(bundle_.select(options.format, options.precision)),
      decoder_(bundle_.spec(), options.include_experimental) {
  const int threads = std::clamp(options.threads, 1, 64);
  std::string bytes = bundle_.read(artifact_);  // checked before anything parses them
  const auto engine = open_litert(options.litert);
  const bool tflite = options.format == ArtifactFormat::tflite;
  model_ = tflite ? open_tflite(engine, std::move(bytes), artifact_.file, threads)
                  : open_pte(std::move(bytes), artifact_.file);
  check_outputs(*model_, bundle_.spec(), artifact_);
  const auto& folder = options.detectors.empty() ? bundle : options.detectors;
  detector_ = std::make_unique<YuNetDetector>(engine, folder, options.detection, threads);
}

std::vector<FaceState> FaceStateAnalyzer::predict(const Frame& frame) const {
  const Image image = to_image(frame);
  std::vector<FaceState> states;
  for (const Detection& face : detector_->detect(image)) states.push_back(analyze(image, face));
  return states;
}

std::vector<FaceState> FaceStateAnalyzer::predict(const Frame& frame,
                                                  const std::vector<Box>& boxes) const {
  const Image image = to_image(frame);
  for (const Box& box : boxes) check_box(box, image);
  std::vector<FaceState> states;
  for (const Box& box : boxes) {
    const auto found = detector_->refine(image, box);
    states.push_back(analyze(image, {box, 1, found ? found->landmarks : std::nullopt}));
  }
  return states;
}

FaceState FaceStateAnalyzer::predict(const Frame& frame, const Box& box,
                                     const Landmarks& landmarks) const {
  const Image image = to_image(frame);
  check_box(box, image);
  return analyze(image, {box, 1, landmarks});
}

FaceState FaceStateAnalyzer::predict_crop(const Frame& crop) const {
  const Image image = to_image(crop);
  const Box whole{0, 0, double(image.width), double(image.height)};
  return analyze(image, detector_->refine(image, whole).value_or(Detection{whole, 1, {}}));
}

FaceState FaceStateAnalyzer::analyze(const Image& image, const Detection& face) const {
  const ModelSpec& spec = bundle_.spec();
  const AlignmentSpec& alignment = spec.alignment;
  const bool small = std::min(face.box.width, face.box.height) < spec.decoding.min_face_size;
  const bool aligns = usable(face.landmarks);
  const Status status = !aligns ? Status::unaligned : small ? Status::small : Status::ok;
  const Image aligned =
      aligns ? align(image, *face.landmarks, alignment) : resize_crop(image, face.box, alignment);
  const bool tensor = artifact_.input == ModelInput::tensor;
  const auto input =
      to_input(aligned, tensor ? spec.preprocessing : kPixelsAsTheyAre, artifact_.layout);
  const auto pose = aligns ? head_pose(*face.landmarks) : std::nullopt;
  FaceQuality quality = face_quality(aligned, face.box, pose);
  const bool poor = quality.overall < kLowQuality || face.doubtful;
  Answers told = decoder_.decode(model_->run(input), status, poor);
  quality.visibility = visible_part(told.visibility);
  quality.overall = std::min(quality.overall, quality.visibility);
  return {face.box,
          face.landmarks,
          face.score,
          std::move(told.emotion),
          std::move(told.action_units),
          status,
          pose,
          quality,
          std::nullopt,
          std::move(told.visibility)};
}

}  // namespace mf2_edge
