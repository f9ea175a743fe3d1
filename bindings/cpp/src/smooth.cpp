#include "mf2_edge/smooth.hpp"

#include <algorithm>
#include <cmath>

#include "mf2_edge/errors.hpp"

namespace mf2_edge {

static constexpr double kTurn = 2 * 3.14159265358979323846;

/** How much of the way a first-order low pass goes towards a value held for so long. */
static double gain(double cutoff_hz, double seconds) {
  return 1 - std::exp(-kTurn * seconds * cutoff_hz);
}

/** Reasons that smoothing may replace; the others say that the picture itself is poor. */
static bool trusted(Reason reason) {
  return reason == Reason::confident || reason == Reason::low_confidence;
}

/** The reason once the smoothed visibility is known. */
static Reason of_visibility(Reason reason, bool hidden) {
  if (hidden) return Reason::not_visible;
  return reason == Reason::not_visible ? Reason::smoothed : reason;
}

std::vector<double> OneEuro::update(const std::vector<double>& x, double seconds, double unit) {
  if (value_.size() != x.size()) {
    slow_ = value_ = x;
    return x;
  }
  std::vector<double> speed(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    slow_[i] += gain(spec_.speed_cutoff_hz, seconds) * (x[i] - slow_[i]);
    speed[i] = std::abs(x[i] - slow_[i]) * (kTurn * spec_.speed_cutoff_hz / unit);
  }
  if (together_ && !speed.empty()) {
    std::fill(speed.begin(), speed.end(), *std::max_element(speed.begin(), speed.end()));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double cutoff = spec_.min_cutoff_hz + spec_.beta * speed[i];
    value_[i] += gain(cutoff, seconds) * (x[i] - value_[i]);
  }
  return value_;
}

Smoother::Smoother(const ModelSpec& spec)
    : spec_(spec),
      emotion_(spec.smoothing.emotion, true),
      units_(spec.smoothing.action_units, false),
      strength_(spec.smoothing.action_units, false),
      visibility_(spec.smoothing.action_units, false) {}

SmoothedState Smoother::update(const FaceState& state, double timestamp_ms) {
  if (!std::isfinite(timestamp_ms) || (last_ms_ && timestamp_ms < *last_ms_)) {
    throw TimestampError("timestamp_ms is not finite, or before that of the last frame");
  }
  const bool first = !last_ms_;
  const double seconds = first ? 0 : (timestamp_ms - *last_ms_) / 1e3;
  last_ms_ = timestamp_ms;
  SmoothedState made{state, {}};
  smooth_visibility(made.state, seconds);
  smooth_emotion(made.state, seconds);
  std::vector<double> scores;
  for (const ActionUnit& unit : state.action_units) scores.push_back(unit.score);
  scores = units_.update(scores, seconds);
  std::vector<double> strengths = smooth_strength(state, seconds);
  const double slack = first ? 0 : spec_.smoothing.au_hysteresis;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ActionUnit& unit = made.state.action_units[i];
    const auto peak = held(unit.label);
    const bool before = peak != present_.end();
    const bool hidden = !is_visible(unit.label, made.state.visibility);
    const bool enough = scores[i] >= kPresent + (before ? -slack : slack);
    const bool present = hidden ? before : enough;
    if (hidden) {
      // Nobody sees whether it begins, grows or ends.
    } else if (present && !before) {
      present_.push_back({unit.label, {scores[i], timestamp_ms}});
      made.events.push_back({unit.label, EventKind::onset, timestamp_ms, scores[i], 0});
    } else if (present && scores[i] > peak->second.score) {
      peak->second = {scores[i], timestamp_ms};
    } else if (!present && before) {
      end(unit.label, timestamp_ms, scores[i], made.events);
    }
    if (trusted(unit.reason) && present != unit.present) unit.reason = Reason::smoothed;
    unit.reason = of_visibility(unit.reason, hidden);
    if (unit.strength) unit.strength = strengths[i];
    unit.score = scores[i];
    unit.present = present;
  }
  return made;
}

std::vector<ActionUnitEvent> Smoother::close(double timestamp_ms) {
  std::vector<ActionUnitEvent> events;
  while (!present_.empty()) {
    end(std::string(present_.front().first), timestamp_ms, 0, events);
  }
  return events;
}

Keyed<Smoother::Peak>::iterator Smoother::held(const std::string& label) {
  return std::find_if(present_.begin(), present_.end(),
                      [&label](const auto& each) { return each.first == label; });
}

void Smoother::smooth_visibility(FaceState& state, double seconds) {
  std::vector<double> seen;
  for (const auto& region : state.visibility) seen.push_back(region.second);
  seen = visibility_.update(seen, seconds);
  for (std::size_t i = 0; i < seen.size(); ++i) state.visibility[i].second = seen[i];
}

/** One a unit; empty from a network that does not tell strength. */
std::vector<double> Smoother::smooth_strength(const FaceState& state, double seconds) {
  std::vector<double> told;
  for (const ActionUnit& unit : state.action_units) {
    if (unit.strength) told.push_back(*unit.strength);
  }
  return strength_.update(told, seconds);
}

void Smoother::smooth_emotion(FaceState& state, double seconds) {
  Emotion& emotion = state.emotion;
  std::vector<double> scores;
  for (const auto& each : emotion.scores) scores.push_back(each.second);
  scores = emotion_.update(scores, seconds);
  const auto best = std::size_t(std::max_element(scores.begin(), scores.end()) - scores.begin());
  if (!label_ || scores[best] >= scores[*label_] + spec_.smoothing.emotion_margin) {
    label_ = best;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) emotion.scores[i].second = scores[i];
  emotion.label = emotion.scores[*label_].first;
  emotion.score = scores[*label_];
  emotion.reliability = reliability_of(spec_, emotion.label);
  if (trusted(emotion.reason)) {
    const bool unsure = emotion.score < spec_.decoding.min_emotion_score;
    emotion.reason = unsure ? Reason::low_confidence : Reason::confident;
    if (emotion.label != emotion.raw_label) emotion.reason = Reason::smoothed;
  }
  emotion.reason = of_visibility(emotion.reason, is_covered(state.visibility));
}

void Smoother::end(const std::string& label, double timestamp_ms, double score,
                   std::vector<ActionUnitEvent>& events) {
  const auto found = held(label);
  const Peak peak = found->second;
  present_.erase(found);
  events.push_back({label, EventKind::apex, peak.timestamp_ms, peak.score, 0});
  events.push_back({label, EventKind::offset, timestamp_ms, score, 0});
}

}  // namespace mf2_edge
