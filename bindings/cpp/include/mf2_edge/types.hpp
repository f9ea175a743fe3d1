// What goes in and what comes out; names and meaning as in mf2_edge/types.py.
//
// Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
// y down. Left and right are the subject's own. Scores are in 0..1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mf2_edge/model_types.hpp"

namespace mf2_edge {

/**
 * Three or four bytes a pixel; or Y'CbCr 4:2:0 of BT.601, a plane of luma and one of Cb and Cr in turn
 * (NV12) or Cr and Cb (NV21), in full range as cameras of phones give it, or with `_video` in that of
 * video (luma 16 to 235).
 *
 * Alpha is straight, as image files have it, or with `_premultiplied` multiplied into the colours, as
 * most drawing libraries keep it. `rgbx` and `bgrx` are opaque; their fourth byte may hold anything.
 */
enum class PixelFormat {
  rgb,
  bgr,
  rgba,
  bgra,
  nv12,
  nv21,
  nv12_video,
  nv21_video,
  rgba_premultiplied,
  bgra_premultiplied,
  rgbx,
  bgrx
};

inline constexpr PixelFormat kLastPixelFormat = PixelFormat::bgrx;

inline bool is_yuv(PixelFormat format) {
  return format >= PixelFormat::nv12 && format <= PixelFormat::nv21_video;
}

/** A frame in the caller's memory: 8 bits a channel, row by row; what is transparent lies on white. */
struct Frame {
  const std::uint8_t* pixels = nullptr;
  int width = 0;
  int height = 0;
  /** Bytes from one row to the next; 0 where rows follow each other without a gap. */
  std::size_t stride = 0;
  PixelFormat format = PixelFormat::rgb;
  /** Of NV12 and NV21: the second plane; null where it follows the last row of luma. */
  const std::uint8_t* chroma = nullptr;
  /** Bytes from one of its rows to the next; 0: as the luma's. */
  std::size_t chroma_stride = 0;
};

/** An RGB image, row by row without gaps: what the stages work on. */
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

struct Point {
  double x = 0;
  double y = 0;
};

/** Axis-aligned rectangle; it may reach beyond the frame. */
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/** The six points of BlazeFace, in the order of `kLandmarkNames`. */
using Landmarks = std::array<Point, 6>;

inline constexpr std::array<const char*, 6> kLandmarkNames = {
    "right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear", "left_ear"};

/** One face as a detector reports it. */
struct Detection {
  Box box;
  /** Confidence, 0..1. */
  double score = 1;
  std::optional<Landmarks> landmarks;
  /** Nobody can tell which way up the face is: its answers bear the reason `low_quality`. */
  bool doubtful = false;
};

/** How far a face could be analysed. */
enum class Status { ok, unaligned, small };

/** Why a reported answer differs from the raw one, or deserves less trust. */
enum class Reason {
  confident,
  low_confidence,
  unaligned,
  face_too_small,
  low_quality,
  /** The region that shows it is hidden (of an emotion two or more), so that it cannot be judged. */
  not_visible,
  smoothed
};

const char* to_string(Status status);
const char* to_string(Reason reason);

/** The categorical emotion of one face. */
struct Emotion {
  /** The reported answer. */
  std::string label;
  /** The network's answer; smoothing may report another. */
  std::string raw_label;
  /** Probability of `label`. */
  double score = 0;
  /** One calibrated probability a label, in the manifest's order; they sum to 1. */
  Keyed<double> scores;
  Reason reason = Reason::confident;
  /** How well `label` was told on faces that taught nothing, where the manifest says so. */
  std::optional<LabelReliability> reliability;
};

/** FACS intensity: absent, A or B, C to E. */
enum class IntensityLevel { none, slight, marked };

const char* to_string(IntensityLevel level);

/** The score from which on a unit is present or marked, and a region visible, in every bundle. */
inline constexpr double kPresent = 0.5;

/** One FACS Action Unit. */
struct ActionUnit {
  /** "AU12". */
  std::string label;
  /** In words. */
  std::string name;
  double score = 0;
  /** In a single frame, whether `score` >= 0.5; a stream decides with hysteresis. */
  bool present = false;
  Reason reason = Reason::confident;
  /** Probability that the unit is marked (FACS C to E); nothing from a network without that head. */
  std::optional<double> strength;
  /** How well the unit was told on faces that taught nothing, where the manifest says so. */
  std::optional<LabelReliability> reliability;

  /** Whether the region of the face that shows this unit is in view. */
  bool can_be_judged() const { return reason != Reason::not_visible; }

  /** How strong the unit is, 0 absent to 1 marked for sure; nothing where nobody can tell. */
  std::optional<double> intensity() const;

  /** The same in a word, which agrees with `present`. */
  std::optional<IntensityLevel> level() const;
};

/** How a head is turned, degrees: towards the face's own left, up, towards its own left shoulder. */
struct HeadPose {
  double yaw = 0;
  double pitch = 0;
  double roll = 0;
};

/** How much a face's picture lets one read, 0 to 1; `overall` is the least of the others. */
struct FaceQuality {
  double overall = 0;
  double size = 0;
  double sharpness = 0;
  double pose = 0;
  double light = 0;
  /** The part of the face's regions that can be judged; 1 where the network does not tell. */
  double visibility = 1;
};

/** What one face shows in one frame. */
struct FaceState {
  Box box;
  std::optional<Landmarks> landmarks;
  /** 0..1; 1 for boxes given by the caller. */
  double detection_score = 1;
  Emotion emotion;
  /** In the manifest's order. */
  std::vector<ActionUnit> action_units;
  Status status = Status::ok;
  /** Nothing where no landmarks show it. */
  std::optional<HeadPose> head_pose;
  FaceQuality quality;
  /** Of streams: the number of the face as long as it is there, from 1. */
  std::optional<int> track_id;
  /** Of each region, the probability that it can be judged; empty without that head. */
  Keyed<double> visibility;
};

/** Whether the region that shows a unit can be judged; yes where nobody says it is hidden. */
bool is_visible(const std::string& unit, const Keyed<double>& visibility);

/** Whether too little shows for an emotion: two regions are hidden, or all that there are. */
bool is_covered(const Keyed<double>& visibility);

/** The part of the regions that can be judged; 1 where nobody says. */
double visible_part(const Keyed<double>& visibility);

}  // namespace mf2_edge
