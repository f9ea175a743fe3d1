#include "mf2_edge/quality.hpp"

#include <algorithm>
#include <cmath>

namespace mf2_edge {

namespace {

using Vector = std::array<double, 3>;

/** An adult's average head (mf2_edge/pipeline/pose.py), millimetres, in the order of `Landmarks`. */
constexpr std::array<Vector, 6> kHead = {
    {{-32, 0, 0}, {32, 0, 0}, {0, 42, -32}, {0, 72, -14}, {-72, 14, 88}, {72, 14, 88}}};

/** Grey level from which a pixel counts as overexposed. */
constexpr int kWhite = 250;

double dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

Vector mixed(double s, const Vector& a, double t, const Vector& b) {
  return {s * a[0] + t * b[0], s * a[1] + t * b[1], s * a[2] + t * b[2]};
}

std::array<Vector, 6> centred_head() {
  std::array<Vector, 6> made = kHead;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double mean = 0;
    for (const Vector& point : kHead) mean += point[axis] / double(kHead.size());
    for (Vector& point : made) point[axis] -= mean;
  }
  return made;
}

/** The v with sum(h h') v = sum(h wanted), by Cramer's rule: a row of the least-squares camera. */
Vector fitted(const std::array<Vector, 6>& head, const std::array<double, 6>& wanted) {
  std::array<Vector, 3> m{};
  Vector right{};
  for (std::size_t i = 0; i < head.size(); ++i) {
    for (std::size_t row = 0; row < 3; ++row) {
      m[row] = mixed(1, m[row], head[i][row], head[i]);
      right[row] += head[i][row] * wanted[i];
    }
  }
  const Vector x = cross(m[1], m[2]), y = cross(m[2], m[0]), z = cross(m[0], m[1]);
  const double determinant = dot(m[0], x);
  const Vector sum = mixed(1, mixed(right[0], x, right[1], y), right[2], z);
  return {sum[0] / determinant, sum[1] / determinant, sum[2] / determinant};
}

double degrees(double radians) { return radians * 180 / 3.14159265358979323846; }

double ramp(double value, double bad, double good) {
  return std::clamp((value - bad) / (good - bad), 0.0, 1.0);
}

/** Mean and standard deviation. */
struct Spread {
  template <class T>
  explicit Spread(const std::vector<T>& values) {
    for (T value : values) mean += double(value) / double(values.size());
    double squares = 0;
    for (T value : values) squares += (double(value) - mean) * (double(value) - mean);
    deviation = std::sqrt(squares / double(values.size()));
  }
  double mean = 0;
  double deviation = 0;
};

/** Luma of ITU-R BT.601 in fixed point, as OpenCV rounds it. */
std::vector<int> grey_of(const Image& image) {
  std::vector<int> grey;
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    const std::uint8_t* p = &image.pixels[i];
    grey.push_back((p[0] * 9798 + p[1] * 19235 + p[2] * 3735 + (1 << 14)) >> 15);
  }
  return grey;
}

/** The Laplacian of four neighbours; the picture is mirrored at its edge pixels. */
std::vector<int> edges_of(const std::vector<int>& grey, int width, int height) {
  const auto mirrored = [](int at, int length) {
    if (length == 1) return 0;
    return at < 0 ? 1 : at >= length ? length - 2 : at;
  };
  const auto level = [&](int x, int y) {
    return grey[std::size_t(mirrored(y, height)) * std::size_t(width) +
                std::size_t(mirrored(x, width))];
  };
  std::vector<int> edges;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      edges.push_back(level(x - 1, y) + level(x + 1, y) + level(x, y - 1) + level(x, y + 1) -
                      4 * level(x, y));
    }
  }
  return edges;
}

}  // namespace

std::optional<HeadPose> head_pose(const Landmarks& landmarks) {
  static const std::array<Vector, 6> head = centred_head();
  std::array<double, 6> x{}, y{};
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    x[i] = landmarks[i].x, y[i] = landmarks[i].y;
    mean_x += x[i] / 6, mean_y += y[i] / 6;
  }
  if (!std::isfinite(mean_x + mean_y)) return std::nullopt;
  for (std::size_t i = 0; i < 6; ++i) x[i] -= mean_x, y[i] -= mean_y;
  const Vector u = fitted(head, x), v = fitted(head, y);
  // The orthonormal rows nearest to u and v: (M M')^-1/2 M, in closed form for two rows.
  const double a = dot(u, u), b = dot(u, v), c = dot(v, v);
  const double product = std::sqrt(std::max(a * c - b * b, 0.0));  // of the singular values
  const double sum = std::sqrt(a + c + 2 * product);
  const double difference = std::sqrt(std::max(a + c - 2 * product, 0.0));
  if (!((sum - difference) / 2 >= 1e-6)) return std::nullopt;
  const double scale = 1 / (product * sum);
  const Vector across = mixed((c + product) * scale, u, -b * scale, v);
  const Vector down = mixed(-b * scale, u, (a + product) * scale, v);
  const Vector away = cross(across, down);
  return HeadPose{degrees(std::atan2(-across[2], away[2])),
                  degrees(std::asin(std::clamp(down[2], -1.0, 1.0))),
                  degrees(std::atan2(down[0], down[1]))};
}

FaceQuality face_quality(const Image& aligned, const Box& box,
                         const std::optional<HeadPose>& pose) {
  const std::vector<int> grey = grey_of(aligned);
  const Spread levels(grey);
  const double edges = Spread(edges_of(grey, aligned.width, aligned.height)).deviation;
  const double contrast = std::max(levels.deviation, 1.0);
  FaceQuality made;
  made.size = ramp(std::min(box.width, box.height), 16, 64);
  made.sharpness = ramp(edges * edges / (contrast * contrast), 0.003, 0.012);
  made.pose = pose ? ramp(std::max(std::abs(pose->yaw), std::abs(pose->pitch)), 60, 25) : 0.5;
  const auto white = std::count_if(grey.begin(), grey.end(), [](int g) { return g >= kWhite; });
  made.light = std::min({ramp(levels.mean, 20, 60), ramp(levels.mean, 250, 220),
                         ramp(double(white) / double(grey.size()), 0.55, 0.25),
                         ramp(levels.deviation, 5, 20)});
  made.overall = std::min({made.size, made.sharpness, made.pose, made.light});
  return made;
}

}  // namespace mf2_edge
