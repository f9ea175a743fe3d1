// The analyzer: a frame in, the state of every face in it out.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mf2_edge/bundle.hpp"
#include "mf2_edge/decode.hpp"
#include "mf2_edge/detect.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

struct AnalyzerOptions {
  /** Folder with `yunet_n` and `blazeface_short_range`; "" is that of the bundle. */
  std::filesystem::path detectors;
  /** Which faces are looked for. */
  DetectorOptions detection;
  /** Path of libLiteRt; "" as `open_litert` finds it. */
  std::string litert;
  /** tflite, or executorch where the library was built with it. The detector runs on LiteRT. */
  ArtifactFormat format = ArtifactFormat::tflite;
  /** Of the artifact; without one the first listed. */
  std::optional<Precision> precision;
  /** Of LiteRT; ExecuTorch has a pool of its own. */
  int threads = 1;
  /** Tell also the Action Units that could not be shown reliable. */
  bool include_experimental = false;
};

/** Emotion and Action Units of the faces in single images. Any thread may call it. */
class FaceStateAnalyzer {
 public:
  /** Throws BundleError, ManifestError, ChecksumError or RuntimeUnavailableError. */
  explicit FaceStateAnalyzer(const std::filesystem::path& bundle,
                             const AnalyzerOptions& options = {});
  FaceStateAnalyzer(const FaceStateAnalyzer&) = delete;
  FaceStateAnalyzer& operator=(const FaceStateAnalyzer&) = delete;

  /** Every face, largest first; empty when nobody is there. Throws FrameError. */
  std::vector<FaceState> predict(const Frame& frame) const;

  /** One result a box of the caller's, in their order. Throws FrameError or BoxError. */
  std::vector<FaceState> predict(const Frame& frame, const std::vector<Box>& boxes) const;

  /** One result for landmarks of the caller's own detector. Throws FrameError or BoxError. */
  FaceState predict(const Frame& frame, const Box& box, const Landmarks& landmarks) const;

  /** The one face that a crop shows. Throws FrameError. */
  FaceState predict_crop(const Frame& crop) const;

  const Bundle& bundle() const { return bundle_; }
  const ArtifactSpec& artifact() const { return artifact_; }

 private:
  friend class FaceStateStream;
  FaceState analyze(const Image& image, const Detection& face) const;

  Bundle bundle_;
  const ArtifactSpec& artifact_;
  Decoder decoder_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<YuNetDetector> detector_;
};

/** A frame as RGB without gaps. Throws FrameError: no pixels, sides under 2 px, a short stride. */
Image to_image(const Frame& frame);

/** The fewest bytes that a row of so many pixels takes, in each plane. */
std::size_t row_bytes(PixelFormat format, int width);

}  // namespace mf2_edge
