// Decode: from logits to emotion and Action Units, with the manifest's calibration.
#pragma once

#include <utility>
#include <vector>

#include "mf2_edge/model_spec.hpp"
#include "mf2_edge/run.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

/** What the heads say of one face. */
struct Answers {
  Emotion emotion;
  std::vector<ActionUnit> action_units;
  Keyed<double> visibility;
};

/** What the outputs of one model mean; `manifest` has to outlive it. */
class Decoder {
 public:
  /** `include_experimental` tells also the units that the manifest calls experimental. */
  explicit Decoder(const ModelSpec& spec, bool include_experimental = false)
      : spec_(spec), include_experimental_(include_experimental) {}

  /** The results for one face. A status other than ok is the reason of every answer, else `poor`. */
  Answers decode(const Outputs& outputs, Status status, bool poor) const;

  /** softmax(logits / temperature), one a label of the head `emotion`. */
  std::vector<double> emotion_scores(const std::vector<float>& logits) const;

  /** sigmoid(scale * logit + bias), one a label of the head `action_units`. */
  std::vector<double> unit_scores(const std::vector<float>& logits) const;

  /** The same for the head `strength`: which units are marked. */
  std::vector<double> strength_scores(const std::vector<float>& logits) const;

  /** sigmoid(logit + bias), one a label of the head `visibility`. */
  std::vector<double> visibility_scores(const std::vector<float>& logits) const;

 private:
  Emotion emotion(const std::vector<double>& scores, Status status, bool poor) const;
  std::vector<ActionUnit> units(const Outputs& outputs, Status status, bool poor) const;

  const ModelSpec& spec_;
  bool include_experimental_;
};

}  // namespace mf2_edge
