#include "mf2_edge/model_spec.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "json_fields.hpp"
#include "mf2_edge/types.hpp"

namespace mf2_edge {

void read(const Json& json, const std::string& at, ModelSpec& made, const Limits& limits);

static void check_version(const Json& json) {
  const auto found = json.is_object() ? json.find("schema_version") : json.end();
  const bool versioned =
      json.is_object() && found != json.end() && found->is_string() && is_version(*found);
  if (!versioned) refuse("expected \"MAJOR.MINOR\" such as 2.0", "$.schema_version");
  const std::string text = *found;
  std::string major = text.substr(0, text.find('.'));
  major.erase(0, std::min(major.find_first_not_of('0'), major.size() - 1));
  const std::string ours = std::string(kSchemaVersion).substr(0, 1);
  if (major == ours) return;
  const bool newer = major.size() > ours.size() || major > ours;
  refuse("schema " + text + ", this release reads " + ours +
             ".x: " + (newer ? "update mf2-edge" : "export the model again"),
         "$.schema_version");
}

/** Whether a path is anything but a plain relative path with forward slashes. */
static bool leaves(const std::string& file) {
  if (file.find_first_of(std::string("\\:\0", 3)) != std::string::npos) return true;
  for (std::size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
    end = file.find('/', start);
    const std::string part = file.substr(start, end == std::string::npos ? end : end - start);
    if (part.empty() || part == "." || part == "..") return true;
  }
  return false;
}

static void check_head(const HeadSpec& head) {
  const std::string at = std::string("$.heads (") + to_string(head.name) + ")";
  if (head.labels.empty()) refuse("no labels; expected one a logit", at);
  if (std::set<std::string>(head.labels.begin(), head.labels.end()).size() < head.labels.size()) {
    refuse("a label more than once; expected unique labels", at);
  }
}

static void check_heads(const ModelSpec& spec) {
  std::set<HeadName> names;
  std::set<std::int64_t> outputs;
  for (const HeadSpec& head : spec.heads) {
    names.insert(head.name);
    outputs.insert(head.output);
    check_head(head);
  }
  if (names.size() < spec.heads.size() || !names.count(HeadName::emotion) ||
      !names.count(HeadName::action_units)) {
    refuse("expected one head each of emotion and action_units", "$.heads");
  }
  for (const EmbeddingSpec& embedding : spec.embeddings) outputs.insert(embedding.output);
  if (outputs.size() < spec.heads.size() + spec.embeddings.size()) {
    refuse("expected different outputs", "$.heads, $.embeddings");
  }
}

/** One entry of a calibration for each label, and no other. */
template <class Value>
static void check_calibration(const Keyed<Value>& entries, const std::vector<std::string>& labels,
                              const std::string& at) {
  for (const std::string& label : labels) {
    if (!find(entries, label)) refuse("no entry for " + label + "; expected one a label", at);
  }
  if (entries.size() != labels.size()) refuse("entries that are no labels of the head", at);
}

static void check_known(const std::string& label, const std::vector<std::string>& labels,
                        const std::string& at) {
  if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
    refuse(label + " is no label of the head", at);
  }
}

static std::vector<std::string> labels_of(const ModelSpec& spec, HeadName name) {
  const HeadSpec* head = find_head(spec, name);
  return head ? head->labels : std::vector<std::string>();
}

/** Labels that mean nothing, and labels by which two parts speak of different things. */
static void check_labels(const ModelSpec& spec) {
  const std::vector<std::string> units = labels_of(spec, HeadName::action_units);
  const std::vector<std::string> strength = labels_of(spec, HeadName::strength);
  const std::vector<std::string> regions = labels_of(spec, HeadName::visibility);
  for (const std::string& label : units) {
    if (!action_unit_name(label)) refuse(label + " is no FACS Action Unit", "$.heads");
  }
  for (const std::string& label : regions) {
    if (std::find(kRegions.begin(), kRegions.end(), label) == kRegions.end()) {
      refuse(label + " is no region of a face", "$.heads");
    }
  }
  if (!strength.empty() && strength != units) {
    refuse("expected the labels of head action_units in their order", "$.heads (strength)");
  }
  check_calibration(spec.calibration.action_units, units, "$.calibration.action_units");
  check_calibration(spec.calibration.strength, strength, "$.calibration.strength");
  check_calibration(spec.calibration.visibility, regions, "$.calibration.visibility");
  for (const std::string& label : spec.experimental) {
    check_known(label, units, "$.experimental");
  }
  if (!spec.reliability) return;
  for (const auto& [label, figures] : spec.reliability->action_units) {
    check_known(label, units, "$.reliability.action_units");
  }
  const std::vector<std::string>& emotions = head_of(spec, HeadName::emotion).labels;
  for (const auto& [label, figures] : spec.reliability->emotion) {
    check_known(label, emotions, "$.reliability.emotion");
  }
}

/** Numbers that are finite, and would not leave the scores so. */
static void check_extremes(const CalibrationSpec& calibration) {
  constexpr double smallest = 1e-4, largest = 1 / smallest;
  const auto slope = [](double value, const std::string& at) {
    if (!(value >= smallest && value <= largest)) refuse("expected 0.0001 to 10000", at);
  };
  const auto bias = [](double value, const std::string& at) {
    if (!(std::abs(value) <= largest)) refuse("expected a bias of 10000 at most", at);
  };
  slope(calibration.emotion.temperature, "$.calibration.emotion.temperature");
  for (const auto* part : {&calibration.action_units, &calibration.strength}) {
    for (const auto& [label, unit] : *part) {
      slope(unit.scale, "$.calibration (" + label + ")");
      bias(unit.bias, "$.calibration (" + label + ")");
    }
  }
  for (const auto& [label, region] : calibration.visibility) {
    bias(region.bias, "$.calibration.visibility." + label);
  }
}

static void check_alignment(const ModelSpec& spec) {
  const auto& [width, height, points] = spec.alignment;
  if (width != spec.input.width || height != spec.input.height) {
    refuse("expected the size of $.input", "$.alignment");
  }
  std::set<std::array<double, 2>> places;
  for (const auto& [name, place] : points) {
    if (std::find(kLandmarkNames.begin(), kLandmarkNames.end(), name) == kLandmarkNames.end()) {
      refuse("unknown landmark " + name, "$.alignment.points");
    }
    places.insert(place);
  }
  if (places.size() < 2) {
    refuse("expected at least two different points", "$.alignment.points");
  }
  // No network reads faces that large; a damaged number must not ask for all memory.
  if (width > 4096 || height > 4096) refuse("larger than 4096 pixels", "$.alignment");
}

static void check_files(const ModelSpec& spec) {
  if (spec.artifacts.empty()) refuse("expected at least one model file", "$.artifacts");
  std::set<std::tuple<ArtifactFormat, Precision, IoDtype, std::optional<Delegate>>> variants;
  for (const ArtifactSpec& artifact : spec.artifacts) {
    const auto [format, precision] = std::pair(artifact.format, artifact.precision);
    if (!variants.insert({format, precision, artifact.io_dtype, artifact.delegate}).second) {
      refuse("expected one file a format, precision, io_dtype and delegate", "$.artifacts");
    }
    if (leaves(artifact.file)) refuse(artifact.file + " leaves the bundle", "$.artifacts");
  }
}

ModelSpec parse_model(const std::string& text, const std::string& source) {
  const Json json = parse_json(text, source);
  try {
    check_version(json);
    ModelSpec spec;
    read(json, "$", spec, {});
    check_heads(spec);
    check_labels(spec);
    check_extremes(spec.calibration);
    check_alignment(spec);
    const auto& std_of = spec.preprocessing.std;
    if (std::count(std_of.begin(), std_of.end(), 0.0) > 0) {
      refuse("0 would divide by zero", "$.preprocessing.std");
    }
    check_files(spec);
    return spec;
  } catch (const ManifestError& error) {
    throw ManifestError(source + ": " + error.what());
  }
}

const HeadSpec* find_head(const ModelSpec& spec, HeadName name) {
  for (const HeadSpec& head : spec.heads) {
    if (head.name == name) return &head;
  }
  return nullptr;
}

std::optional<LabelReliability> reliability_of(const ModelSpec& spec, const std::string& label) {
  if (!spec.reliability) return std::nullopt;
  const LabelReliability* told = find(spec.reliability->action_units, label);
  if (!told) told = find(spec.reliability->emotion, label);
  return told ? std::optional<LabelReliability>(*told) : std::nullopt;
}

const HeadSpec& head_of(const ModelSpec& spec, HeadName name) { return *find_head(spec, name); }

}  // namespace mf2_edge
