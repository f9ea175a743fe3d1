// Frames of a file: FORMAT WIDTH HEIGHT STRIDE CHROMA_STRIDE BYTES, the planes apart; writes RGB.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "mf2_edge/analyzer.hpp"
#include "mf2_edge/errors.hpp"

int main(int count, char** arguments) {
  if (count != 7) return 2;
  mf2_edge::Frame frame;
  frame.format = mf2_edge::PixelFormat(std::atoi(arguments[1]));
  frame.width = std::atoi(arguments[2]);
  frame.height = std::atoi(arguments[3]);
  frame.stride = std::size_t(std::atoi(arguments[4]));
  frame.chroma_stride = std::size_t(std::atoi(arguments[5]));
  std::ifstream file(arguments[6], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  frame.pixels = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (frame.chroma_stride) frame.chroma = frame.pixels + frame.stride * std::size_t(frame.height);
  try {
    const mf2_edge::Image image = mf2_edge::to_image(frame);
    std::fwrite(image.pixels.data(), 1, image.pixels.size(), stdout);
  } catch (const mf2_edge::FrameError& error) {
    return std::fprintf(stderr, "%s\n", error.what()), 1;
  }
}
