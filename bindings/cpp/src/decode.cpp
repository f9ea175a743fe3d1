#include "mf2_edge/decode.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mf2_edge {

const char* to_string(Status status) {
  static constexpr const char* kNames[] = {"ok", "unaligned", "small"};
  return kNames[int(status)];
}

const char* to_string(Reason reason) {
  static constexpr const char* kNames[] = {"confident",      "low_confidence", "unaligned",
                                           "face_too_small", "low_quality",    "not_visible",
                                           "smoothed"};
  return kNames[int(reason)];
}

const char* to_string(IntensityLevel level) {
  static constexpr const char* kNames[] = {"none", "slight", "marked"};
  return kNames[int(level)];
}

std::optional<double> ActionUnit::intensity() const {
  if (!strength) return std::nullopt;
  return (score + std::min(*strength, score)) / 2;
}

std::optional<IntensityLevel> ActionUnit::level() const {
  if (!strength) return std::nullopt;
  if (!present) return IntensityLevel::none;
  return *strength >= kPresent ? IntensityLevel::marked : IntensityLevel::slight;
}

bool is_visible(const std::string& unit, const Keyed<double>& visibility) {
  const double* seen = find(visibility, action_unit_region(unit));
  return !seen || *seen >= kPresent;
}

static std::size_t hidden_regions(const Keyed<double>& visibility) {
  return std::size_t(std::count_if(visibility.begin(), visibility.end(),
                                   [](const auto& region) { return region.second < kPresent; }));
}

bool is_covered(const Keyed<double>& visibility) {
  const std::size_t hidden = hidden_regions(visibility);
  return hidden >= 2 || (hidden > 0 && hidden == visibility.size());
}

double visible_part(const Keyed<double>& visibility) {
  const std::size_t regions = std::max<std::size_t>(visibility.size(), 1);
  return 1 - double(hidden_regions(visibility)) / double(regions);
}

static Reason reason_of(Status status, bool poor, bool unsure) {
  if (status == Status::unaligned) return Reason::unaligned;
  if (status == Status::small) return Reason::face_too_small;
  if (poor) return Reason::low_quality;
  return unsure ? Reason::low_confidence : Reason::confident;
}

std::vector<double> Decoder::emotion_scores(const std::vector<float>& logits) const {
  const double temperature = spec_.calibration.emotion.temperature;
  std::vector<double> scores(logits.begin(), logits.end());
  for (double& score : scores) score /= temperature;
  const double largest = *std::max_element(scores.begin(), scores.end());
  for (double& score : scores) score = std::exp(score - largest);
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= sum;
  return scores;
}

static double sigmoid(double z) {
  const double power = std::exp(-std::abs(z));  // never overflows
  return (z >= 0 ? 1 : power) / (1 + power);
}

/** sigmoid(scale * logit + bias), one a label. */
static std::vector<double> scaled(const std::vector<float>& logits, const HeadSpec& head,
                                  const Keyed<ActionUnitCalibration>& calibration) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < head.labels.size(); ++i) {
    const ActionUnitCalibration& fitted = *find(calibration, head.labels[i]);
    scores.push_back(sigmoid(double(logits[i]) * fitted.scale + fitted.bias));
  }
  return scores;
}

std::vector<double> Decoder::unit_scores(const std::vector<float>& logits) const {
  const HeadSpec& head = head_of(spec_, HeadName::action_units);
  return scaled(logits, head, spec_.calibration.action_units);
}

std::vector<double> Decoder::strength_scores(const std::vector<float>& logits) const {
  const HeadSpec& head = head_of(spec_, HeadName::strength);
  return scaled(logits, head, spec_.calibration.strength);
}

std::vector<double> Decoder::visibility_scores(const std::vector<float>& logits) const {
  const HeadSpec& head = head_of(spec_, HeadName::visibility);
  std::vector<double> scores;
  for (std::size_t i = 0; i < head.labels.size(); ++i) {
    const double bias = find(spec_.calibration.visibility, head.labels[i])->bias;
    scores.push_back(sigmoid(double(logits[i]) + bias));
  }
  return scores;
}

Answers Decoder::decode(const Outputs& outputs, Status status, bool poor) const {
  Answers answers;
  const HeadSpec& emotions = head_of(spec_, HeadName::emotion);
  answers.emotion = emotion(emotion_scores(outputs[std::size_t(emotions.output)]), status, poor);
  answers.action_units = units(outputs, status, poor);
  if (const HeadSpec* head = find_head(spec_, HeadName::visibility)) {
    const std::vector<double> seen = visibility_scores(outputs[std::size_t(head->output)]);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      answers.visibility.emplace_back(head->labels[i], seen[i]);
    }
  }
  if (is_covered(answers.visibility)) answers.emotion.reason = Reason::not_visible;
  for (ActionUnit& unit : answers.action_units) {
    if (!is_visible(unit.label, answers.visibility)) unit.reason = Reason::not_visible;
  }
  return answers;
}

Emotion Decoder::emotion(const std::vector<double>& scores, Status status, bool poor) const {
  const std::vector<std::string>& labels = head_of(spec_, HeadName::emotion).labels;
  const auto best = std::max_element(scores.begin(), scores.end());
  Emotion made;
  made.label = labels[std::size_t(best - scores.begin())];
  made.raw_label = made.label;
  made.score = *best;
  made.reason = reason_of(status, poor, *best < spec_.decoding.min_emotion_score);
  made.reliability = reliability_of(spec_, made.label);
  for (std::size_t i = 0; i < scores.size(); ++i) made.scores.emplace_back(labels[i], scores[i]);
  return made;
}

std::vector<ActionUnit> Decoder::units(const Outputs& outputs, Status status, bool poor) const {
  const HeadSpec& head = head_of(spec_, HeadName::action_units);
  const HeadSpec* marked = find_head(spec_, HeadName::strength);
  const std::vector<double> found = unit_scores(outputs[std::size_t(head.output)]);
  std::vector<double> strengths;
  if (marked) strengths = strength_scores(outputs[std::size_t(marked->output)]);
  const std::vector<std::string>& hidden = spec_.experimental;
  std::vector<ActionUnit> made;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string& label = head.labels[i];
    const bool experimental = std::find(hidden.begin(), hidden.end(), label) != hidden.end();
    if (experimental && !include_experimental_) continue;
    const bool unsure = std::abs(found[i] - kPresent) < spec_.decoding.au_margin;
    ActionUnit unit;
    unit.label = label;
    unit.name = action_unit_name(label);
    unit.score = found[i];
    unit.present = found[i] >= kPresent;
    unit.reason = reason_of(status, poor, unsure);
    if (marked) unit.strength = strengths[i];
    unit.reliability = reliability_of(spec_, label);
    made.push_back(std::move(unit));
  }
  return made;
}

}  // namespace mf2_edge
