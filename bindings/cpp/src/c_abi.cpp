// The C ABI: handles around the C++ classes; every exception becomes a status and a message.
#include <deque>
#include <limits>
#include <new>

#include "mf2_edge.h"
#include "mf2_edge/analyzer.hpp"
#include "mf2_edge/errors.hpp"
#include "mf2_edge/stream.hpp"

using namespace mf2_edge;

struct mf2_edge_analyzer {
  FaceStateAnalyzer analyzer;
};

struct mf2_edge_stream {
  FaceStateStream stream;
  std::deque<ActionUnitEvent> events;  // taken from the stream, not yet by the caller
};

/** One face and the arrays that its C form points into. */
static mf2_edge_reliability to_c(const std::optional<ReliabilityFigure>& measured) {
  return measured ? mf2_edge_reliability{measured->f1, measured->n} : mf2_edge_reliability{};
}

struct CFace {
  explicit CFace(FaceState found) : state(std::move(found)) {
    for (const auto& [label, score] : state.emotion.scores) {
      emotions.push_back({label.c_str(), score});
    }
    for (const ActionUnit& unit : state.action_units) {
      const auto level = unit.level();
      const LabelReliability measured = unit.reliability.value_or(LabelReliability());
      units.push_back({unit.label.c_str(), unit.name.c_str(), unit.score, unit.present ? 1 : 0,
                       to_string(unit.reason), unit.intensity().value_or(-1),
                       level ? to_string(*level) : nullptr, to_c(measured.laboratory),
                       to_c(measured.world)});
    }
    for (const auto& [label, seen] : state.visibility) regions.push_back({label.c_str(), seen});
  }
  CFace(const CFace&) = delete;

  FaceState state;
  std::vector<mf2_edge_emotion_score> emotions;
  std::vector<mf2_edge_action_unit> units;
  std::vector<mf2_edge_region> regions;
};

struct mf2_edge_faces {
  explicit mf2_edge_faces(std::vector<FaceState> states) {
    for (FaceState& state : states) faces.emplace_back(std::move(state));
  }
  std::deque<CFace> faces;  // never moves what it holds
};

namespace {

/** A fixed buffer: saying that memory ran out must not need any. */
thread_local char last_error[512] = "";

mf2_edge_status failed(mf2_edge_status status, const char* message) noexcept {
  std::size_t i = 0;
  for (; message[i] != '\0' && i + 1 < sizeof last_error; ++i) last_error[i] = message[i];
  last_error[i] = '\0';
  return status;
}

template <class Call>
mf2_edge_status guarded(const Call& call) noexcept {
  try {
    call();
    return MF2_EDGE_OK;
  } catch (const FrameError& error) {
    return failed(MF2_EDGE_FRAME_ERROR, error.what());
  } catch (const BoxError& error) {
    return failed(MF2_EDGE_BOX_ERROR, error.what());
  } catch (const ManifestError& error) {
    return failed(MF2_EDGE_MANIFEST_ERROR, error.what());
  } catch (const ChecksumError& error) {
    return failed(MF2_EDGE_CHECKSUM_ERROR, error.what());
  } catch (const BundleError& error) {
    return failed(MF2_EDGE_BUNDLE_ERROR, error.what());
  } catch (const RuntimeUnavailableError& error) {
    return failed(MF2_EDGE_RUNTIME_UNAVAILABLE, error.what());
  } catch (const InferenceError& error) {
    return failed(MF2_EDGE_INFERENCE_ERROR, error.what());
  } catch (const TimestampError& error) {
    return failed(MF2_EDGE_TIMESTAMP_ERROR, error.what());
  } catch (const std::invalid_argument& error) {
    return failed(MF2_EDGE_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    return failed(MF2_EDGE_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return failed(MF2_EDGE_INTERNAL_ERROR, error.what());
  } catch (...) {
    return failed(MF2_EDGE_INTERNAL_ERROR, "unknown error");
  }
}

void require(bool given, const char* what) {
  if (!given) throw std::invalid_argument(what);
}

/** A frame once its buffer is large enough for it. */
Frame checked(const mf2_edge_frame* frame) {
  require(frame != nullptr, "frame is null");
  if (frame->format < 0 || frame->format > MF2_EDGE_BGRX) {
    throw FrameError("unknown pixel format; expected one of mf2_edge_pixel_format");
  }
  const Frame made{frame->pixels, frame->width, frame->height, frame->stride,
                   PixelFormat(frame->format)};
  if (frame->pixels && frame->width > 0 && frame->height > 0) {
    const std::size_t row = row_bytes(made.format, frame->width);
    const std::size_t stride = frame->stride == 0 ? row : frame->stride;
    const std::size_t height = std::size_t(frame->height);
    const std::size_t rows = is_yuv(made.format) ? height + (height + 1) / 2 : height;
    const std::size_t before = rows - 1;
    const bool fits = stride <= std::numeric_limits<std::size_t>::max() / (before + 1) - row &&
                      before * stride + row <= frame->size;
    if (!fits) throw FrameError("the frame's buffer is smaller than width, height and stride say");
  }
  return made;
}

AnalyzerOptions read_options(const mf2_edge_options* given) {
  AnalyzerOptions made;
  if (!given) return made;
  if (given->detectors) made.detectors = given->detectors;
  if (given->litert) made.litert = given->litert;
  if (given->precision) {
    const std::string wanted = given->precision;
    for (Precision each : {Precision::fp16, Precision::fp32, Precision::int8}) {
      if (wanted == to_string(each)) made.precision = each;
    }
    require(made.precision.has_value(), "precision is none of fp32, fp16, int8");
  }
  if (given->format) {
    const std::string wanted = given->format;
    for (ArtifactFormat each : {ArtifactFormat::tflite, ArtifactFormat::executorch}) {
      if (wanted == to_string(each)) made.format = each;
    }
    require(wanted == to_string(made.format), "format is none of tflite, executorch");
  }
  require(given->turned_frames >= 0 && given->turned_frames <= MF2_EDGE_TURNED_NONE,
          "unknown turned_frames");
  require(given->threads >= 0 && given->threads <= 64, "threads is not in 0..64");
  if (given->min_face != 0) made.detection.min_face = given->min_face;
  if (given->max_faces != 0) made.detection.max_faces = given->max_faces;
  made.detection.min_detection_score = given->min_detection_score;
  made.detection.fast = given->fast != 0;
  made.detection.turned_frames = TurnedFrames(given->turned_frames);
  made.include_experimental = given->experimental != 0;
  made.threads = given->threads == 0 ? 1 : given->threads;
  return made;
}

template <class Call>
mf2_edge_status predicted(const mf2_edge_analyzer* analyzer, mf2_edge_faces** faces,
                          const Call& call) noexcept {
  return guarded([&] {
    require(analyzer != nullptr, "analyzer is null");
    require(faces != nullptr, "faces is null");
    *faces = nullptr;
    *faces = new mf2_edge_faces(call(analyzer->analyzer));
  });
}

Box to_box(const mf2_edge_box& box) { return {box.x, box.y, box.width, box.height}; }

}  // namespace

const char* mf2_edge_last_error(void) { return last_error; }

mf2_edge_status mf2_edge_open(const char* bundle, const mf2_edge_options* options,
                              mf2_edge_analyzer** analyzer) {
  return guarded([&] {
    require(analyzer != nullptr, "analyzer is null");
    *analyzer = nullptr;
    require(bundle != nullptr, "bundle is null");
    *analyzer = new mf2_edge_analyzer{FaceStateAnalyzer(bundle, read_options(options))};
  });
}

void mf2_edge_close(mf2_edge_analyzer* analyzer) { delete analyzer; }

mf2_edge_status mf2_edge_predict(const mf2_edge_analyzer* analyzer, const mf2_edge_frame* frame,
                                 const mf2_edge_box* boxes, size_t box_count,
                                 mf2_edge_faces** faces) {
  return predicted(analyzer, faces, [&](const FaceStateAnalyzer& ready) {
    const Frame image = checked(frame);
    if (!boxes) {
      require(box_count == 0, "boxes is null, but box_count is not 0");
      return ready.predict(image);
    }
    std::vector<Box> given;
    for (size_t i = 0; i < box_count; ++i) given.push_back(to_box(boxes[i]));
    return ready.predict(image, given);
  });
}

mf2_edge_status mf2_edge_predict_aligned(const mf2_edge_analyzer* analyzer,
                                         const mf2_edge_frame* frame, const mf2_edge_box* box,
                                         const mf2_edge_point landmarks[6],
                                         mf2_edge_faces** faces) {
  return predicted(analyzer, faces, [&](const FaceStateAnalyzer& ready) {
    require(box && landmarks, "box or landmarks is null");
    Landmarks points;
    for (size_t i = 0; i < points.size(); ++i) points[i] = {landmarks[i].x, landmarks[i].y};
    return std::vector<FaceState>{ready.predict(checked(frame), to_box(*box), points)};
  });
}

mf2_edge_status mf2_edge_predict_crop(const mf2_edge_analyzer* analyzer, const mf2_edge_frame* crop,
                                      mf2_edge_faces** faces) {
  return predicted(analyzer, faces, [&](const FaceStateAnalyzer& ready) {
    return std::vector<FaceState>{ready.predict_crop(checked(crop))};
  });
}

mf2_edge_status mf2_edge_open_stream(const mf2_edge_analyzer* analyzer, double detect_every_ms,
                                     mf2_edge_stream** stream) {
  return guarded([&] {
    require(analyzer && stream, "analyzer or stream is null");
    *stream = nullptr;
    *stream = new mf2_edge_stream{FaceStateStream(analyzer->analyzer, detect_every_ms), {}};
  });
}

void mf2_edge_close_stream(mf2_edge_stream* stream) { delete stream; }

mf2_edge_status mf2_edge_update(mf2_edge_stream* stream, const mf2_edge_frame* frame,
                                double timestamp_ms, mf2_edge_faces** faces) {
  return guarded([&] {
    require(stream && faces, "stream or faces is null");
    *faces = nullptr;
    *faces = new mf2_edge_faces(stream->stream.update(checked(frame), timestamp_ms));
  });
}

mf2_edge_status mf2_edge_reset(mf2_edge_stream* stream) {
  return guarded([&] {
    require(stream != nullptr, "stream is null");
    stream->stream.reset();
    stream->events.clear();
  });
}

mf2_edge_status mf2_edge_take_events(mf2_edge_stream* stream, mf2_edge_event* events, size_t room,
                                     size_t* count) {
  return guarded([&] {
    require(stream && count && (events || room == 0), "stream, events or count is null");
    *count = 0;
    for (ActionUnitEvent& event : stream->stream.take_events()) {
      stream->events.push_back(std::move(event));
    }
    for (; *count < room && !stream->events.empty(); ++*count) {
      const ActionUnitEvent& event = stream->events.front();
      mf2_edge_event& told = events[*count];
      told = {event.track_id, "", int32_t(event.kind), event.timestamp_ms, event.score};
      event.label.copy(told.label, sizeof told.label - 1);
      stream->events.pop_front();
    }
  });
}

size_t mf2_edge_face_count(const mf2_edge_faces* faces) { return faces ? faces->faces.size() : 0; }

mf2_edge_status mf2_edge_face_at(const mf2_edge_faces* faces, size_t index, mf2_edge_face* face) {
  return guarded([&] {
    require(faces && face, "faces or face is null");
    require(index < faces->faces.size(), "index is not below mf2_edge_face_count");
    const CFace& found = faces->faces[index];
    const FaceState& state = found.state;
    *face = {};
    face->box = {state.box.x, state.box.y, state.box.width, state.box.height};
    face->detection_score = state.detection_score;
    face->has_landmarks = state.landmarks ? 1 : 0;
    for (size_t i = 0; i < 6 && state.landmarks; ++i) {
      face->landmarks[i] = {(*state.landmarks)[i].x, (*state.landmarks)[i].y};
    }
    face->track_id = state.track_id.value_or(0);
    face->status = to_string(state.status);
    face->emotion = state.emotion.label.c_str();
    face->emotion_score = state.emotion.score;
    face->emotion_reason = to_string(state.emotion.reason);
    face->emotion_scores = found.emotions.data();
    face->emotion_count = found.emotions.size();
    face->action_units = found.units.data();
    face->action_unit_count = found.units.size();
    face->regions = found.regions.data();
    face->region_count = found.regions.size();
  });
}

void mf2_edge_free_faces(mf2_edge_faces* faces) { delete faces; }
