// Strict reading of JSON: unknown, missing and ill-typed keys are errors that name their place.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mf2_edge/errors.hpp"
#include "mf2_edge/model_types.hpp"

namespace mf2_edge {

/** Keeps the order of keys, which is the order of sums over landmarks. */
using Json = nlohmann::ordered_json;

/** What a value must be, beyond its type. */
struct Limits {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool without_least = false;
  std::size_t least_letters = 0;
  bool (*fits)(const std::string&) = nullptr;
  const char* wanted = "";

  static Limits from(double least, double most = std::numeric_limits<double>::infinity()) {
    return {least, most};
  }
  static Limits above(double least) {
    return {least, std::numeric_limits<double>::infinity(), true};
  }
  static Limits letters(std::size_t least) {
    Limits made;
    made.least_letters = least;
    return made;
  }
  static Limits pattern(bool (*fits)(const std::string&), const char* wanted) {
    Limits made;
    made.fits = fits;
    made.wanted = wanted;
    return made;
  }
};

bool is_sha256(const std::string& text);
bool is_version(const std::string& text);
bool is_os_version(const std::string& text);
bool is_name(const std::string& text);
bool is_file_path(const std::string& text);

[[noreturn]] void refuse(const std::string& what, const std::string& at);

void read(const Json& json, const std::string& at, std::string& made, const Limits& limits);
void read(const Json& json, const std::string& at, std::int64_t& made, const Limits& limits);
void read(const Json& json, const std::string& at, double& made, const Limits& limits);

template <class T>
void read(const Json& json, const std::string& at, std::optional<T>& made, const Limits& limits);
template <class T>
void read(const Json& json, const std::string& at, std::vector<T>& made, const Limits& limits);
template <class T, std::size_t n>
void read(const Json& json, const std::string& at, std::array<T, n>& made, const Limits& limits);
template <class T>
void read(const Json& json, const std::string& at, Keyed<T>& made, const Limits& limits);

template <class T>
void read(const Json& json, const std::string& at, std::optional<T>& made, const Limits& limits) {
  made.reset();
  if (!json.is_null()) read(json, at, made.emplace(), limits);
}

template <class T>
void read(const Json& json, const std::string& at, std::vector<T>& made, const Limits& limits) {
  if (!json.is_array()) refuse("expected a list", at);
  made.clear();
  for (const Json& each : json) {
    read(each, at + "[" + std::to_string(made.size()) + "]", made.emplace_back(), limits);
  }
}

template <class T, std::size_t n>
void read(const Json& json, const std::string& at, std::array<T, n>& made, const Limits& limits) {
  if (!json.is_array() || json.size() != n) {
    refuse("expected a list of " + std::to_string(n), at);
  }
  for (std::size_t i = 0; i < n; ++i) read(json[i], at, made[i], limits);
}

template <class T>
void read(const Json& json, const std::string& at, Keyed<T>& made, const Limits& limits) {
  if (!json.is_object()) refuse("expected an object", at);
  made.clear();
  for (const auto& [key, value] : json.items()) {
    auto& entry = made.emplace_back(key, T{});
    read(value, at + "." + key, entry.second, limits);
  }
}

/** The position of a string among the names of an enum. */
template <std::size_t n>
int read_choice(const Json& json, const std::string& at, const char* const (&names)[n]) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) {
    if (json.is_string() && json.get_ref<const std::string&>() == names[i]) return int(i);
    all += (i > 0 ? ", " : "") + std::string(names[i]);
  }
  refuse("expected one of " + all, at);
}

/** The keys of one object; `close` refuses those that nobody asked for. */
class Fields {
 public:
  Fields(const Json& json, const std::string& at) : json_(json), at_(at) {
    if (!json.is_object()) refuse("expected an object", at);
  }

  template <class T>
  void required(const char* key, T& made, const Limits& limits = {}) {
    if (!found(key)) refuse("missing key `" + std::string(key) + "`; add it", at_);
    optional(key, made, limits);
  }

  template <class T>
  void optional(const char* key, T& made, const Limits& limits = {}) {
    known_.emplace_back(key);
    if (found(key)) read(json_.at(key), at_ + "." + key, made, limits);
  }

  void close() const {
    for (const auto& [key, value] : json_.items()) {
      bool known = false;
      for (const std::string& each : known_) known = known || each == key;
      if (!known) refuse("unknown key `" + key + "`; remove it or correct its spelling", at_);
    }
  }

 private:
  bool found(const char* key) const { return json_.contains(key); }

  const Json& json_;
  const std::string at_;
  std::vector<std::string> known_;
};

/** JSON text as a value; throws ManifestError that names `source`. */
Json parse_json(const std::string& text, const std::string& source);

}  // namespace mf2_edge
