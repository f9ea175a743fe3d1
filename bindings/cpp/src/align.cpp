// BlazeFace moves its points by tenths of a pixel where a few input pixels differ by one level, so
// numbers are rounded here as OpenCV rounds them (bindings/README.md says how). A product of two
// floats is exact in a double, so `float(double * double + double)` is a fused multiply-add.
#include "mf2_edge/align.hpp"

#include <algorithm>
#include <cmath>

#include "mf2_edge/errors.hpp"
#include "mf2_edge/model_spec.hpp"

namespace mf2_edge {

namespace {

/** Reduction by 4096 and more: no frame is that large, and its sums would not fit. */
constexpr double kLeastDeterminant = 6e-8;

/** No frame reaches there, and positions would no longer be exact. */
constexpr double kFarthest = 1e9;

/** A part of an image that is read as if it were all there is. */
struct Window {
  const std::uint8_t* pixels;
  std::size_t stride;
  int width;
  int height;
};

/** First and end of the pixels that an output reads. */
struct Span {
  int first;
  int end;
};

/** Never empty; the first pixel is a multiple of `step`. */
Span span_of(const std::array<double, 4>& seen, int length, int step) {
  const double reach = 2.0 * step + 1;
  const auto [low, high] = std::minmax_element(seen.begin(), seen.end());
  const int first = int(std::clamp(std::floor(*low) - reach, 0.0, length - 1.0)) / step * step;
  return {first, int(std::clamp(std::ceil(*high) + reach, first + 1.0, double(length)))};
}

/** To the nearest integer, halves to the even, as the default rounding mode has it. */
std::uint8_t rounded(float value) { return std::uint8_t(std::clamp(std::lrint(value), 0L, 255L)); }

/** Adds a row to the sums of its blocks. */
void add_row(const std::uint8_t* row, int width, int step, Outside outside,
             std::vector<std::uint32_t>& sums) {
  const int blocks = int(sums.size() / 3);
  for (int x = 0; x < blocks * step; ++x) {
    if (x >= width && outside == Outside::black) break;
    const std::uint8_t* pixel = row + std::size_t(std::min(x, width - 1)) * 3;
    for (int k = 0; k < 3; ++k) sums[std::size_t(x / step) * 3 + std::size_t(k)] += pixel[k];
  }
}

/** Rounded mean of `step` x `step` blocks; the border completes a last incomplete block. */
Image reduced(const Window& window, int step, Outside outside) {
  Image made;
  made.width = (window.width + step - 1) / step;
  made.height = (window.height + step - 1) / step;
  made.pixels.resize(std::size_t(made.width) * std::size_t(made.height) * 3);
  std::vector<std::uint32_t> sums(std::size_t(made.width) * 3);
  const float share = float(1.0 / (double(step) * step));
  std::uint8_t* to = made.pixels.data();
  for (int row = 0; row < made.height; ++row) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int y = row * step; y < (row + 1) * step; ++y) {
      if (y >= window.height && outside == Outside::black) break;
      const std::size_t line = std::size_t(std::min(y, window.height - 1)) * window.stride;
      add_row(window.pixels + line, window.width, step, outside, sums);
    }
    for (std::uint32_t sum : sums) {
      // OpenCV rounds halves up in blocks of 2 x 2, to the even in larger ones.
      *to++ = step == 2 ? std::uint8_t((sum + 2) >> 2) : rounded(float(sum) * share);
    }
  }
  return made;
}

/** Output -> source, in float32, as OpenCV inverts it. */
struct Inverse {
  explicit Inverse(const Matrix& m) {
    const double over = 1 / (m.a * m.d - m.b * m.c);
    const double a = m.d * over, b = m.b * -over, c = m.c * -over, d = m.a * over;
    xx = float(a), xy = float(b), xt = float(-a * m.tx - b * m.ty);
    yx = float(c), yy = float(d), yt = float(-c * m.tx - d * m.ty);
  }
  float xx, xy, xt, yx, yy, yt;
};

float fused(float a, float b, float c) { return float(double(a) * double(b) + double(c)); }

/** The four neighbours of one source position; a null one is black. */
struct Neighbours {
  const std::uint8_t* upper_left;
  const std::uint8_t* upper_right;
  const std::uint8_t* lower_left;
  const std::uint8_t* lower_right;
};

const std::uint8_t* pixel_at(const Window& window, int x, int y, Outside outside) {
  const bool inside = x >= 0 && y >= 0 && x < window.width && y < window.height;
  if (!inside && outside == Outside::black) return nullptr;
  x = std::clamp(x, 0, window.width - 1);
  y = std::clamp(y, 0, window.height - 1);
  return window.pixels + std::size_t(y) * window.stride + std::size_t(x) * 3;
}

Neighbours neighbours_of(const Window& window, int left, int top, Outside outside) {
  if (left >= 0 && top >= 0 && left + 1 < window.width && top + 1 < window.height) {
    const std::uint8_t* at =
        window.pixels + std::size_t(top) * window.stride + std::size_t(left) * 3;
    return {at, at + 3, at + window.stride, at + window.stride + 3};
  }
  return {pixel_at(window, left, top, outside), pixel_at(window, left + 1, top, outside),
          pixel_at(window, left, top + 1, outside), pixel_at(window, left + 1, top + 1, outside)};
}

float level(const std::uint8_t* pixel, int k) { return pixel ? float(pixel[k]) : 0.0f; }

/** A float position as an int; far away is far enough. */
int whole(float value) { return int(std::clamp(std::floor(value), -1e8f, 1e8f)); }

Image bilinear(const Window& window, const Inverse& m, int width, int height, Outside outside) {
  Image made{width, height, {}};
  made.pixels.resize(std::size_t(width) * std::size_t(height) * 3);
  std::uint8_t* to = made.pixels.data();
  for (int row = 0; row < height; ++row) {
    const float row_x = float(row) * m.xy + m.xt;
    const float row_y = float(row) * m.yy + m.yt;
    for (int column = 0; column < width; ++column, to += 3) {
      const float x = fused(float(column), m.xx, row_x);
      const float y = fused(float(column), m.yx, row_y);
      const int left = whole(x), top = whole(y);
      const float u = x - float(left), v = y - float(top);
      const Neighbours near = neighbours_of(window, left, top, outside);
      for (int k = 0; k < 3; ++k) {
        const float q00 = level(near.upper_left, k), q10 = level(near.lower_left, k);
        const float upper = fused(u, level(near.upper_right, k) - q00, q00);
        const float lower = fused(u, level(near.lower_right, k) - q10, q10);
        to[k] = rounded(fused(v, lower - upper, upper));
      }
    }
  }
  return made;
}

}  // namespace

Matrix similarity(const Landmarks& landmarks, const AlignmentSpec& spec) {
  std::vector<Point> source, target;
  for (const auto& [name, place] : spec.points) {
    const auto found = std::find(kLandmarkNames.begin(), kLandmarkNames.end(), name);
    source.push_back(landmarks[std::size_t(found - kLandmarkNames.begin())]);
    target.push_back({place[0], place[1]});
  }
  const double n = double(source.size());
  Point from, to;
  for (std::size_t i = 0; i < source.size(); ++i) {
    from.x += source[i].x, from.y += source[i].y;
    to.x += target[i].x, to.y += target[i].y;
  }
  from = {from.x / n, from.y / n};
  to = {to.x / n, to.y / n};
  double spread = 0, real = 0, imaginary = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const double x = source[i].x - from.x, y = source[i].y - from.y;
    const double u = target[i].x - to.x, v = target[i].y - to.y;
    spread += x * x + y * y;
    real += x * u + y * v;
    imaginary += x * v - y * u;
  }
  if (!(spread >= 1e-12) || !std::isfinite(spread)) {
    throw BoxError("landmarks coincide or are not finite: no similarity maps them to a template");
  }
  const double a = real / spread, c = imaginary / spread;
  return {a, -c, to.x - a * from.x + c * from.y, c, a, to.y - c * from.x - a * from.y};
}

Image align(const Image& image, const Landmarks& landmarks, const AlignmentSpec& spec) {
  return warp(image, similarity(landmarks, spec), int(spec.width), int(spec.height),
              Outside::replicate);
}

Image resize_crop(const Image& image, const Box& box, const AlignmentSpec& spec) {
  const auto within = [](double value, int low, int high) {
    return int(std::clamp(value, double(low), double(high)));
  };
  const int x0 = within(std::floor(box.x), 0, image.width - 1);
  const int y0 = within(std::floor(box.y), 0, image.height - 1);
  const int x1 = within(std::ceil(box.x + box.width), x0 + 1, image.width);
  const int y1 = within(std::ceil(box.y + box.height), y0 + 1, image.height);
  Image part{x1 - x0, y1 - y0, {}};
  for (int y = y0; y < y1; ++y) {
    const auto row = image.pixels.begin() + (std::ptrdiff_t(y) * image.width + x0) * 3;
    part.pixels.insert(part.pixels.end(), row, row + std::ptrdiff_t(part.width) * 3);
  }
  const double x = double(spec.width) / part.width, y = double(spec.height) / part.height;
  return warp(part, {x, 0, x / 2 - 0.5, 0, y, y / 2 - 0.5}, int(spec.width), int(spec.height),
              Outside::replicate);
}

Image warp(const Image& image, const Matrix& matrix, int width, int height, Outside outside) {
  Matrix m = matrix;
  const double determinant = m.a * m.d - m.b * m.c;
  if (!(std::abs(determinant) > kLeastDeterminant) || !std::isfinite(determinant) ||
      !(std::abs(m.tx) < kFarthest && std::abs(m.ty) < kFarthest)) {
    throw BoxError("the face is too large, too small or too far away to be resampled");
  }
  const int step = std::max(1, int(std::floor(1 / std::sqrt(std::abs(determinant)) + 1e-9)));
  std::array<double, 4> across{}, down{};
  for (std::size_t i = 0; i < 4; ++i) {
    const double x = (i & 1 ? width : 0) - 0.5 - m.tx, y = (i & 2 ? height : 0) - 0.5 - m.ty;
    across[i] = (m.d * x - m.b * y) / determinant;
    down[i] = (m.a * y - m.c * x) / determinant;
  }
  const Span columns = span_of(across, image.width, step);
  const Span rows = span_of(down, image.height, step);
  const std::size_t stride = std::size_t(image.width) * 3;
  const std::size_t start = std::size_t(rows.first) * stride + std::size_t(columns.first) * 3;
  Window window{image.pixels.data() + start, stride, columns.end - columns.first,
                rows.end - rows.first};
  m.tx += m.a * columns.first + m.b * rows.first;
  m.ty += m.c * columns.first + m.d * rows.first;
  if (step == 1) return bilinear(window, Inverse(m), width, height, outside);
  const Image smaller = reduced(window, step, outside);
  window = {smaller.pixels.data(), std::size_t(smaller.width) * 3, smaller.width, smaller.height};
  const double middle = (step - 1) / 2.0;
  m.tx += (m.a + m.b) * middle;
  m.ty += (m.c + m.d) * middle;
  m = {m.a * step, m.b * step, m.tx, m.c * step, m.d * step, m.ty};
  return bilinear(window, Inverse(m), width, height, outside);
}

}  // namespace mf2_edge
