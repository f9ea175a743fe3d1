// Stream: the faces of one scene over time, as mf2_edge/stream.py reads them.
#pragma once

#include <memory>
#include <vector>

#include "mf2_edge/analyzer.hpp"
#include "mf2_edge/smooth.hpp"

namespace mf2_edge {

/**
 * Frame after frame of one scene: numbered faces, smoothed results, events of Action Units.
 *
 * Known faces are followed by one cheap look each; the whole frame is searched every
 * `detect_every_ms`. Memory and cost a frame do not grow with the length of the stream. One thread at
 * a time; the analyzer has to outlive its streams.
 */
class FaceStateStream {
 public:
  /** Throws std::invalid_argument unless `detect_every_ms` is 0 or more. */
  explicit FaceStateStream(const FaceStateAnalyzer& analyzer, double detect_every_ms = 200);
  ~FaceStateStream();
  FaceStateStream(FaceStateStream&&) noexcept;

  /**
   * The state of every face in the next frame, largest first, each with its `track_id`.
   *
   * `timestamp_ms` on any clock that does not run backwards; frames may be dropped or repeated.
   * Throws TimestampError for a frame older than the one before, and as `predict`.
   */
  std::vector<FaceState> update(const Frame& frame, double timestamp_ms);

  /** What began or ended since the last call, in the order in which it was told. */
  std::vector<ActionUnitEvent> take_events();

  /** Forget all faces and events, as for another scene; time may begin anew. */
  void reset();

 private:
  struct Scene;
  const FaceStateAnalyzer& analyzer_;
  double detect_every_ms_;
  std::unique_ptr<Scene> scene_;
};

}  // namespace mf2_edge
