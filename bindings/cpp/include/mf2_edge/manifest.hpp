// Reading and checking `manifest.json`, the only place of facts about a model.
#pragma once

#include <optional>
#include <string>

#include "mf2_edge/manifest_types.hpp"

namespace mf2_edge {

/**
 * The manifest in a JSON text; `source` (a path) is named in errors.
 *
 * Throws ManifestError: not JSON, a missing, unknown or ill-typed key, another major schema, or
 * parts that contradict each other.
 */
Manifest parse_manifest(const std::string& text, const std::string& source);

/** The head of a name, or null where the network has none. */
const HeadSpec* find_head(const Manifest& manifest, HeadName name);

/** The head of a name; `parse_manifest` makes sure of those that must be there. */
const HeadSpec& head_of(const Manifest& manifest, HeadName name);

/** What was measured of an Action Unit or an emotion. */
std::optional<LabelReliability> reliability_of(const Manifest& manifest, const std::string& label);

/** The value of a key, or null. */
template <class Value>
const Value* find(const Keyed<Value>& entries, const std::string& key) {
  for (const auto& entry : entries) {
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

}  // namespace mf2_edge
