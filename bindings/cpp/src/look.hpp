// Looks: one pass of BlazeFace over a part of a frame, as mf2_edge/pipeline/detect.py has them.
#pragma once

#include <cmath>

#include "blazeface.hpp"
#include "mf2_edge/align.hpp"

namespace mf2_edge {

/** A square part of a frame: centre and side in frame pixels, clockwise turn in radians. */
struct View {
  Point centre;
  double side;
  double turn = 0;

  /** From frame pixels to the pixels of this view drawn `size` wide. */
  Matrix to_pixels(double size) const;

  /** The frame pixel under a pixel of this view drawn `size` wide. */
  Point to_frame(const Point& point, double size) const;
};

inline Point centre_of(const Box& box) { return {box.x + box.width / 2, box.y + box.height / 2}; }

inline double distance(const Point& a, const Point& b) { return std::hypot(a.x - b.x, a.y - b.y); }

/** In-plane turn of the head, radians clockwise as seen, from the line through the eyes. */
double roll_of(const Detection& face);

/** One pass of the network over one view; its faces in pixels of the frame, best first. */
std::vector<Detection> look(BlazeFace& network, const Image& image, const View& view,
                            double min_score);

/** The same face again, eyes level, filling half the view. */
std::optional<Detection> look_closer(BlazeFace& network, const Image& image, const Detection& face);

/** The face inside a box whose margins are not known: several views of it are tried. */
std::optional<Detection> look_inside(BlazeFace& network, const Image& image, const Box& box);

}  // namespace mf2_edge
