#include "track.hpp"

#include <algorithm>
#include <cmath>

#include "look.hpp"

namespace mf2_edge {

/** A face that was lost for longer is gone. */
static constexpr double kForgetMs = 1000;
/** Intersection over union from which two boxes are one face. */
static constexpr double kSameFace = 0.3;
/** Largest distance of a face that comes back from where it is expected, in its widths. */
static constexpr double kNear = 1;
/** Time over which the velocity of a face is averaged. */
static constexpr double kSteadyMs = 150;

Detection Track::expected(double timestamp) const {
  const double x = velocity_.x * (timestamp - seen_), y = velocity_.y * (timestamp - seen_);
  Detection moved = face_;
  moved.box.x += x;
  moved.box.y += y;
  for (Point& point : *moved.landmarks) point = {point.x + x, point.y + y};
  return moved;
}

void Track::see(const Detection& face, double timestamp) {
  const double elapsed = timestamp - seen_;
  if (elapsed > 0) {
    const Point from = centre_of(face_.box), to = centre_of(face.box);
    // Never divided by `elapsed`, which may be next to nothing.
    velocity_.x += (to.x - from.x - velocity_.x * elapsed) / (elapsed + kSteadyMs);
    velocity_.y += (to.y - from.y - velocity_.y * elapsed) / (elapsed + kSteadyMs);
  }
  face_ = face;
  seen_ = timestamp;
  visible = true;
}

/** Whether any of it is; not so if a number of it is none. */
static bool is_inside(const Box& box, const Image& image) {
  return box.x < image.width && box.x + box.width > 0 && box.y < image.height &&
         box.y + box.height > 0;
}

Tracker::Found Tracker::update(const Image& image, double timestamp) {
  const bool lost = follow(image, timestamp);
  if (is_search_due(timestamp, lost)) {
    match(detector_.detect(image), timestamp);
    searched_ = timestamp;
  }
  Found found;
  std::vector<Track> kept;
  for (const Track& track : tracks_) {
    const bool stays = track.visible || timestamp - track.seen() <= kForgetMs;
    if (stays) kept.push_back(track);
    if (!stays && track.id != 0) found.gone.push_back(track.id);
    if (stays && track.visible && track.id != 0) found.faces.push_back(track);
  }
  tracks_ = std::move(kept);
  return found;
}

/** Look for each visible face where it is expected; whether one was lost. */
bool Tracker::follow(const Image& image, double timestamp) {
  bool lost = false;
  std::vector<Box> taken;
  // The longest known first: of two on one face, it stays.
  for (Track& track : tracks_) {
    if (!track.visible) continue;
    const Detection expected = track.expected(timestamp);
    std::optional<Detection> face;  // none outside the frame, as after a clock's jump
    if (is_inside(expected.box, image)) face = detector_.follow(image, expected);
    const bool found = face && iou(face->box, expected.box) > kSameFace;
    if (!found || std::any_of(taken.begin(), taken.end(), [&face](const Box& box) {
          return iou(face->box, box) > kSameFace;
        })) {
      track.visible = false;
      lost = true;
      continue;
    }
    taken.push_back(face->box);
    track.see(*face, timestamp);
  }
  return lost;
}

bool Tracker::is_search_due(double timestamp, bool lost) const {
  if (!searched_) return true;
  return timestamp - *searched_ >= (lost ? detect_every_ms_ / 4 : detect_every_ms_);
}

/** Each found face is one that is followed, one that was lost, or a new one. */
void Tracker::match(const std::vector<Detection>& faces, double timestamp) {
  const std::size_t known = tracks_.size();
  std::vector<bool> followed, waiting;
  for (const Track& track : tracks_) {
    followed.push_back(track.visible);
    waiting.push_back(track.id == 0);
  }
  for (const Detection& face : faces) {
    std::optional<std::size_t> place;
    for (std::size_t i = 0; i < known && !place; ++i) {
      if (followed[i] && iou(face.box, tracks_[i].face().box) > kSameFace) place = i;
    }
    if (!place) {
      place = nearest_lost(face, timestamp);
      if (!place) {
        place = tracks_.size();
        tracks_.emplace_back(face, timestamp);
      }
      tracks_[*place].see(face, timestamp);
    }
    const bool confirmed = *place < known && waiting[*place];
    if (tracks_[*place].id == 0 && (confirmed || !searched_)) tracks_[*place].id = next_id_++;
  }
  for (std::size_t i = known; i-- > 0;) {
    if (waiting[i] && tracks_[i].id == 0) tracks_.erase(tracks_.begin() + std::ptrdiff_t(i));
  }
}

/** The lost track whose face is expected nearest to this one, if any is near. */
std::optional<std::size_t> Tracker::nearest_lost(const Detection& face, double timestamp) const {
  const Point to = centre_of(face.box);
  std::optional<std::size_t> best;
  double least = kNear;
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    if (tracks_[i].visible) continue;
    const Point from = centre_of(tracks_[i].expected(timestamp).box);
    const double width = std::max(face.box.width, tracks_[i].face().box.width);
    const double apart = std::hypot(to.x - from.x, to.y - from.y) / width;
    if (apart < least || (apart == least && !best)) {
      best = i;
      least = apart;
    }
  }
  return best;
}

}  // namespace mf2_edge
