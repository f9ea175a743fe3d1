// The reader of model.json: whatever the bytes, a ModelSpec or a ManifestError.
#include <cstddef>
#include <cstdint>

#include "mf2_edge/errors.hpp"
#include "mf2_edge/model_spec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    mf2_edge::parse_model(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  } catch (const mf2_edge::ManifestError&) {
  }
  return 0;
}
