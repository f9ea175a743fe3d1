// The manifest parser: whatever the bytes, a manifest or a ManifestError.
#include <cstddef>
#include <cstdint>

#include "mf2_edge/errors.hpp"
#include "mf2_edge/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    mf2_edge::parse_manifest(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  } catch (const mf2_edge::ManifestError&) {
  }
  return 0;
}
