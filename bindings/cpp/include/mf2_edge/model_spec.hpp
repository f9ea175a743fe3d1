// Reading and checking `model.json`, which holds what is needed of a bundle's manifest.
#pragma once

#include <optional>
#include <string>

#include "mf2_edge/model_types.hpp"

namespace mf2_edge {

/**
 * The contents of a `model.json`; `source` (a path) is named in errors.
 *
 * Throws ManifestError: not JSON, a missing, unknown, repeated or ill-typed key, another major schema, or
 * parts that contradict each other.
 */
ModelSpec parse_model(const std::string& text, const std::string& source);

/** The head of a name, or null where the network has none. */
const HeadSpec* find_head(const ModelSpec& spec, HeadName name);

/** The head of a name; `parse_model` makes sure of those that must be there. */
const HeadSpec& head_of(const ModelSpec& spec, HeadName name);

/** What was measured of an Action Unit or an emotion. */
std::optional<LabelReliability> reliability_of(const ModelSpec& spec, const std::string& label);

/** The value of a key, or null. */
template <class Value>
const Value* find(const Keyed<Value>& entries, const std::string& key) {
  for (const auto& entry : entries) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

}  // namespace mf2_edge
