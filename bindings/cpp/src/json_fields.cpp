#include "json_fields.hpp"

#include <algorithm>
#include <set>

namespace mf2_edge {

static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

bool is_sha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char letter) {
           return is_digit(letter) || (letter >= 'a' && letter <= 'f');
         });
}

bool is_version(const std::string& text) {
  const auto dot = text.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) return false;
  const auto minor = text.begin() + std::ptrdiff_t(dot);
  return std::all_of(text.begin(), minor, is_digit) && std::all_of(minor + 1, text.end(), is_digit);
}

bool is_os_version(const std::string& text) {
  int parts = 1;
  int digits = 0;
  for (const char letter : text) {
    if (letter == '.') {
      if (digits == 0) return false;
      ++parts;
      digits = 0;
    } else if (!is_digit(letter) || ++digits > 4) {
      return false;
    }
  }
  return digits > 0 && parts <= 3;
}

static bool is_letter(char letter) {
  return is_digit(letter) || (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');
}

bool is_file_path(const std::string& text) {
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return is_letter(letter) || std::string("._+/-").find(letter) != std::string::npos;
         });
}

bool is_name(const std::string& text) {
  return is_file_path(text) && text.find('/') == std::string::npos;
}

void refuse(const std::string& what, const std::string& at) {
  throw ManifestError(what + " - at `" + at + "`");
}

/** The number of characters, not of bytes. */
static std::size_t letters_of(const std::string& text) {
  return std::size_t(std::count_if(text.begin(), text.end(),
                                   [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

void read(const Json& json, const std::string& at, std::string& made, const Limits& limits) {
  if (!json.is_string()) refuse("expected a string", at);
  made = json.get<std::string>();
  if (letters_of(made) < limits.least_letters) refuse("expected a text that is not empty", at);
  if (limits.fits && !limits.fits(made)) refuse("expected " + std::string(limits.wanted), at);
}

static void check_number(double value, const std::string& at, const Limits& limits) {
  const bool low = value < limits.least || (limits.without_least && value == limits.least);
  if (low || value > limits.most) refuse("number out of its range", at);
}

void read(const Json& json, const std::string& at, std::int64_t& made, const Limits& limits) {
  if (!json.is_number_integer()) refuse("expected a whole number", at);
  const double value = json.get<double>();
  // 2 ** 53: up to there a double is exact, and no size or count is beyond.
  if (std::abs(value) > 9007199254740992.0) refuse("whole number too large", at);
  check_number(value, at, limits);
  made = json.get<std::int64_t>();
}

void read(const Json& json, const std::string& at, double& made, const Limits& limits) {
  if (!json.is_number()) refuse("expected a number", at);
  made = json.get<double>();
  if (!std::isfinite(made)) refuse("expected a finite number", at);
  check_number(made, at, limits);
}

Json parse_json(const std::string& text, const std::string& source) {
  // A key that is there twice means one thing to one reader and another to the next.
  std::vector<std::set<std::string>> open;
  const auto once = [&](int, Json::parse_event_t event, const Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      throw ManifestError(source + ": key `" + value.get<std::string>() +
                          "` more than once; expected each once");
    }
    return true;
  };
  try {
    return Json::parse(text, once);
  } catch (const nlohmann::json::exception& error) {
    throw ManifestError(source + ": not valid JSON (" + error.what() + ")");
  }
}

}  // namespace mf2_edge
