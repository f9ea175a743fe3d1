// Decode: from logits to emotion and Action Units, with the manifest's calibration.
#pragma once

#include <utility>
#include <vector>

#include "mf2_edge/manifest.hpp"
#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** What the outputs of one model mean; `manifest` has to outlive it. */
class Decoder {
 public:
  explicit Decoder(const Manifest& manifest) : manifest_(manifest) {}

  /** The results for one face. A status other than ok is the reason of every answer, else `poor`. */
  std::pair<Emotion, std::vector<ActionUnit>> decode(const Outputs& outputs, Status status,
                                                     bool poor) const;

  /** softmax(logits / temperature), one a label of the head `emotion`. */
  std::vector<double> emotion_scores(const std::vector<float>& logits) const;

  /** sigmoid(scale * logit + bias), one a label of the head `action_units`. */
  std::vector<double> unit_scores(const std::vector<float>& logits) const;

 private:
  const Manifest& manifest_;
};

}  // namespace mf2_edge
