#include "mf2_edge/stream.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <stdexcept>

#include "mf2_edge/errors.hpp"
#include "track.hpp"

namespace mf2_edge {

/** Events that nobody takes are forgotten beyond these, oldest first. */
static constexpr std::size_t kKeptEvents = 10000;

namespace {

/** What a stream remembers of one face. */
class Person {
 public:
  explicit Person(const ModelSpec& spec)
      : smoother(spec), points_(spec.smoothing.landmarks, true) {}

  /** The face with its box and landmarks smoothed, so that the crop does not jitter. */
  Detection smooth(const Detection& face, double timestamp_ms) {
    const double seconds = last_ms_ ? (timestamp_ms - *last_ms_) / 1e3 : 0;
    last_ms_ = timestamp_ms;
    const Box& box = face.box;
    std::vector<double> values = {box.x, box.y, box.x + box.width, box.y + box.height};
    for (const Point& point : *face.landmarks) {
      values.push_back(point.x);
      values.push_back(point.y);
    }
    values = points_.update(values, seconds, box.width);
    Detection smoothed = face;
    smoothed.box = {values[0], values[1], values[2] - values[0], values[3] - values[1]};
    for (std::size_t i = 0; i < smoothed.landmarks->size(); ++i) {
      (*smoothed.landmarks)[i] = {values[4 + 2 * i], values[5 + 2 * i]};
    }
    return smoothed;
  }

  Smoother smoother;

 private:
  OneEuro points_;
  std::optional<double> last_ms_;
};

}  // namespace

struct FaceStateStream::Scene {
  Scene(const YuNetDetector& shared, double detect_every_ms)
      : detector(shared.for_stream()), tracker(detector, detect_every_ms) {}

  void keep(const std::vector<ActionUnitEvent>& told, int track_id) {
    for (ActionUnitEvent event : told) {
      event.track_id = track_id;
      events.push_back(std::move(event));
      if (events.size() > kKeptEvents) events.pop_front();
    }
  }

  YuNetDetector detector;
  Tracker tracker;
  std::map<int, Person> people;
  std::deque<ActionUnitEvent> events;
  std::optional<double> last_ms;
};

FaceStateStream::FaceStateStream(const FaceStateAnalyzer& analyzer, double detect_every_ms)
    : analyzer_(analyzer), detect_every_ms_(detect_every_ms) {
  if (!(detect_every_ms >= 0)) {
    throw std::invalid_argument("detect_every_ms is below 0; expected milliseconds");
  }
  reset();
}

FaceStateStream::~FaceStateStream() = default;
FaceStateStream::FaceStateStream(FaceStateStream&&) noexcept = default;

void FaceStateStream::reset() {
  scene_ = std::make_unique<Scene>(*analyzer_.detector_, detect_every_ms_);
}

std::vector<FaceState> FaceStateStream::update(const Frame& frame, double timestamp_ms) {
  Scene& scene = *scene_;
  if (!std::isfinite(timestamp_ms)) {
    throw TimestampError("timestamp_ms is not finite; expected milliseconds");
  }
  if (scene.last_ms && timestamp_ms < *scene.last_ms) {
    throw TimestampError("timestamp_ms went back from " + std::to_string(*scene.last_ms) + " to " +
                         std::to_string(timestamp_ms) +
                         "; expected frames in order: drop the late "
                         "one, or reset the stream for another scene");
  }
  const Image image = to_image(frame);
  const Tracker::Found found = scene.tracker.update(image, timestamp_ms);
  scene.last_ms = timestamp_ms;
  for (int id : found.gone) {
    const auto person = scene.people.find(id);
    if (person == scene.people.end()) continue;  // its frame was never read
    scene.keep(person->second.smoother.close(timestamp_ms), id);
    scene.people.erase(person);
  }
  std::vector<FaceState> states;
  for (const Track& track : found.faces) {
    Person& person = scene.people.try_emplace(track.id, analyzer_.bundle().spec()).first->second;
    const Detection face = person.smooth(track.face(), timestamp_ms);
    SmoothedState smoothed = person.smoother.update(analyzer_.analyze(image, face), timestamp_ms);
    smoothed.state.track_id = track.id;
    states.push_back(std::move(smoothed.state));
    scene.keep(smoothed.events, track.id);
  }
  std::stable_sort(states.begin(), states.end(), [](const FaceState& a, const FaceState& b) {
    return a.box.width * a.box.height > b.box.width * b.box.height;
  });
  return states;
}

std::vector<ActionUnitEvent> FaceStateStream::take_events() {
  std::deque<ActionUnitEvent> taken;
  taken.swap(scene_->events);
  return {taken.begin(), taken.end()};
}

}  // namespace mf2_edge
