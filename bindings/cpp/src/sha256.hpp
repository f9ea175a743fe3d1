#pragma once

#include <string>

namespace mf2_edge {

/** The SHA-256 of some bytes (FIPS 180-4), lower-case hexadecimal. */
std::string sha256(const std::string& bytes);

}  // namespace mf2_edge
