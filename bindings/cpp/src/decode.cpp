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
  static constexpr const char* kNames[] = {"confident", "low_confidence", "unaligned",
                                           "face_too_small", "low_quality", "smoothed"};
  return kNames[int(reason)];
}

static Reason reason_of(Status status, bool poor, bool unsure) {
  if (status == Status::unaligned) return Reason::unaligned;
  if (status == Status::small) return Reason::face_too_small;
  if (poor) return Reason::low_quality;
  return unsure ? Reason::low_confidence : Reason::confident;
}

std::vector<double> Decoder::emotion_scores(const std::vector<float>& logits) const {
  const double temperature = manifest_.calibration.emotion.temperature;
  std::vector<double> scores(logits.begin(), logits.end());
  for (double& score : scores) score /= temperature;
  const double largest = *std::max_element(scores.begin(), scores.end());
  for (double& score : scores) score = std::exp(score - largest);
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= sum;
  return scores;
}

std::vector<double> Decoder::unit_scores(const std::vector<float>& logits) const {
  const HeadSpec& units = head_of(manifest_, HeadName::action_units);
  std::vector<double> scores;
  for (std::size_t i = 0; i < units.labels.size(); ++i) {
    const ActionUnitCalibration& fitted =
        *find(manifest_.calibration.action_units, units.labels[i]);
    const double z = double(logits[i]) * fitted.scale + fitted.bias;
    const double power = std::exp(-std::abs(z));  // never overflows
    scores.push_back((z >= 0 ? 1 : power) / (1 + power));
  }
  return scores;
}

std::pair<Emotion, std::vector<ActionUnit>> Decoder::decode(const Outputs& outputs,
                                                            Status status, bool poor) const {
  const HeadSpec& emotions = head_of(manifest_, HeadName::emotion);
  const HeadSpec& units = head_of(manifest_, HeadName::action_units);
  const DecodingSpec& spec = manifest_.decoding;

  const std::vector<double> scores = emotion_scores(outputs[std::size_t(emotions.output)]);
  const auto best = std::max_element(scores.begin(), scores.end());
  Emotion emotion;
  emotion.label = emotions.labels[std::size_t(best - scores.begin())];
  emotion.raw_label = emotion.label;
  emotion.score = *best;
  emotion.reason = reason_of(status, poor, *best < spec.min_emotion_score);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    emotion.scores.emplace_back(emotions.labels[i], scores[i]);
  }

  const std::vector<double> found = unit_scores(outputs[std::size_t(units.output)]);
  std::vector<ActionUnit> action_units;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string& label = units.labels[i];
    const bool unsure = std::abs(found[i] - kPresent) < spec.au_margin;
    action_units.push_back({label, action_unit_name(label), found[i], found[i] >= kPresent,
                            reason_of(status, poor, unsure)});
  }
  return {std::move(emotion), std::move(action_units)};
}

}  // namespace mf2_edge
