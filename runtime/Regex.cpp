//===- Regex.cpp - PCRE2 behind a small interface -------------------------===//

#include "runtime/Regex.h"
#include "runtime/Utf8.h"
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace bitnet {

Regex::Regex(Regex &&other) noexcept
    : code(std::exchange(other.code, nullptr)),
      matchData(std::exchange(other.matchData, nullptr)) {}

Regex &Regex::operator=(Regex &&other) noexcept {
  std::swap(code, other.code);
  std::swap(matchData, other.matchData);
  return *this;
}

Regex::~Regex() {
  pcre2_match_data_free(static_cast<pcre2_match_data *>(matchData));
  pcre2_code_free(static_cast<pcre2_code *>(code));
}

static std::string describe(int number) {
  PCRE2_UCHAR buffer[160];
  pcre2_get_error_message(number, buffer, sizeof(buffer));
  return reinterpret_cast<const char *>(buffer);
}

bool Regex::compile(std::string_view pattern, std::string *error) {
  int number = 0;
  PCRE2_SIZE offset = 0;
  // NO_UTF_CHECK is not given here: patterns are short and may be damaged.
  auto *compiled = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &number, &offset,
      nullptr);
  if (!compiled) {
    *error = "pattern '" + std::string(pattern) + "': " + describe(number) +
             " at offset " + std::to_string(offset);
    return false;
  }
  // Refused where memory may not be executable; matching then interprets.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  Regex fresh;
  fresh.code = compiled;
  fresh.matchData = pcre2_match_data_create_from_pattern(compiled, nullptr);
  *this = std::move(fresh);
  return true;
}

bool Regex::findAll(std::string_view subject, std::vector<Range> &matches,
                    std::string *error) const {
  matches.clear();
  const auto *compiled = static_cast<const pcre2_code *>(code);
  auto *data = static_cast<pcre2_match_data *>(matchData);
  size_t at = 0;
  while (at <= subject.size()) {
    uint32_t options = PCRE2_NO_UTF_CHECK;
    int rc = pcre2_match(compiled, reinterpret_cast<PCRE2_SPTR>(subject.data()),
                         subject.size(), at, options, data, nullptr);
    // The interpreter keeps its state on the heap and has room for more.
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
      rc = pcre2_match(compiled, reinterpret_cast<PCRE2_SPTR>(subject.data()),
                       subject.size(), at, options | PCRE2_NO_JIT, data,
                       nullptr);
    if (rc == PCRE2_ERROR_NOMATCH)
      return true;
    if (rc < 0) {
      *error = "the tokenizer's pattern failed on this text: " + describe(rc);
      return false;
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(data);
    // \K in a look-ahead can put the start behind the end.
    size_t begin = bounds[0], end = bounds[1];
    if (begin > end || begin < at) {
      *error = "the tokenizer's pattern moves backwards";
      return false;
    }
    // Oniguruma's users do not take an empty match right behind another one.
    if (end > begin || matches.empty() || matches.back().end != begin)
      matches.push_back({begin, end});
    if (end > begin) {
      at = end;
    } else if (begin < subject.size()) {
      at = begin + decodeUtf8(subject.substr(begin)).length;
    } else {
      return true;
    }
  }
  return true;
}

} // namespace bitnet
