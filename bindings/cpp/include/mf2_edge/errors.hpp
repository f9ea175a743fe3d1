// Every error that this library throws: what was wrong, what was expected, what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace mf2_edge {

/** Base of all errors of this library. */
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** A frame is not an image that can be analysed. */
class FrameError : public Error {
  using Error::Error;
};

/** A box or landmarks given by the caller are malformed or lie outside the frame. */
class BoxError : public Error {
  using Error::Error;
};

/** A bundle cannot be used: a file is missing, or is no model. */
class BundleError : public Error {
  using Error::Error;
};

/** A bundle's `model.json` does not follow the schema, or contradicts itself or the files beside it. */
class ManifestError : public BundleError {
  using BundleError::BundleError;
};

/** A file's bytes are not the ones whose sha256 the manifest records. */
class ChecksumError : public BundleError {
  using BundleError::BundleError;
};

/** LiteRT is not installed, or not in a version that this library can call. */
class RuntimeUnavailableError : public Error {
  using Error::Error;
};

/** The frames of a stream do not come in order. */
class TimestampError : public Error {
  using Error::Error;
};

/** A model ran but its answer is unusable: wrong shape, or not finite. */
class InferenceError : public Error {
  using Error::Error;
};

}  // namespace mf2_edge
