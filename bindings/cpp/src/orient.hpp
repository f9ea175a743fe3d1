// Which way up a face is, and whether it is one: the rules of mf2_edge/pipeline/finder.py.
#pragma once

#include <functional>
#include <optional>

#include "yunet.hpp"

namespace mf2_edge {

/** Looks at a face turned by so many radians, clockwise. */
using Look = std::function<std::optional<Detection>(double turn)>;

/** The look that shows a candidate upright; nothing where no look shows a face. */
std::optional<Detection> orient(const Candidate& candidate, const DetectionRules& rules,
                                const Look& look);

/** The rule of acceptance: a candidate's score and that of the look at it. */
bool is_face(double score, double look, const DetectionRules& rules);

}  // namespace mf2_edge
