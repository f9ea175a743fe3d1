// Head pose and quality of a face's picture, as mf2_edge/pipeline/pose.py and mf2_edge/pipeline/quality.py have them.
#pragma once

#include <optional>

#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** Below this `overall` of the picture, answers bear the reason `low_quality`. */
inline constexpr double kLowQuality = 0.3;

/** Yaw, pitch and roll from an average head; nothing where the landmarks are degenerate. */
std::optional<HeadPose> head_pose(const Landmarks& landmarks);

/** Quality of one face from its aligned picture and its box in source pixels. */
FaceQuality face_quality(const Image& aligned, const Box& box, const std::optional<HeadPose>& pose);

}  // namespace mf2_edge
