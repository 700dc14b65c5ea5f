//===- TemplateText.cpp - Python's string functions -----------------------===//

#include "runtime/TemplateText.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <span>

namespace bitnet::chat {

namespace {
struct CaseRun {
  uint32_t first, last, step;
  int32_t delta;
};
struct CaseText {
  uint32_t code;
  const char *text;
};
#include "CaseTables.inc"
} // namespace

bool isSpace(char32_t c) { return isWhiteSpace(c) || (c >= 0x1C && c <= 0x1F); }

static bool isContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

int64_t countCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return !isContinuation(c); });
}

size_t byteOf(std::string_view text, int64_t index) {
  size_t at = 0;
  for (; at < text.size(); ++at)
    if (!isContinuation(text[at]) && index-- == 0)
      break;
  return at;
}

std::vector<std::string> splitCharacters(std::string_view text) {
  std::vector<std::string> out;
  for (char c : text) {
    if (!isContinuation(c) || out.empty())
      out.emplace_back();
    out.back() += c;
  }
  return out;
}

/// The last character of `text`, which must not be empty.
static std::string_view lastCharacter(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && isContinuation(text[at]))
    --at;
  return text.substr(at);
}

std::string_view strip(std::string_view text, Side side,
                       const std::string *characters) {
  auto goes = [&](std::string_view character) {
    return characters ? characters->find(character) != std::string::npos
                      : isSpace(decodeUtf8(character).codePoint);
  };
  if (static_cast<int>(side) & static_cast<int>(Side::Left))
    while (!text.empty()) {
      std::string_view first = text.substr(0, decodeUtf8(text).length);
      if (!goes(first))
        break;
      text.remove_prefix(first.size());
    }
  if (static_cast<int>(side) & static_cast<int>(Side::Right))
    while (!text.empty() && goes(lastCharacter(text)))
      text.remove_suffix(lastCharacter(text).size());
  return text;
}

std::vector<std::string> split(std::string_view text,
                               const std::string *separator, int64_t limit) {
  std::vector<std::string> out;
  if (separator) {
    size_t end;
    while (limit-- != 0 &&
           (end = text.find(*separator)) != std::string_view::npos) {
      out.emplace_back(text.substr(0, end));
      text.remove_prefix(end + separator->size());
    }
    out.emplace_back(text);
    return out;
  }
  text = strip(text, Side::Left, nullptr);
  while (!text.empty()) {
    if (limit-- == 0) {
      out.emplace_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      Utf8Char c = decodeUtf8(text.substr(end));
      if (isSpace(c.codePoint))
        break;
      end += c.length;
    }
    out.emplace_back(text.substr(0, end));
    text = strip(text.substr(end), Side::Left, nullptr);
  }
  return out;
}

std::vector<std::string> splitFromRight(std::string_view text,
                                        const std::string *separator,
                                        int64_t limit) {
  std::vector<std::string> out;
  if (separator) {
    size_t begin;
    while (limit-- != 0 &&
           (begin = text.rfind(*separator)) != std::string_view::npos) {
      out.emplace_back(text.substr(begin + separator->size()));
      text = text.substr(0, begin);
    }
    out.emplace_back(text);
  } else {
    text = strip(text, Side::Right, nullptr);
    while (!text.empty()) {
      if (limit-- == 0) {
        out.emplace_back(text);
        break;
      }
      std::string_view rest = text;
      while (!rest.empty() &&
             !isSpace(decodeUtf8(lastCharacter(rest)).codePoint))
        rest.remove_suffix(lastCharacter(rest).size());
      out.emplace_back(text.substr(rest.size()));
      text = strip(rest, Side::Right, nullptr);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> splitLines(std::string_view text, bool keepEnds) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = 0, next = 0;
    while (next == end && end < text.size()) {
      Utf8Char c = decodeUtf8(text.substr(end));
      const char32_t code = c.codePoint;
      if ((code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) ||
          code == 0x85 || code == 0x2028 || code == 0x2029) {
        next = end + c.length;
        if (code == '\r' && next < text.size() && text[next] == '\n')
          ++next;
      } else {
        end += c.length;
        next = end;
      }
    }
    out.emplace_back(text.substr(0, keepEnds ? next : end));
    text.remove_prefix(next);
  }
  return out;
}

std::string replaceAll(std::string_view text, std::string_view from,
                       std::string_view to, int64_t limit) {
  std::string out;
  if (from.empty()) {
    // Before every character, and at the end.
    for (const std::string &character : splitCharacters(text)) {
      if (limit-- != 0)
        out += to;
      else
        limit = 0;
      out += character;
    }
    if (limit != 0)
      out += to;
    return out;
  }
  size_t end;
  while (limit-- != 0 && (end = text.find(from)) != std::string_view::npos) {
    out += text.substr(0, end);
    out += to;
    text.remove_prefix(end + from.size());
  }
  return out += text;
}

/// Appends the other case of `c`; false if it has none.
static bool convert(char32_t c, std::span<const CaseRun> runs,
                    std::span<const CaseText> texts, std::string &out) {
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [&](const CaseRun &r) { return r.last < c; });
  // Runs of step 2 may lie within each other, two at most.
  for (int i = 0; i < 2 && run != runs.end(); ++i, ++run)
    if (c >= run->first && c <= run->last &&
        (c - run->first) % run->step == 0) {
      appendUtf8(out,
                 static_cast<char32_t>(static_cast<int32_t>(c) + run->delta));
      return true;
    }
  for (const CaseText &text : texts)
    if (text.code == c) {
      out += text.text;
      return true;
    }
  return false;
}

static bool toUpper(std::string_view character, std::string &out) {
  const char c = character[0];
  if (static_cast<unsigned char>(c) < 0x80) {
    const bool changes = c >= 'a' && c <= 'z';
    out += changes ? static_cast<char>(c - 32) : c;
    return changes;
  }
  if (convert(decodeUtf8(character).codePoint, upperRuns, upperTexts, out))
    return true;
  out += character;
  return false;
}

static bool toLower(std::string_view character, std::string &out) {
  const char c = character[0];
  if (static_cast<unsigned char>(c) < 0x80) {
    const bool changes = c >= 'A' && c <= 'Z';
    out += changes ? static_cast<char>(c + 32) : c;
    return changes;
  }
  if (convert(decodeUtf8(character).codePoint, lowerRuns, lowerTexts, out))
    return true;
  out += character;
  return false;
}

/// Calls f with every character.
template <typename F> static void each(std::string_view text, F &&f) {
  while (!text.empty()) {
    const size_t length = decodeUtf8(text).length;
    f(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::string upper(std::string_view text) {
  std::string out;
  each(text, [&](std::string_view c) { toUpper(c, out); });
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  each(text, [&](std::string_view c) { toLower(c, out); });
  return out;
}

std::string swapCase(std::string_view text) {
  std::string out;
  each(text, [&](std::string_view c) {
    std::string other;
    if (toLower(c, other)) {
      out += other;
      return;
    }
    toUpper(c, out);
  });
  return out;
}

/// Upper case at the start of a word: of two letters that come from one, only
/// the first.
static void toTitle(std::string_view character, std::string &out) {
  std::string up;
  toUpper(character, up);
  const size_t first = up.empty() ? 0 : decodeUtf8(up).length;
  out += up.substr(0, first) + lower(std::string_view(up).substr(first));
}

std::string capitalize(std::string_view text) {
  std::string out;
  bool first = true;
  each(text, [&](std::string_view c) {
    if (first)
      toTitle(c, out);
    else
      toLower(c, out);
    first = false;
  });
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inWord = false;
  each(text, [&](std::string_view c) {
    std::string other;
    const bool cased = toLower(c, other) || toUpper(c, other);
    if (inWord)
      toLower(c, out);
    else
      toTitle(c, out);
    inWord = cased;
  });
  return out;
}

std::string titleWords(std::string_view text) {
  std::string out;
  bool inWord = false;
  each(text, [&](std::string_view c) {
    const bool breaks =
        isSpace(decodeUtf8(c).codePoint) ||
        std::string_view("-({[<").find(c) != std::string_view::npos;
    if (breaks || inWord)
      toLower(c, out);
    else
      toUpper(c, out);
    inWord = !breaks;
  });
  return out;
}

bool isAll(std::string_view text, Class wanted) {
  bool good = !text.empty(), cased = false;
  each(text, [&](std::string_view c) {
    const char32_t code = decodeUtf8(c).codePoint;
    std::string other;
    const bool isUpper = toLower(c, other), isLower = toUpper(c, other);
    const bool digit = code >= '0' && code <= '9';
    const bool letter = code < 0x80 ? isUpper || isLower : !isSpace(code);
    cased |= isUpper || isLower;
    switch (wanted) {
    case Class::Space:
      good &= isSpace(code);
      break;
    case Class::Digit:
      good &= digit;
      break;
    case Class::Letter:
      good &= letter;
      break;
    case Class::LetterOrDigit:
      good &= letter || digit;
      break;
    case Class::Lower:
      good &= !isUpper;
      break;
    case Class::Upper:
      good &= !isLower;
      break;
    }
  });
  return good && (cased || (wanted != Class::Lower && wanted != Class::Upper));
}

} // namespace bitnet::chat
