// NumPy's .npy files, as far as the goldens need them: little-endian, C order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mf2_edge/bundle.hpp"

struct Array {
  std::string type;  // "|u1", "|b1", "<i8", "<f4", "<f8"
  std::vector<std::size_t> shape;
  std::string bytes;

  /** Everything as doubles. */
  std::vector<double> numbers() const {
    if (type == "<f4") return as<float>();
    if (type == "<f8") return as<double>();
    if (type == "<i8") return as<std::int64_t>();
    return as<std::uint8_t>();
  }

  template <class T>
  std::vector<double> as() const {
    const auto* first = reinterpret_cast<const T*>(bytes.data());
    return {first, first + bytes.size() / sizeof(T)};
  }
};

inline Array read_npy(const std::filesystem::path& path) {
  const std::string file = mf2_edge::read_file(path, std::size_t(1) << 30);
  const std::size_t size = std::uint8_t(file.at(8)) | std::size_t(std::uint8_t(file.at(9))) << 8;
  const std::string header = file.substr(10, size);
  const auto after = [&header](const std::string& key) {
    return header.substr(header.find("'" + key + "'") + key.size() + 4);
  };
  Array made{after("descr").substr(1, 3), {}, file.substr(10 + size)};
  const std::string shape = after("shape");
  for (std::size_t at = 1; at < shape.find(')');) {
    std::size_t used = 0;
    made.shape.push_back(std::stoul(shape.substr(at), &used));
    at += used;
    while (shape[at] == ',' || shape[at] == ' ') ++at;
  }
  return made;
}
