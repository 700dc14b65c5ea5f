//===- PatternTree.cpp - The parts of a regular expression ----------------===//

#include "runtime/server/PatternTree.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <utility>

namespace bitnet::server {

namespace {
constexpr uint32_t kLastCodePoint = PatternPart::lastCodePoint;
constexpr uint32_t kUnlimited = PatternPart::unlimited;

using Part = PatternPart;
using Range = PatternPart::Range;
using Ranges = std::vector<Range>;

const Ranges digits = {{'0', '9'}};
const Ranges words = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges spaces = {{9, 13},          {' ', ' '},       {0xA0, 0xA0},
                       {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                       {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
                       {0xFEFF, 0xFEFF}};
const Ranges lineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
const Ranges anything = {{0, kLastCodePoint}};

Ranges allBut(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range &a, const Range &b) { return a.low < b.low; });
  Ranges others;
  uint32_t from = 0;
  for (const Range &range : ranges) {
    if (range.low > from)
      others.push_back({from, range.low - 1});
    from = std::max(from, range.high + 1);
  }
  if (from <= kLastCodePoint)
    others.push_back({from, kLastCodePoint});
  return others;
}

class Parser {
public:
  explicit Parser(std::string_view text) : rest(text) {}

  bool parse(Part &whole) {
    if (!isValidUtf8(rest))
      return fail("it is not UTF-8");
    if (!either(whole, 0))
      return false;
    return rest.empty() || fail("there is a ')' without '('");
  }
  std::string problem;

private:
  bool fail(std::string why) {
    if (problem.empty())
      problem = std::move(why);
    return false;
  }
  bool take(std::string_view text) {
    if (!rest.starts_with(text))
      return false;
    rest.remove_prefix(text.size());
    return true;
  }
  uint32_t character() {
    const Utf8Char c = decodeUtf8(rest);
    rest.remove_prefix(c.length);
    return c.codePoint;
  }

  bool either(Part &made, unsigned depth) {
    constexpr unsigned kDeepest = 50;
    if (depth > kDeepest)
      return fail("its groups are nested too deeply");
    made = {Part::Either, {}, {}};
    do {
      Part sequence{Part::Sequence, {}, {}};
      const Part gap{Part::Repeat, {}, {{Part::One, anything, {}}}};
      const bool atStart = take("^");
      if (depth == 0 && !atStart)
        sequence.parts.push_back(gap);
      bool atEnd = false;
      while (!rest.empty() && rest[0] != '|' && rest[0] != ')' && !atEnd) {
        if (take("$"))
          atEnd = true;
        else if (!term(sequence, depth))
          return false;
      }
      if (((atStart || atEnd) && depth) ||
          (atEnd && !rest.empty() && rest[0] != '|'))
        return fail("'^' and '$' are only supported at the ends of an "
                    "alternative outside of groups");
      if (depth == 0 && !atEnd)
        sequence.parts.push_back(gap);
      made.parts.push_back(std::move(sequence));
    } while (take("|"));
    return true;
  }

  bool term(Part &sequence, unsigned depth) {
    Part made{Part::One, {}, {}};
    if (take("(")) {
      if (take("?") && !take(":") && !name())
        return fail("lookarounds are not supported");
      if (!either(made, depth + 1))
        return false;
      if (!take(")"))
        return fail("a ')' is missing");
    } else if (take("[")) {
      if (!charClass(made.ranges))
        return false;
    } else if (take(".")) {
      made.ranges = allBut(lineEnds);
    } else if (take("\\")) {
      if (!escape(made.ranges, /*inClass=*/false))
        return false;
    } else if (std::string_view("*+?{").find(rest[0]) !=
               std::string_view::npos) {
      return fail("there is nothing before '" + std::string(1, rest[0]) +
                  "' to repeat");
    } else if (rest[0] == '^') {
      return fail("'^' is only supported at the start of an alternative");
    } else {
      const uint32_t c = character();
      made.ranges = {{c, c}};
    }
    if (!repeat(made))
      return false;
    sequence.parts.push_back(std::move(made));
    return true;
  }

  /// The rest of (?<name>.
  bool name() {
    if (rest.size() < 2 || rest[0] != '<' || rest[1] == '=' || rest[1] == '!')
      return false;
    const size_t end = rest.find('>');
    if (end == std::string_view::npos)
      return false;
    rest.remove_prefix(end + 1);
    return true;
  }

  bool number(uint32_t &value) {
    constexpr uint32_t kMost = 1000;
    value = 0;
    bool any = false;
    for (; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; any = true) {
      value = std::min(value * 10 + static_cast<uint32_t>(rest[0] - '0'),
                       kMost + 1);
      rest.remove_prefix(1);
    }
    if (value > kMost)
      return fail("it repeats more than " + std::to_string(kMost) + " times");
    return any;
  }

  bool repeat(Part &made) {
    uint32_t least = 0, most = kUnlimited;
    if (take("*")) {
    } else if (take("+")) {
      least = 1;
    } else if (take("?")) {
      most = 1;
    } else if (take("{")) {
      const bool good =
          number(least) &&
          (take("}") ? (most = least, true)
                     : take(",") && (take("}") || (number(most) && take("}"))));
      if (!good)
        return fail("'{' is not followed by a count and '}'");
      if (least > most)
        return fail("a count is more than its limit");
    } else {
      return true;
    }
    take("?"); // The texts are the same.
    if (!rest.empty() &&
        std::string_view("*+?{").find(rest[0]) != std::string_view::npos)
      return fail("a repetition is repeated without a group");
    Part inner = std::move(made);
    made = {Part::Repeat, {}, {}, least, most};
    made.parts.push_back(std::move(inner));
    return true;
  }

  bool hex(unsigned count, uint32_t &value) {
    value = 0;
    for (unsigned i = 0; i < count; ++i) {
      const char c = i < rest.size() ? rest[i] : ' ';
      const uint32_t low = static_cast<uint32_t>(c) | 0x20;
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<uint32_t>(c - '0');
      else if (low >= 'a' && low <= 'f')
        value = value * 16 + low - 'a' + 10;
      else
        return fail("'\\x' or '\\u' is not followed by hexadecimal digits");
    }
    rest.remove_prefix(count);
    return true;
  }

  bool escape(Ranges &ranges, bool inClass) {
    if (rest.empty())
      return fail("it ends in '\\'");
    const uint32_t c = character();
    auto one = [&](uint32_t value) {
      ranges = {{value, value}};
      return true;
    };
    switch (c) {
    case 'd':
      ranges = digits;
      return true;
    case 'D':
      ranges = allBut(digits);
      return true;
    case 'w':
      ranges = words;
      return true;
    case 'W':
      ranges = allBut(words);
      return true;
    case 's':
      ranges = spaces;
      return true;
    case 'S':
      ranges = allBut(spaces);
      return true;
    case 't':
      return one('\t');
    case 'n':
      return one('\n');
    case 'v':
      return one('\v');
    case 'f':
      return one('\f');
    case 'r':
      return one('\r');
    case 'b':
      if (inClass)
        return one('\b');
      break;
    case 'x':
    case 'u': {
      uint32_t value;
      return hex(c == 'x' ? 2 : 4, value) && one(value);
    }
    default:
      // Letters and digits may mean something that is not known here.
      if (c >= 0x80 ||
          !((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
        return one(c);
    }
    return fail("'\\" + std::string(1, static_cast<char>(c)) +
                "' is not supported");
  }

  bool charClass(Ranges &ranges) {
    const bool negated = take("^");
    while (!take("]")) {
      Ranges low;
      auto member = [&](Ranges &made) {
        if (rest.empty())
          return fail("a ']' is missing");
        if (take("\\"))
          return escape(made, /*inClass=*/true);
        const uint32_t c = character();
        made = {{c, c}};
        return true;
      };
      if (!member(low))
        return false;
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        take("-");
        Ranges high;
        if (!member(high))
          return false;
        auto single = [](const Ranges &r) {
          return r.size() == 1 && r[0].low == r[0].high;
        };
        if (!single(low) || !single(high) || low[0].low > high[0].high)
          return fail("a range within '[]' is not one");
        low[0].high = high[0].high;
      }
      ranges.insert(ranges.end(), low.begin(), low.end());
    }
    ranges = allBut(std::move(ranges));
    if (!negated)
      ranges = allBut(std::move(ranges)); // As few as say the same.
    return true;
  }

  std::string_view rest;
};
} // namespace

bool parsePattern(std::string_view expression, PatternPart &whole,
                  std::string *error) {
  Parser parser(expression);
  if (parser.parse(whole))
    return true;
  *error = parser.problem;
  return false;
}

} // namespace bitnet::server
