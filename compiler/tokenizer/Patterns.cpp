//===- Patterns.cpp - Regular expressions of tokenizers, for PCRE2 --------===//
//
// Tokenizer files hold patterns for Oniguruma, with Ruby's syntax. PCRE2 reads
// nearly the same, but takes some of it differently:
//
//   \s      PCRE2 adds U+180E, which is no White_Space since Unicode 6.3
//   \w      PCRE2 takes all numbers and no marks; Oniguruma takes UTS #18's
//           letters, marks, decimal digits and connectors
//   \b      between \w and others
//   [:name:] POSIX classes, which are not read here
//   \h      a hexadecimal digit, not horizontal space
//   ^ $     at every line
//   [a[b]]  a class in a class, and && between two: PCRE2 has neither
//
//===----------------------------------------------------------------------===//

#include "TokenizerSpec.h"
#include <string_view>

namespace bitnetc {

namespace {
struct Form {
  char letter;
  std::string_view alone, inClass; ///< inClass empty: cannot be said there.
};
// The single numbers are of Latin-1, for which Oniguruma has a table of its
// own.
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xB2\\xB3\\xB9\\xBC-\\xBE"
constexpr Form forms[] = {
    {'s', "\\p{White_Space}", "\\p{White_Space}"},
    {'S', "\\P{White_Space}", "\\P{White_Space}"},
    {'w', "[" WORD "]", WORD},
    {'W', "[^" WORD "]", ""},
    {'b', "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))",
     "\\x08"},
    {'B', "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))",
     ""},
    {'h', "[0-9A-Fa-f]", "0-9A-Fa-f"},
    {'H', "[^0-9A-Fa-f]", ""},
};
#undef WORD

const Form *findForm(char letter) {
  for (const Form &form : forms)
    if (form.letter == letter)
      return &form;
  return nullptr;
}

class Translator {
public:
  explicit Translator(std::string_view pattern) : rest(pattern) {}

  bool run(std::string &out, std::string &error) {
    const std::string_view whole = rest;
    while (!rest.empty() && problem.empty()) {
      if (rest[0] == '\\' && rest.size() > 1)
        escape();
      else if (inClass)
        insideClass();
      else
        outsideClass();
    }
    if (!problem.empty()) {
      error = "pattern '" + std::string(whole) + "': " + problem +
              " is not supported";
      return false;
    }
    out = (hasAnchor ? "(?m)" : "") + text;
    return true;
  }

private:
  void copy(size_t count) {
    text += rest.substr(0, count);
    rest.remove_prefix(std::min(count, rest.size()));
  }
  void escape() {
    const Form *form = findForm(rest[1]);
    if (!form)
      return copy(2);
    if (inClass && form->inClass.empty())
      problem = "\\" + std::string(1, form->letter) + " in a class";
    text += inClass ? form->inClass : form->alone;
    rest.remove_prefix(2);
  }
  void outsideClass() {
    hasAnchor |= rest[0] == '^' || rest[0] == '$';
    if (rest[0] != '[')
      return copy(1);
    inClass = true;
    // "[]x]" and "[^]x]" hold a bracket.
    copy(rest.starts_with("[^") ? 2 : 1);
    if (rest.starts_with("]"))
      copy(1);
  }
  void insideClass() {
    if (rest.starts_with("[:"))
      problem = "a POSIX class";
    else if (rest[0] == '[')
      problem = "a class in a class";
    else if (rest.starts_with("&&"))
      problem = "&& in a class";
    inClass = rest[0] != ']';
    copy(1);
  }

  std::string_view rest;
  std::string text, problem;
  bool inClass = false, hasAnchor = false;
};
} // namespace

bool translatePattern(std::string &pattern, std::string &error) {
  return Translator(pattern).run(pattern, error);
}

} // namespace bitnetc
