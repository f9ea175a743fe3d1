#include <algorithm>
#include <string>

#include "mf2_edge/analyzer.hpp"
#include "mf2_edge/errors.hpp"

namespace mf2_edge {

static constexpr int kSmallestSide = 2;
static constexpr int kLargestSide = 32768;

/** Bits behind the point; the largest sum, 544 levels, stays below 2^31. */
static constexpr int kShift = 20;

/** The matrix of BT.601 in fixed point, for a step of luma and of chroma in the given units. */
struct YuvMatrix {
  int luma, red_of_cr, green_of_cb, green_of_cr, blue_of_cb, black;
};

static constexpr int fixed_point(double value) { return int(value * (1 << kShift) + 0.5); }

static constexpr YuvMatrix yuv_matrix(double luma_steps, double chroma_steps, int black) {
  constexpr double red = 0.299, blue = 0.114, green = 1 - red - blue;
  return {fixed_point(255 / luma_steps),
          fixed_point(2 * (1 - red) * 255 / chroma_steps),
          fixed_point(2 * (1 - blue) * blue / green * 255 / chroma_steps),
          fixed_point(2 * (1 - red) * red / green * 255 / chroma_steps),
          fixed_point(2 * (1 - blue) * 255 / chroma_steps),
          black};
}

static constexpr YuvMatrix kFull = yuv_matrix(255, 255, 0), kVideo = yuv_matrix(219, 224, 16);

static std::uint8_t cut(int value) { return std::uint8_t(std::clamp(value >> kShift, 0, 255)); }

/** A row's chroma sample stands for 2 x 2 pixels; rounded to the nearest. */
static void from_yuv(const Frame& frame, std::size_t stride, Image& made) {
  const bool video =
      frame.format == PixelFormat::nv12_video || frame.format == PixelFormat::nv21_video;
  const bool red_first =
      frame.format == PixelFormat::nv21 || frame.format == PixelFormat::nv21_video;
  const YuvMatrix& m = video ? kVideo : kFull;
  const std::uint8_t* chroma =
      frame.chroma ? frame.chroma : frame.pixels + stride * std::size_t(frame.height);
  const std::size_t chroma_stride = frame.chroma_stride == 0 ? stride : frame.chroma_stride;
  std::uint8_t* to = made.pixels.data();
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* luma = frame.pixels + std::size_t(y) * stride;
    const std::uint8_t* pairs = chroma + std::size_t(y / 2) * chroma_stride;
    for (int x = 0; x < frame.width; ++x, to += 3) {
      const std::uint8_t* pair = pairs + std::size_t(x / 2) * 2;
      const int cb = pair[red_first ? 1 : 0] - 128, cr = pair[red_first ? 0 : 1] - 128;
      const int grey = m.luma * (luma[x] - m.black) + (1 << (kShift - 1));
      to[0] = cut(grey + m.red_of_cr * cr);
      to[1] = cut(grey - m.green_of_cb * cb - m.green_of_cr * cr);
      to[2] = cut(grey + m.blue_of_cb * cb);
    }
  }
}

enum class Alpha { none, straight, premultiplied };

static Alpha alpha_of(PixelFormat format) {
  switch (format) {
    case PixelFormat::rgba:
    case PixelFormat::bgra: return Alpha::straight;
    case PixelFormat::rgba_premultiplied:
    case PixelFormat::bgra_premultiplied: return Alpha::premultiplied;
    default: return Alpha::none;
  }
}

static bool is_blue_first(PixelFormat format) {
  switch (format) {
    case PixelFormat::bgr:
    case PixelFormat::bgra:
    case PixelFormat::bgra_premultiplied:
    case PixelFormat::bgrx: return true;
    default: return false;
  }
}

static bool is_opaque(const std::uint8_t* row, int width) {
  int all = 255;
  for (int x = 0; x < width; ++x) all &= row[4 * std::size_t(x) + 3];
  return all == 255;
}

/** A level on white, rounded to the nearest; both kinds of alpha give the same one. */
static std::uint8_t on_white(int level, int alpha, Alpha kind) {
  const int white = 255 - alpha;
  const int own = kind == Alpha::straight ? (level * alpha + 127) / 255 : level;
  return std::uint8_t(std::min(own + white, 255));
}

static void from_rgb(const Frame& frame, std::size_t stride, std::size_t bytes, Image& made) {
  const Alpha kind = alpha_of(frame.format);
  const std::size_t red = is_blue_first(frame.format) ? 2 : 0, blue = 2 - red;
  std::uint8_t* to = made.pixels.data();
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* from = frame.pixels + std::size_t(y) * stride;
    const bool opaque = kind == Alpha::none || is_opaque(from, frame.width);
    for (int x = 0; opaque && x < frame.width; ++x, from += bytes, to += 3) {
      to[0] = from[red];
      to[1] = from[1];
      to[2] = from[blue];
    }
    for (int x = 0; !opaque && x < frame.width; ++x, from += bytes, to += 3) {
      to[0] = on_white(from[red], from[3], kind);
      to[1] = on_white(from[1], from[3], kind);
      to[2] = on_white(from[blue], from[3], kind);
    }
  }
}

std::size_t row_bytes(PixelFormat format, int width) {
  const std::size_t pixels = std::size_t(width);
  // Chroma is half as wide, two bytes a sample, a last odd column included.
  if (is_yuv(format)) return (pixels + 1) / 2 * 2;
  return pixels * (format == PixelFormat::rgb || format == PixelFormat::bgr ? 3 : 4);
}

Image to_image(const Frame& frame) {
  const std::string size = std::to_string(frame.width) + " x " + std::to_string(frame.height);
  if (!frame.pixels) throw FrameError("frame has no pixels; expected an image");
  if (std::min(frame.width, frame.height) < kSmallestSide ||
      std::max(frame.width, frame.height) > kLargestSide) {
    throw FrameError("frame is " + size + " px; expected sides of 2 to 32768 px");
  }
  const int format = int(frame.format);
  if (format < 0 || format > int(kLastPixelFormat)) {
    throw FrameError("pixel format " + std::to_string(format) + "; expected one of PixelFormat");
  }
  const bool yuv = is_yuv(frame.format);
  const std::size_t row = row_bytes(frame.format, frame.width);
  const std::size_t stride = frame.stride == 0 ? row : frame.stride;
  const bool short_chroma = yuv && frame.chroma_stride != 0 && frame.chroma_stride < row;
  if (stride < row || short_chroma) {
    throw FrameError("stride is " + std::to_string(stride < row ? stride : frame.chroma_stride) +
                     " bytes; a row of " + size + " px takes " + std::to_string(row));
  }
  Image made{frame.width, frame.height, {}};
  made.pixels.resize(std::size_t(frame.width) * std::size_t(frame.height) * 3);
  if (yuv) {
    from_yuv(frame, stride, made);
  } else {
    from_rgb(frame, stride, row / std::size_t(frame.width), made);
  }
  return made;
}

}  // namespace mf2_edge
