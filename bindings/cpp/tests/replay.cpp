// Every stage against the goldens: replay BUNDLE DETECTORS FOLDER prints one JSON object.
//
// FOLDER holds goldens/, stages/ and smooth/ (.npy), goldens_finder.json, manifests.json, and crops.bin: for each crop its width
// and height as little-endian int32, then RGB. tests/helpers/bindings/replay.py makes it and judges.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>

#include "json_fields.hpp"
#include "mf2_edge/align.hpp"
#include "mf2_edge/analyzer.hpp"
#include "mf2_edge/preprocess.hpp"
#include "mf2_edge/smooth.hpp"
#include "mf2_edge/stream.hpp"
#include "npy.hpp"
#include "orient.hpp"

namespace fs = std::filesystem;
using namespace mf2_edge;

/** The largest difference of a stage so far; NaN counts as infinite. */
struct Worst {
  double difference = 0;
  std::size_t n = 0;

  template <class Found>
  void compare(const Found& found, const Array& recorded, std::size_t index) {
    const std::vector<double> all = recorded.numbers();
    const std::size_t size = found.size();
    if (all.size() < (index + 1) * size) difference = INFINITY;
    for (std::size_t i = 0; i < size && std::isfinite(difference); ++i) {
      const double off = std::abs(double(found[i]) - all[index * size + i]);
      difference = std::isnan(off) ? INFINITY : std::max(difference, off);
    }
    ++n;
  }
  Json json(double tolerance) const {
    return {{"max_difference", difference}, {"tolerance", tolerance}, {"n", n}};
  }
};

static double number(const fs::path& path) { return read_npy(path).numbers().at(0); }

static Image image_of(const Array& array, std::size_t index, std::size_t first_axis) {
  const std::size_t height = array.shape[first_axis], width = array.shape[first_axis + 1];
  const std::size_t size = height * width * 3;
  const auto begin = array.bytes.begin() + std::ptrdiff_t(index * size);
  return {int(width), int(height), {begin, begin + std::ptrdiff_t(size)}};
}

static Frame frame_of(const Image& image) {
  return {image.pixels.data(), image.width, image.height, 0, PixelFormat::rgb};
}

static Json replay_models(const fs::path& path) {
  const Json cases = Json::parse(read_file(path, std::size_t(1) << 30));
  Worst worst;
  for (const Json& each : cases) {
    bool valid = true;
    try {
      parse_model(each["text"].get<std::string>(), "case");
    } catch (const ManifestError&) {
      valid = false;
    }
    worst.difference += valid != each["valid"].get<bool>();
    ++worst.n;
  }
  return worst.json(0);
}

static double seen(bool as_expected) { return as_expected ? 0 : INFINITY; }

static Candidate candidate_of(const Json& row) {
  const std::vector<double> n = row;
  return {{n[1], n[2], n[3], n[4]}, n[0], {n[5], n[6]}, {n[7], n[8]}};
}

static std::vector<double> row_of(const Candidate& face) {
  const Box& box = face.box;
  return {face.score,       box.x,           box.y,
          box.width,        box.height,      face.right_eye.x,
          face.right_eye.y, face.left_eye.x, face.left_eye.y};
}

/** The largest difference of numbers; infinite where their counts differ. */
static double off(const std::vector<double>& found, const std::vector<double>& recorded) {
  double worst = seen(found.size() == recorded.size());
  for (std::size_t i = 0; i < found.size() && std::isfinite(worst); ++i) {
    worst = std::max(worst, std::abs(found[i] - recorded[i]));
  }
  return worst;
}

static DetectorOptions options_of(const Json& given) {
  DetectorOptions made;
  if (given.contains("min_face")) made.min_face = given["min_face"].get<double>();
  if (given.contains("max_faces")) made.max_faces = given["max_faces"].get<int>();
  made.min_detection_score = given.value("min_detection_score", 0.0);
  made.fast = given.value("fast", false);
  const std::string turned = given.value("turned_frames", "all");
  made.turned_frames = turned == "all"    ? TurnedFrames::all
                       : turned == "next" ? TurnedFrames::next
                                          : TurnedFrames::none;
  return made;
}

/** What needs no network: sizes, candidates of maps, turned frames, and the rules. */
static double replay_rules(const Json& goldens, const fs::path& folder,
                           const std::shared_ptr<LiteRt>& engine) {
  const YuNetSpec spec = read_yunet_spec(folder / "yunet_n" / "detector.json");
  double worst = 0;
  for (const Json& each : goldens["sides"]) {
    const YuNetDetector detector(engine, folder, options_of(each["options"]), 1);
    const int height = each["height"], width = each["width"];
    const int side = detector.side(height, width);
    const Reduced shape = reduced_shape(height, width, side, int(spec.strides.back()));
    worst = std::max(worst, seen(side == each["side"] && shape.rows == each["rows"] &&
                                 shape.columns == each["columns"]));
  }
  const Json& decode = goldens["decode"];
  const auto found = candidates_of(decode["maps"], decode["rows"], decode["columns"], spec);
  worst = std::max(worst, seen(found.size() == decode["candidates"].size()));
  for (std::size_t i = 0; i < found.size() && std::isfinite(worst); ++i) {
    worst = std::max(worst, off(row_of(found[i]), decode["candidates"][i]));
  }
  for (const Json& each : goldens["turned"]) {
    const Reduced shape{each["rows"], each["columns"], each["scale"]};
    const Candidate face = in_frame(candidate_of(each["candidate"]), each["quarters"], shape);
    worst = std::max(worst, off(row_of(face), each["in_frame"]));
  }
  for (const Json& each : goldens["orient"]) {
    const Candidate upright{{0, 0, 1, 1}, 0.9, {0, 0}, {1, 0}};
    const auto chosen = orient(upright, spec.rules, [&](double turn) -> std::optional<Detection> {
      const std::size_t quarter = std::size_t(std::lrint(turn / std::acos(0.0)) + 4) % 4;
      const Json& score = each["looks"][quarter];
      if (score.is_null()) return std::nullopt;
      return Detection{{double(quarter), 0, 1, 1}, score.get<double>(), {}};
    });
    const Json place = chosen ? Json(int(chosen->box.x)) : Json();
    const bool doubtful = chosen && chosen->doubtful;
    worst = std::max(worst, seen(place == each["chosen"] && doubtful == each["doubtful"]));
  }
  for (const Json& each : goldens["accepted"]) {
    worst = std::max(worst, seen(is_face(each[0], each[1], spec.rules) == each[2].get<bool>()));
  }
  return worst;
}

/** A picture of the goldens: views of the portrait on a grey canvas. */
static Image picture(const Image& portrait, const Json& told) {
  const std::size_t height = told["height"], width = told["width"];
  const std::uint8_t grey = told["grey"];
  Image made{int(width), int(height), std::vector<std::uint8_t>(height * width * 3, grey)};
  for (const Json& part : told["parts"]) {
    const std::vector<double> m = part["matrix"];
    const std::size_t x = part["x"], y = part["y"], rows = part["height"];
    const Image view = warp(portrait, {m[0], m[1], m[2], m[3], m[4], m[5]}, part["width"],
                            part["height"], Outside::black);
    const std::size_t line = std::size_t(view.width) * 3;
    for (std::size_t row = 0; row < rows; ++row) {
      std::copy_n(view.pixels.begin() + std::ptrdiff_t(row * line), line,
                  made.pixels.begin() + std::ptrdiff_t(((y + row) * width + x) * 3));
    }
  }
  return made;
}

/** Differences of faces in pixels; infinite where one is missing, or its score is another. */
static double compare_faces(const std::vector<Detection>& found, const Json& recorded,
                            double score) {
  double worst = seen(found.size() == recorded.size());
  for (std::size_t i = 0; i < found.size() && std::isfinite(worst); ++i) {
    const Box& box = found[i].box;
    std::vector<double> points;
    for (const Point& point : *found[i].landmarks) points.insert(points.end(), {point.x, point.y});
    const Json& face = recorded[i];
    worst = std::max({worst, off({box.x, box.y, box.width, box.height}, face["box"]),
                      off(points, face["landmarks"]),
                      seen(std::abs(found[i].score - face["score"].get<double>()) <= score &&
                           found[i].doubtful == face["doubtful"].get<bool>())});
  }
  return worst;
}

static Json replay_detect(const fs::path& folder, const fs::path& detectors) {
  const std::string text = read_file(folder / "goldens_finder.json", std::size_t(1) << 24);
  const Json goldens = Json::parse(text), &tolerance = goldens["tolerance"];
  const Image portrait = image_of(read_npy(folder / "stages/frame.npy"), 0, 0);
  const auto engine = open_litert("");
  Worst worst;
  const double exact = replay_rules(goldens, detectors, engine);
  if (!(exact <= tolerance["exact"].get<double>())) worst.difference = INFINITY;
  for (const Json& told : goldens["frames"]) {
    const YuNetDetector detector(engine, detectors, options_of(told["options"]), 1);
    const Image image = picture(portrait, told);
    for (const Json& faces : told["calls"]) {
      const double off = compare_faces(detector.detect(image), faces, tolerance["score"]);
      worst.difference = std::max(worst.difference, off);
    }
    ++worst.n;
  }
  return worst.json(tolerance["detect"]);
}

/** A picture with transparent parts, its alpha straight and multiplied in, as a frame on white. */
static Json replay_frame(const fs::path& stages) {
  Worst worst;
  for (const auto& [name, format] :
       {std::pair{"alpha/rgba.npy", PixelFormat::rgba},
        std::pair{"alpha/premultiplied.npy", PixelFormat::rgba_premultiplied}}) {
    const Array given = read_npy(stages / name);
    const Frame frame{reinterpret_cast<const std::uint8_t*>(given.bytes.data()),
                      int(given.shape[1]), int(given.shape[0]), 0, format};
    worst.compare(to_image(frame).pixels, read_npy(stages / "alpha/rgb.npy"), 0);
  }
  return worst.json(number(stages / "tolerance/alpha.npy"));
}

static Json replay_align(const fs::path& stages, const AlignmentSpec& spec) {
  const Image frame = image_of(read_npy(stages / "frame.npy"), 0, 0);
  const Array cases = read_npy(stages / "align/landmarks.npy");
  const std::vector<double> points = cases.numbers();
  Worst worst;
  for (std::size_t i = 0; i < cases.shape[0]; ++i) {
    Landmarks landmarks;
    for (std::size_t k = 0; k < 6; ++k) {
      landmarks[k] = {points[i * 12 + k * 2], points[i * 12 + k * 2 + 1]};
    }
    Worst matrix;
    const Matrix m = similarity(landmarks, spec);
    matrix.compare(std::vector<double>{m.a, m.b, m.tx, m.c, m.d, m.ty},
                   read_npy(stages / "align/matrix.npy"), i);
    if (matrix.difference > number(stages / "tolerance/matrix.npy")) worst.difference = INFINITY;
    worst.compare(align(frame, landmarks, spec).pixels, read_npy(stages / "align/aligned.npy"), i);
  }
  const std::vector<double> views = read_npy(stages / "warp/matrix.npy").numbers();
  for (std::size_t i = 0; i < views.size() / 6; ++i) {
    const double* m = &views[i * 6];
    const Image view = warp(frame, {m[0], m[1], m[2], m[3], m[4], m[5]}, 128, 128, Outside::black);
    worst.compare(view.pixels, read_npy(stages / "warp/view.npy"), i);
  }
  return worst.json(number(stages / "tolerance/align.npy"));
}

static Json replay_preprocess(const fs::path& goldens, const PreprocessingSpec& spec) {
  const Array aligned = read_npy(goldens / "aligned.npy");
  Worst worst;
  for (std::size_t i = 0; i < aligned.shape[0]; ++i) {
    worst.compare(to_input(image_of(aligned, i, 1), spec, Layout::NCHW),
                  read_npy(goldens / "preprocess.npy"), i);
  }
  return worst.json(number(goldens / "tolerance/preprocess.npy"));
}

/** The recorded array of a precision, where it has one of its own. */
static fs::path of_precision(const fs::path& goldens, const std::string& name,
                             Precision precision) {
  const fs::path own = goldens / name / (std::string(to_string(precision)) + ".npy");
  return fs::exists(own) ? own : goldens / (name + ".npy");
}

/** What the arrays of a head are called. */
static std::string golden_name(HeadName head) {
  return head == HeadName::action_units ? "au" : to_string(head);
}

static std::vector<float> row_of(const Array& array, std::size_t index) {
  const auto* first = reinterpret_cast<const float*>(array.bytes.data()) + index * array.shape[1];
  return std::vector<float>(first, first + array.shape[1]);
}

static std::vector<double> scores_of(const Decoder& decoder, HeadName head,
                                     const std::vector<float>& logits) {
  switch (head) {
    case HeadName::emotion: return decoder.emotion_scores(logits);
    case HeadName::action_units: return decoder.unit_scores(logits);
    case HeadName::strength: return decoder.strength_scores(logits);
    default: return decoder.visibility_scores(logits);
  }
}

static Json replay_run(const fs::path& goldens, const Bundle& bundle) {
  const Array aligned = read_npy(goldens / "aligned.npy");
  const ModelSpec& spec = bundle.spec();
  Worst worst;
  double tolerance = 0;
  for (const ArtifactSpec& artifact : spec.artifacts) {
    const bool floats = artifact.io_dtype == IoDtype::float32;
    if (artifact.format != ArtifactFormat::tflite || !floats) continue;
    const auto model = open_tflite(open_litert(""), bundle.read(artifact), artifact.file, 1);
    check_outputs(*model, spec, artifact);
    const bool image = artifact.input == ModelInput::image;
    const PreprocessingSpec pixels =
        image ? PreprocessingSpec{{0, 0, 0}, {1, 1, 1}} : spec.preprocessing;
    const double allowed = number(of_precision(goldens, "tolerance/model", artifact.precision));
    Worst each;
    for (std::size_t i = 0; i < aligned.shape[0]; ++i) {
      const Outputs outputs =
          model->run(to_input(image_of(aligned, i, 1), pixels, artifact.layout));
      for (const HeadSpec& head : spec.heads) {
        const std::string name = golden_name(head.name) + "_logits";
        each.compare(outputs[std::size_t(head.output)],
                     read_npy(of_precision(goldens, name, artifact.precision)), i);
      }
    }
    // Of several files the one that comes nearest to what it is allowed.
    const bool first = worst.n == 0;
    if (first || each.difference * tolerance > worst.difference * allowed) {
      worst = each;
      tolerance = allowed;
    }
    worst.n = aligned.shape[0];
  }
  return worst.json(tolerance);
}

static Json replay_decode(const fs::path& goldens, const ModelSpec& spec) {
  const Decoder decoder(spec);
  Worst worst;
  std::size_t faces = 0;
  for (const HeadSpec& head : spec.heads) {
    const std::string name = golden_name(head.name);
    const Array logits = read_npy(goldens / (name + "_logits.npy"));
    const Array scores = read_npy(goldens / (name + "_scores.npy"));
    faces = logits.shape[0];
    for (std::size_t i = 0; i < faces; ++i) {
      worst.compare(scores_of(decoder, head.name, row_of(logits, i)), scores, i);
    }
  }
  worst.n = faces;
  return worst.json(number(goldens / "tolerance/decode.npy"));
}

static Json replay_smooth(const fs::path& folder, const ModelSpec& spec) {
  const fs::path series = folder / "smooth";
  const std::vector<double> times = read_npy(series / "timestamps_ms.npy").numbers();
  const std::vector<double> emotions = read_npy(series / "emotion_scores.npy").numbers();
  const std::vector<double> units = read_npy(series / "au_scores.npy").numbers();
  const HeadSpec* marked = find_head(spec, HeadName::strength);
  const HeadSpec* seen = find_head(spec, HeadName::visibility);
  std::vector<double> strengths, regions;
  if (marked) strengths = read_npy(series / "strength_scores.npy").numbers();
  if (seen) regions = read_npy(series / "visibility_scores.npy").numbers();
  const std::vector<double> labels = read_npy(series / "label.npy").numbers();
  const std::vector<double> present = read_npy(series / "present.npy").numbers();
  const auto& names = head_of(spec, HeadName::emotion).labels;
  const auto& unit_names = head_of(spec, HeadName::action_units).labels;
  Smoother smoother(spec);
  Worst worst;
  for (std::size_t t = 0; t < times.size(); ++t) {
    FaceState state;
    for (std::size_t i = 0; i < names.size(); ++i) {
      state.emotion.scores.emplace_back(names[i], emotions[t * names.size() + i]);
    }
    for (std::size_t i = 0; i < unit_names.size(); ++i) {
      ActionUnit unit;
      unit.label = unit_names[i];
      unit.score = units[t * unit_names.size() + i];
      if (marked) unit.strength = strengths[t * unit_names.size() + i];
      state.action_units.push_back(unit);
    }
    for (std::size_t i = 0; seen && i < seen->labels.size(); ++i) {
      state.visibility.emplace_back(seen->labels[i], regions[t * seen->labels.size() + i]);
    }
    const FaceState smoothed = smoother.update(state, times[t]).state;
    std::vector<double> scores;
    for (const auto& score : smoothed.emotion.scores) scores.push_back(score.second);
    worst.compare(scores, read_npy(series / "smoothed_emotion_scores.npy"), t);
    scores.clear();
    std::vector<double> smoothed_strengths, smoothed_regions;
    for (std::size_t i = 0; i < unit_names.size(); ++i) {
      scores.push_back(smoothed.action_units[i].score);
      if (marked) smoothed_strengths.push_back(smoothed.action_units[i].strength.value());
      const bool expected = present[t * unit_names.size() + i] != 0;
      if (smoothed.action_units[i].present != expected) worst.difference = INFINITY;
    }
    worst.compare(scores, read_npy(series / "smoothed_au_scores.npy"), t);
    for (const auto& region : smoothed.visibility) smoothed_regions.push_back(region.second);
    const fs::path of_strength = series / "smoothed_strength_scores.npy";
    const fs::path of_regions = series / "smoothed_visibility_scores.npy";
    if (marked) worst.compare(smoothed_strengths, read_npy(of_strength), t);
    if (seen) worst.compare(smoothed_regions, read_npy(of_regions), t);
    if (smoothed.emotion.label != names[std::size_t(labels[t])]) worst.difference = INFINITY;
  }
  worst.n = times.size();
  return worst.json(number(folder / "tolerance/smooth.npy"));
}

static Json to_json(const FaceState& face) {
  Json units = Json::object();
  for (const ActionUnit& unit : face.action_units) {
    units[unit.label] = {
        {"score", unit.score}, {"present", unit.present}, {"reason", to_string(unit.reason)}};
  }
  return {{"emotion", face.emotion.label},
          {"score", face.emotion.score},
          {"reason", to_string(face.emotion.reason)},
          {"status", to_string(face.status)},
          {"quality", face.quality.overall},
          {"action_units", units}};
}

/** What each face says once its heads are decoded, intensity, visibility and reasons included. */
static Json replay_answers(const fs::path& goldens, const ModelSpec& spec) {
  const Decoder decoder(spec);
  const std::size_t faces = read_npy(goldens / "emotion_logits.npy").shape[0];
  Json answers = Json::array();
  for (std::size_t i = 0; i < faces; ++i) {
    Outputs outputs(spec.heads.size());
    for (const HeadSpec& head : spec.heads) {
      const Array logits = read_npy(goldens / (golden_name(head.name) + "_logits.npy"));
      outputs[std::size_t(head.output)] = row_of(logits, i);
    }
    const Answers told = decoder.decode(outputs, Status::ok, false);
    Json units = Json::object(), regions = Json::object();
    for (const ActionUnit& unit : told.action_units) {
      const auto& world = unit.reliability ? unit.reliability->world : std::nullopt;
      units[unit.label] = {{"present", unit.present},
                           {"reason", to_string(unit.reason)},
                           {"intensity", unit.intensity().value()},
                           {"level", to_string(unit.level().value())},
                           {"world", world ? Json(world->f1) : Json()}};
    }
    for (const auto& [label, score] : told.visibility) regions[label] = score;
    answers.push_back({{"emotion", told.emotion.label},
                       {"reason", to_string(told.emotion.reason)},
                       {"action_units", units},
                       {"visibility", regions}});
  }
  return answers;
}

static Json replay_crops(const fs::path& path, const FaceStateAnalyzer& analyzer) {
  const std::string bytes = read_file(path, std::size_t(1) << 30);
  Json states = Json::array();
  for (std::size_t at = 0; at < bytes.size();) {
    std::int32_t size[2];
    std::memcpy(size, bytes.data() + at, sizeof size);
    Image crop{size[0], size[1], {}};
    const std::size_t count = std::size_t(size[0]) * std::size_t(size[1]) * 3;
    const auto begin = bytes.begin() + std::ptrdiff_t(at + sizeof size);
    crop.pixels.assign(begin, begin + std::ptrdiff_t(count));
    states.push_back(to_json(analyzer.predict_crop(frame_of(crop))));
    at += sizeof size + count;
  }
  return states;
}

/** A face that moves by 4 and 2 pixels a frame, is away for three frames, and comes back; then the
 * clock jumps to milliseconds since 1970. */
static Json replay_stream(const fs::path& stages, const FaceStateAnalyzer& analyzer) {
  constexpr int kWidth = 270, kHeight = 290, kMoving = 12, kFrames = 20;
  constexpr double kJump = 1.75e12;
  constexpr const char* kinds[] = {"onset", "apex", "offset"};
  const Image portrait = image_of(read_npy(stages / "frame.npy"), 0, 0);
  const std::vector<std::uint8_t> nobody(std::size_t(kWidth) * kHeight * 3);
  FaceStateStream stream(analyzer);
  Json moments = Json::array();
  for (int t = 0; t < kFrames; ++t) {
    Frame frame = frame_of(portrait);
    const bool away = t >= 6 && t < 9;
    frame.stride = std::size_t(away ? kWidth : portrait.width) * 3;
    const auto moved = std::size_t(std::min(t, kMoving - 1));
    frame.pixels = away ? nobody.data() : frame.pixels + 2 * moved * frame.stride + 12 * moved;
    frame.width = kWidth;
    frame.height = kHeight;
    Json faces = Json::array(), events = Json::array();
    const double time = t * 40.0 + (t < kMoving ? 0 : kJump);
    for (const FaceState& face : stream.update(frame, time)) {
      faces.push_back(to_json(face));
      faces.back()["track_id"] = face.track_id.value();
      faces.back()["x"] = face.box.x;
    }
    for (const ActionUnitEvent& event : stream.take_events()) {
      events.push_back({{"label", event.label},
                        {"kind", kinds[int(event.kind)]},
                        {"score", event.score},
                        {"track_id", event.track_id}});
    }
    moments.push_back({{"faces", faces}, {"events", events}});
  }
  return moments;
}

int main(int count, char** arguments) {
  if (count != 4) return std::cerr << "usage: replay BUNDLE DETECTORS FOLDER\n", 2;
  try {
    AnalyzerOptions options;
    options.detectors = arguments[2];
    const FaceStateAnalyzer analyzer(arguments[1], options);
    const fs::path folder = arguments[3], goldens = folder / "goldens", stages = folder / "stages";
    const Bundle& bundle = analyzer.bundle();
    const ModelSpec& spec = bundle.spec();
    const Json stages_found = {
        {"manifest", replay_models(folder / "manifests.json")},
        {"frame", replay_frame(stages)},
        {"detect", replay_detect(folder, options.detectors)},
        {"align", replay_align(stages, spec.alignment)},
        {"preprocess", replay_preprocess(goldens, spec.preprocessing)},
        {"run", replay_run(goldens, bundle)},
        {"decode", replay_decode(goldens, spec)},
        {"smooth", replay_smooth(folder / "smooth", spec)},
    };
    const fs::path heads = folder / "heads";
    const std::string text = read_file(heads / "model.json", std::size_t(1) << 24);
    const ModelSpec toy = parse_model(text, "model.json");
    const Json heads_found = {{"decode", replay_decode(heads / "goldens", toy)},
                              {"smooth", replay_smooth(heads / "smooth", toy)},
                              {"answers", replay_answers(heads / "goldens", toy)}};
    std::cout << Json{{"bundle_sha256", bundle.manifest_sha256()},
                      {"stages", stages_found},
                      {"heads", heads_found},
                      {"states", replay_crops(folder / "crops.bin", analyzer)},
                      {"stream", replay_stream(stages, analyzer)}}
              << "\n";
  } catch (const std::exception& error) {
    return std::cerr << error.what() << "\n", 1;
  }
}
