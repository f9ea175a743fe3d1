// Align: bring a face to the template of the manifest, with the resampler of mf2_edge/pipeline/align.py.
#pragma once

#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** Affine map from frame to output: x' = a x + b y + tx, y' = c x + d y + ty. */
struct Matrix {
  double a = 1, b = 0, tx = 0;
  double c = 0, d = 1, ty = 0;
};

/** What lies outside the frame: its nearest edge pixel, or 0. */
enum class Outside { replicate, black };

/**
 * Least-squares similarity from frame pixels to the template's (Umeyama 1991, in two dimensions).
 *
 * Throws BoxError where the landmarks coincide or are not finite.
 */
Matrix similarity(const Landmarks& landmarks, const AlignmentSpec& spec);

/** Cut one face out of an image so that its landmarks lie on the template. */
Image align(const Image& image, const Landmarks& landmarks, const AlignmentSpec& spec);

/** Stretch the part of an image inside a box, at least one pixel, to the template's size. */
Image resize_crop(const Image& image, const Box& box, const AlignmentSpec& spec);

/**
 * Resample an image through `matrix` into one of `width` x `height`.
 *
 * Only the part that the output sees is touched. Throws BoxError for a matrix that has no inverse.
 */
Image warp(const Image& image, const Matrix& matrix, int width, int height, Outside outside);

}  // namespace mf2_edge
