#include "mf2_edge/bundle.hpp"

#include <fstream>
#include <system_error>

#include "mf2_edge/errors.hpp"
#include "sha256.hpp"

namespace mf2_edge {

namespace fs = std::filesystem;

/** Bytes; more than any of these files: what is larger is another under its name. */
static constexpr std::size_t kLargestJson = 16 << 20;

std::string read_file(const fs::path& path, std::size_t most) {
  std::ifstream stream(path, std::ios::binary);
  std::error_code ignored;
  if (!stream || fs::is_directory(path, ignored)) {
    throw BundleError(path.string() + ": cannot be read; expected a file");
  }
  std::string bytes;
  char piece[1 << 16];
  while (bytes.size() < most && stream) {
    stream.read(piece, std::streamsize(std::min(sizeof piece, most - bytes.size())));
    bytes.append(piece, std::size_t(stream.gcount()));
  }
  return bytes;
}

std::string read_checked(const fs::path& path, const std::string& expected, std::size_t most) {
  std::string bytes = read_file(path, most);
  const std::string found = sha256(bytes);
  if (found != expected) {
    throw ChecksumError(path.string() + ": sha256 is " + found + ", expected " + expected +
                        "; the file is damaged, copy it again");
  }
  return bytes;
}

Bundle::Bundle(const fs::path& folder) : folder_(folder) {
  const fs::path file = folder / "model.json", manifest = folder / "manifest.json";
  spec_ = parse_model(read_file(file, kLargestJson), file.string());
  std::error_code ignored;
  if (fs::exists(manifest, ignored)) read_checked(manifest, spec_.manifest_sha256, kLargestJson);
}

const ArtifactSpec& Bundle::select(ArtifactFormat format,
                                   std::optional<Precision> precision) const {
  std::string held;
  for (const ArtifactSpec& artifact : spec_.artifacts) {
    const bool fits = !precision || artifact.precision == *precision;
    // What this library feeds: floats, and no phone's own delegate.
    const bool runs = artifact.io_dtype == IoDtype::float32 && !artifact.delegate;
    if (artifact.format == format && fits && runs) return artifact;
    held += std::string(held.empty() ? "" : ", ") + to_string(artifact.format) + " " +
            to_string(artifact.precision);
  }
  throw BundleError("bundle " + spec_.name + " holds no " + to_string(format) +
                    (precision ? std::string(" of precision ") + to_string(*precision) : "") +
                    "; it holds: " + held);
}

std::string Bundle::read(const ArtifactSpec& artifact) const {
  const fs::path path = folder_ / artifact.file;
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  const fs::path inside = fs::weakly_canonical(folder_, error);
  const fs::path relative = real.lexically_relative(inside);
  if (relative.empty() || *relative.begin() == "..") {
    throw BundleError(path.string() + ": leads out of the bundle's folder");
  }
  // One byte more than expected is enough to know, whatever the size of the file.
  return read_checked(path, artifact.sha256, std::size_t(artifact.bytes) + 1);
}

}  // namespace mf2_edge
