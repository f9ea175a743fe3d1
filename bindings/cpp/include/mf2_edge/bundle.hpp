// A bundle: a folder with `model.json` and the files it vouches for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "mf2_edge/model_spec.hpp"

namespace mf2_edge {

/** A folder whose `model.json` has been read and checked; its other files are not yet. */
class Bundle {
 public:
  /**
   * Throws BundleError if there is no `model.json` in `folder`, ManifestError if it is wrong, ChecksumError if
   * the `manifest.json` beside it, which need not be there, is another than it was derived from.
   */
  explicit Bundle(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const ModelSpec& spec() const { return spec_; }
  /** sha256 of the bytes of `manifest.json`: names this very bundle in records. */
  const std::string& manifest_sha256() const { return spec_.manifest_sha256; }

  /** The artifact of a format and precision; without one the first listed. Throws BundleError. */
  const ArtifactSpec& select(ArtifactFormat format, std::optional<Precision> precision) const;

  /** The bytes of an artifact, checked. Throws BundleError or ChecksumError. */
  std::string read(const ArtifactSpec& artifact) const;

 private:
  std::filesystem::path folder_;
  ModelSpec spec_;
};

/** At most `most` bytes of a file. Throws BundleError if it cannot be read. */
std::string read_file(const std::filesystem::path& path, std::size_t most);

/** The bytes of a file whose sha256 is known. Throws BundleError or ChecksumError. */
std::string read_checked(const std::filesystem::path& path, const std::string& sha256,
                         std::size_t most);

}  // namespace mf2_edge
