// photo PHOTO MODEL: the state of every face in a photo.
#include <cstdio>
#include <exception>

#include "mf2_edge/analyzer.hpp"

#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "usage: photo PHOTO MODEL\n"), 2;
  mf2_edge::Frame frame;
  unsigned char* pixels = stbi_load(arguments[1], &frame.width, &frame.height, nullptr, 3);
  if (!pixels) return std::fprintf(stderr, "%s: %s\n", arguments[1], stbi_failure_reason()), 1;
  frame.pixels = pixels;
  try {
    const mf2_edge::FaceStateAnalyzer analyzer(arguments[2]);
    for (const mf2_edge::FaceState& face : analyzer.predict(frame)) {
      std::printf("face at %.0f, %.0f: %s %.2f\n", face.box.x, face.box.y,
                  face.emotion.label.c_str(), face.emotion.score);
      for (const mf2_edge::ActionUnit& unit : face.action_units) {
        if (unit.present) std::printf("  %s %s\n", unit.label.c_str(), unit.name.c_str());
      }
    }
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "%s\n", error.what()), 1;
  }
  stbi_image_free(pixels);
}
