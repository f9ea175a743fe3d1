// The C ABI: whatever the frame, boxes and landmarks, a status. The model is that of MF2_EDGE_MODEL.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "mf2_edge.h"

namespace {

/** Takes values from the front of the fuzzer's bytes; zeros once they are used up. */
struct Bytes {
  const std::uint8_t* data;
  std::size_t size;

  template <class T>
  T take() {
    T made{};
    const std::size_t count = size < sizeof made ? size : sizeof made;
    std::memcpy(&made, data, count);
    data += count, size -= count;
    return made;
  }
};

mf2_edge_analyzer* open_model() {
  mf2_edge_analyzer* analyzer = nullptr;
  const char* model = std::getenv("MF2_EDGE_MODEL");
  if (mf2_edge_open(model, nullptr, &analyzer) != MF2_EDGE_OK) {
    std::fprintf(stderr, "%s\n", mf2_edge_last_error());
    std::abort();
  }
  return analyzer;
}

void read_back(const mf2_edge_faces* faces) {
  mf2_edge_face face;
  for (std::size_t i = 0; i <= mf2_edge_face_count(faces); ++i) {
    const bool there = mf2_edge_face_at(faces, i, &face) == MF2_EDGE_OK;
    if (there != (i < mf2_edge_face_count(faces))) std::abort();
    for (std::size_t k = 0; there && k < face.action_unit_count; ++k) {
      const double score = face.action_units[k].score;
      if (!(score >= 0 && score <= 1)) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static mf2_edge_analyzer* const analyzer = open_model();
  Bytes bytes{data, size};
  const auto kind = bytes.take<std::uint8_t>();
  mf2_edge_box boxes[2];
  mf2_edge_point landmarks[6];
  mf2_edge_frame frame{};
  // Half the numbers are small, so that some frames and boxes are sound.
  const auto number = [&bytes](bool small) {
    return small ? bytes.take<std::int16_t>() / 64.0 : bytes.take<double>();
  };
  for (auto& box : boxes) {
    box = {number(kind & 8), number(kind & 8), number(kind & 8), number(kind & 8)};
  }
  for (auto& point : landmarks) point = {number(kind & 16), number(kind & 16)};
  frame.width = kind & 32 ? bytes.take<std::uint8_t>() : bytes.take<std::int32_t>();
  frame.height = kind & 32 ? bytes.take<std::uint8_t>() : bytes.take<std::int32_t>();
  frame.stride = kind & 64 ? 0 : bytes.take<std::uint16_t>();
  frame.format = bytes.take<std::uint8_t>() % 13;
  // A copy of just the bytes there are: reading one more is an error that ASan sees.
  std::vector<std::uint8_t> pixels(bytes.data, bytes.data + bytes.size);
  if (kind & 32 && kind & 64) pixels.resize(pixels.size() + 256 * 64, 127);
  frame.pixels = pixels.empty() ? nullptr : pixels.data();
  frame.size = pixels.size();

  mf2_edge_faces* faces = nullptr;
  mf2_edge_status status = MF2_EDGE_OK;
  switch (kind % 4) {
    case 0: status = mf2_edge_predict(analyzer, &frame, nullptr, 0, &faces); break;
    case 1: status = mf2_edge_predict(analyzer, &frame, boxes, 2, &faces); break;
    case 2: status = mf2_edge_predict_aligned(analyzer, &frame, boxes, landmarks, &faces); break;
    default: status = mf2_edge_predict_crop(analyzer, &frame, &faces);
  }
  if ((status == MF2_EDGE_OK) != (faces != nullptr)) std::abort();
  if (status == MF2_EDGE_INTERNAL_ERROR) std::abort();
  read_back(faces);
  mf2_edge_free_faces(faces);
  return 0;
}
