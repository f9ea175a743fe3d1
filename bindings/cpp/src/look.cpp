#include "look.hpp"

#include <algorithm>

namespace mf2_edge {

/** Part of the view's side that the face box fills in a closer look. */
static constexpr double kFaceInView = 0.5;
/** Part of the view's side that a given box fills; boxes differ in their margins, so in turn. */
static constexpr double kBoxInView[] = {0.6, 0.45, 0.8};

Matrix View::to_pixels(double size) const {
  const double c = std::cos(turn) * size / side, s = std::sin(turn) * size / side;
  const double middle = (size - 1) / 2;
  return {c, s, middle - c * centre.x - s * centre.y, -s, c, middle + s * centre.x - c * centre.y};
}

Point View::to_frame(const Point& point, double size) const {
  const double c = std::cos(turn) * side / size, s = std::sin(turn) * side / size;
  const double x = point.x - (size - 1) / 2, y = point.y - (size - 1) / 2;
  return {centre.x + c * x - s * y, centre.y + s * x + c * y};
}

double roll_of(const Detection& face) {
  const Point right = (*face.landmarks)[0], left = (*face.landmarks)[1];
  return std::atan2(left.y - right.y, left.x - right.x);
}

/** A detection from a view's pixels to the frame's; the box turns with its centre only. */
static Detection moved(const Detection& face, const View& view, double size) {
  const double scale = view.side / size;
  const Point centre = view.to_frame(centre_of(face.box), size);
  const double width = face.box.width * scale, height = face.box.height * scale;
  Landmarks landmarks;
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    landmarks[i] = view.to_frame((*face.landmarks)[i], size);
  }
  return {{centre.x - width / 2, centre.y - height / 2, width, height}, face.score, landmarks};
}

std::vector<Detection> look(BlazeFace& network, const Image& image, const View& view,
                            double min_score) {
  const int size = int(network.spec().input_size);
  const Image pixels = warp(image, view.to_pixels(size), size, size, Outside::black);
  std::vector<Detection> faces;
  for (const Detection& face : network.run(pixels, min_score)) {
    faces.push_back(moved(face, view, size));
  }
  return faces;
}

static std::optional<Detection> nearest(const std::vector<Detection>& faces, const Box& box) {
  const Point to = centre_of(box);
  const auto found =
      std::min_element(faces.begin(), faces.end(), [&](const Detection& a, const Detection& b) {
        return distance(centre_of(a.box), to) < distance(centre_of(b.box), to);
      });
  return found == faces.end() ? std::nullopt : std::optional(*found);
}

std::optional<Detection> look_closer(BlazeFace& network, const Image& image,
                                     const Detection& face) {
  const double side = std::max(face.box.width, face.box.height) / kFaceInView;
  if (!(side > 1e-3)) return std::nullopt;
  const View view{centre_of(face.box), side, roll_of(face)};
  return nearest(look(network, image, view, network.spec().min_score_in_box), face.box);
}

std::optional<Detection> look_inside(BlazeFace& network, const Image& image, const Box& box) {
  for (double part : kBoxInView) {
    const View view{centre_of(box), std::max(box.width, box.height) / part};
    const auto face = nearest(look(network, image, view, network.spec().min_score_in_box), box);
    if (!face) continue;
    const auto closer = look_closer(network, image, *face);
    return closer ? closer : face;
  }
  return std::nullopt;
}

}  // namespace mf2_edge
