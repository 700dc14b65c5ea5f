//===- Regex.h - PCRE2 behind a small interface -----------------*- C++ -*-===//
//
// Pre-tokenizer patterns need look-ahead and Unicode classes, which PCRE2 has.
// It compiles a pattern to machine code where the system allows that and
// interprets it elsewhere; the matches are the same.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_REGEX_H
#define BITNET_RUNTIME_REGEX_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {

struct Range {
  size_t begin, end;
};

class Regex {
public:
  Regex() = default;
  Regex(Regex &&other) noexcept;
  Regex &operator=(Regex &&other) noexcept;
  Regex(const Regex &) = delete;
  ~Regex();

  bool compile(std::string_view pattern, std::string *error);

  /// All matches from left to right, without overlap. `subject` must be valid
  /// UTF-8. Fails only if the pattern exceeds PCRE2's limits on it.
  bool findAll(std::string_view subject, std::vector<Range> &matches,
               std::string *error) const;

private:
  void *code = nullptr;      // pcre2_code
  void *matchData = nullptr; // pcre2_match_data
};

} // namespace bitnet

#endif // BITNET_RUNTIME_REGEX_H
