// Smooths one face's results over time and reports onset, apex and offset of its Action Units.
//
// The steps of mf2_edge/tracking/smoother.py with the filter of mf2_edge/tracking/one_euro.py; the parameters are the
// manifest's `smoothing`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mf2_edge/model_spec.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** A low-pass filter that smooths strongly where a value rests and little where it moves. */
class OneEuro {
 public:
  /** `together` makes the values share one speed. */
  OneEuro(const OneEuroSpec& spec, bool together) : spec_(spec), together_(together) {}

  /**
   * The smoothed values from new ones, `seconds` after those before; `unit` is what speed counts in,
   * for pixels the width of the face.
   */
  std::vector<double> update(const std::vector<double>& x, double seconds, double unit = 1);

 private:
  OneEuroSpec spec_;
  bool together_;
  std::vector<double> slow_;
  std::vector<double> value_;
};

enum class EventKind { onset, apex, offset };

/** One moment of an Action Unit's course; apex and offset are told together, at the end. */
struct ActionUnitEvent {
  std::string label;
  EventKind kind;
  double timestamp_ms;
  double score;
  /** Of streams: whose it is. */
  int track_id = 0;
};

struct SmoothedState {
  FaceState state;
  std::vector<ActionUnitEvent> events;
};

/** The memory of one face, of constant size; one thread at a time. `manifest` has to outlive it. */
class Smoother {
 public:
  explicit Smoother(const ModelSpec& spec);

  /** The smoothed state, and what began or ended. Throws TimestampError if time runs back. */
  SmoothedState update(const FaceState& state, double timestamp_ms);

  /** What ends because the face is gone. */
  std::vector<ActionUnitEvent> close(double timestamp_ms);

 private:
  struct Peak {
    double score;
    double timestamp_ms;
  };

  /** The peak of a unit that is present, or the end. */
  Keyed<Peak>::iterator held(const std::string& label);
  void smooth_emotion(FaceState& state, double seconds);
  void smooth_visibility(FaceState& state, double seconds);
  std::vector<double> smooth_strength(const FaceState& state, double seconds);
  void end(const std::string& label, double timestamp_ms, double score,
           std::vector<ActionUnitEvent>& events);

  const ModelSpec& spec_;
  OneEuro emotion_;
  OneEuro units_;
  OneEuro strength_;
  OneEuro visibility_;
  std::optional<std::size_t> label_;
  Keyed<Peak> present_;  // in the order in which they began
  std::optional<double> last_ms_;
};

}  // namespace mf2_edge
