// Track: which face of a frame is which of the frames before, as mf2_edge/tracking/tracker.py does it.
//
// Known faces are followed by one look of the detector at where each is expected; the whole frame is
// searched now and then, and when a face was lost. A new face is told of, and numbered, when the next
// search finds it as well; those of the first search at once. Nothing here recognises people.
#pragma once

#include <optional>
#include <vector>

#include "mf2_edge/detect.hpp"

namespace mf2_edge {

/** One face through the frames; its number is 0 as long as one search alone has found it. */
class Track {
 public:
  Track(const Detection& face, double timestamp) : face_(face), seen_(timestamp) {}

  const Detection& face() const { return face_; }
  double seen() const { return seen_; }
  /** The face, moved on as it moved until now. */
  Detection expected(double timestamp) const;
  /** Take the face's new place. */
  void see(const Detection& face, double timestamp);

  int id = 0;
  bool visible = true;

 private:
  Detection face_;
  double seen_;
  Point velocity_;  // pixels a millisecond
};

/** The faces of one scene. Its memory is that of the faces of the last second. */
class Tracker {
 public:
  struct Found {
    std::vector<Track> faces;
    std::vector<int> gone;
  };

  Tracker(const YuNetDetector& detector, double detect_every_ms)
      : detector_(detector), detect_every_ms_(detect_every_ms) {}

  /** Visible faces, each with its number, and numbers of those that are gone for good. */
  Found update(const Image& image, double timestamp);

 private:
  bool follow(const Image& image, double timestamp);
  bool is_search_due(double timestamp, bool lost) const;
  void match(const std::vector<Detection>& faces, double timestamp);
  std::optional<std::size_t> nearest_lost(const Detection& face, double timestamp) const;

  const YuNetDetector& detector_;
  double detect_every_ms_;
  std::vector<Track> tracks_;
  int next_id_ = 1;
  std::optional<double> searched_;
};

}  // namespace mf2_edge
