//===- Lexer.cpp - Tokens of a Jinja template -----------------------------===//

#include "Lexer.h"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bitnetc {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
static bool isNamePart(char c) { return isNameStart(c) || isDigit(c); }

/// Bytes of the white space at `at`, as Python's str.isspace sees it; else 0.
static size_t spaceAt(std::string_view text, size_t at) {
  if (at >= text.size())
    return 0;
  const auto c = static_cast<unsigned char>(text[at]);
  if ((c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20))
    return 1;
  // All others are in UTF-8 two or three bytes.
  static constexpr std::string_view wide[] = {
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80",
      "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84",
      "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
      "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9",
      "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  for (std::string_view space : wide)
    if (text.substr(at, space.size()) == space)
      return space.size();
  return 0;
}

/// Line ends become \n, and one at the very end goes.
static std::string normalizeLines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n')
      ++i;
  }
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

static void appendUtf8(std::string &out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

namespace {
class Lexer {
public:
  Lexer(std::string_view text, std::vector<Token> &tokens)
      : text(text), tokens(tokens) {}
  bool run();
  std::string error;

private:
  bool fail(const std::string &what) {
    error = "line " + std::to_string(lineOf(at)) + ": " + what;
    return false;
  }
  uint32_t lineOf(size_t place) {
    // Places only grow.
    for (; counted < std::min(place, text.size()); ++counted)
      line += text[counted] == '\n';
    return line;
  }
  void add(Token::Kind kind, std::string_view content, size_t place) {
    tokens.push_back({kind, lineOf(place), std::string(content)});
  }
  bool starts(std::string_view what) const {
    return text.substr(at, what.size()) == what;
  }
  void skipSpace() {
    while (size_t count = spaceAt(text, at))
      at += count;
  }
  std::string_view stripBefore(std::string_view data, size_t tag, bool print);
  bool comment();
  bool tag(bool print);
  size_t rawBegin() const;
  bool raw(size_t bodyBegin);
  bool token();
  bool string();
  bool number();
  bool escape(std::string &out, size_t &i);

  std::string_view text;
  std::vector<Token> &tokens;
  size_t at = 0, counted = 0;
  uint32_t line = 1;
  std::string open; ///< Brackets that wait for their end.
  /// The last tag ended with a line end, so a tag that follows begins a line.
  bool lineStarting = true;
};
} // namespace

/// What remains of the text before a tag that begins at `tag`.
std::string_view Lexer::stripBefore(std::string_view data, size_t tag,
                                    bool print) {
  const char sign = tag + 2 < text.size() ? text[tag + 2] : 0;
  if (sign == '-') {
    for (bool more = true; more && !data.empty();) {
      more = false;
      for (size_t length = 1; length <= 3 && length <= data.size(); ++length)
        if (spaceAt(data, data.size() - length) == length) {
          data.remove_suffix(length);
          more = true;
          break;
        }
    }
    return data;
  }
  if (sign == '+' || print)
    return data;
  const size_t newline = data.rfind('\n');
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  if (begin == 0 && !lineStarting)
    return data;
  size_t i = begin;
  while (size_t count = spaceAt(data, i))
    i += count;
  return i == data.size() ? data.substr(0, begin) : data;
}

bool Lexer::comment() {
  // "{#-" has taken its sign before the end may take one: "{#-#}".
  const size_t body =
      at + 2 + (text.substr(at + 2, 1) == "-" || text.substr(at + 2, 1) == "+");
  const size_t end = text.find("#}", body);
  if (end == std::string_view::npos)
    return fail("this comment has no end '#}'");
  const bool strip = end > body && text[end - 1] == '-';
  const bool keep = end > body && text[end - 1] == '+';
  at = end + 2;
  if (strip)
    skipSpace();
  else if (!keep && starts("\n"))
    ++at;
  lineStarting = text[at - 1] == '\n';
  return true;
}

/// The end of "{% raw %}" if it begins here, else 0.
size_t Lexer::rawBegin() const {
  size_t i = at + 2;
  if (i < text.size() && (text[i] == '-' || text[i] == '+'))
    ++i;
  auto skip = [&] {
    while (size_t count = spaceAt(text, i))
      i += count;
  };
  skip();
  if (text.substr(i, 3) != "raw")
    return 0;
  i += 3;
  skip();
  if (text.substr(i, 3) == "-%}") {
    i += 3;
    skip();
    return i;
  }
  return text.substr(i, 2) == "%}" ? i + 2 : 0;
}

bool Lexer::raw(size_t bodyBegin) {
  const size_t begin = at;
  for (size_t tag = bodyBegin;; tag += 2) {
    tag = text.find("{%", tag);
    if (tag == std::string_view::npos)
      return fail("raw block without endraw");
    at = tag + 2;
    if (starts("-") || starts("+"))
      ++at;
    skipSpace();
    if (!starts("endraw")) {
      at = begin;
      continue;
    }
    at += 6;
    skipSpace();
    const char sign = at < text.size() ? text[at] : 0;
    if (sign == '-' || sign == '+')
      ++at;
    if (!starts("%}")) {
      at = begin;
      continue;
    }
    at += 2;
    if (sign == '-')
      skipSpace();
    else if (sign != '+' && starts("\n"))
      ++at;
    lineStarting = text[bodyBegin - 1] == '\n';
    std::string_view body = stripBefore(text.substr(bodyBegin, tag - bodyBegin),
                                        tag, /*print=*/false);
    if (!body.empty())
      add(Token::Text, body, bodyBegin);
    lineStarting = text[at - 1] == '\n';
    return true;
  }
}

bool Lexer::escape(std::string &out, size_t &i) {
  static constexpr std::string_view names = "ntr\\'\"abfv";
  static constexpr std::string_view values = "\n\t\r\\'\"\a\b\f\v";
  const char c = text[i++];
  if (size_t known = names.find(c); known != std::string_view::npos) {
    out += values[known];
    return true;
  }
  if (c == '\n')
    return true;
  const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits) {
    uint32_t code = 0;
    for (size_t d = 0; d < digits; ++d, ++i) {
      const char h = i < text.size() ? text[i] : 0;
      const char lower = h | 32;
      if (!isDigit(h) && (lower < 'a' || lower > 'f'))
        return fail("a broken \\" + std::string(1, c) + " in a string");
      code = code << 4 |
             static_cast<uint32_t>(isDigit(h) ? h - '0' : lower - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return fail("a \\" + std::string(1, c) + " that is no character");
    appendUtf8(out, code);
    return true;
  }
  if (c >= '0' && c <= '7') {
    uint32_t code = static_cast<uint32_t>(c - '0');
    for (int d = 0;
         d < 2 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++d)
      code = code * 8 + static_cast<uint32_t>(text[i++] - '0');
    appendUtf8(out, code);
    return true;
  }
  if (c == 'N')
    return fail("\\N{...} in a string is not supported");
  out += '\\';
  out += c;
  return true;
}

bool Lexer::string() {
  const size_t begin = at;
  const char quote = text[at];
  std::string out;
  size_t i = at + 1;
  while (i < text.size() && text[i] != quote) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    if (++i == text.size())
      break;
    if (!escape(out, i))
      return false;
  }
  if (i >= text.size())
    return fail("this string has no end");
  at = i + 1;
  add(Token::String, out, begin);
  return true;
}

bool Lexer::number() {
  const size_t begin = at;
  const char kind = at + 1 < text.size() ? text[at + 1] | 32 : 0;
  std::string digits;
  auto take = [&](auto &&wanted) {
    size_t count = 0;
    while (at < text.size()) {
      if (wanted(text[at])) {
        digits += text[at++];
        ++count;
      } else if (text[at] == '_' && count && at + 1 < text.size() &&
                 wanted(text[at + 1])) {
        ++at;
      } else {
        break;
      }
    }
    return count;
  };
  if (text[at] == '0' && (kind == 'x' || kind == 'o' || kind == 'b')) {
    const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
    at += 2;
    size_t count = take([&](char c) {
      return (isDigit(c) && c - '0' < base) ||
             (base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f');
    });
    if (!count || count > 15)
      return fail("a number that is not understood");
    add(Token::Integer, std::to_string(strtoull(digits.c_str(), nullptr, base)),
        begin);
    return true;
  }
  take(isDigit);
  bool isFloat = false;
  if (at + 1 < text.size() && text[at] == '.' && isDigit(text[at + 1])) {
    isFloat = true;
    digits += text[at++];
    take(isDigit);
  }
  if (at + 1 < text.size() && (text[at] | 32) == 'e') {
    size_t next = at + 1 + (text[at + 1] == '+' || text[at + 1] == '-');
    if (next < text.size() && isDigit(text[next])) {
      isFloat = true;
      digits.append(text, at, next - at);
      at = next;
      take(isDigit);
    }
  }
  if (!isFloat && digits.size() > 1 && digits[0] == '0' &&
      digits.find_first_not_of('0') != std::string::npos)
    return fail("a number that begins with 0");
  errno = 0;
  if (!isFloat && (strtoll(digits.c_str(), nullptr, 10) < 0 || errno))
    return fail("a number that is too large");
  add(isFloat ? Token::Float : Token::Integer, digits, begin);
  return true;
}

bool Lexer::token() {
  const char c = text[at];
  if (isDigit(c))
    return number();
  if (c == '"' || c == '\'')
    return string();
  if (isNameStart(c)) {
    const size_t begin = at;
    while (at < text.size() && isNamePart(text[at]))
      ++at;
    add(Token::Name, text.substr(begin, at - begin), begin);
    return true;
  }
  static constexpr std::string_view operators[] = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (std::string_view op : operators) {
    if (!starts(op))
      continue;
    if (op == "(" || op == "[" || op == "{") {
      open += op == "(" ? ')' : op == "[" ? ']' : '}';
    } else if (op == ")" || op == "]" || op == "}") {
      if (open.empty() || open.back() != op[0])
        return fail(open.empty() ? "unexpected '" + std::string(op) + "'"
                                 : "unexpected '" + std::string(op) +
                                       "', expected '" + open.back() + "'");
      open.pop_back();
    }
    add(Token::Operator, op, at);
    at += op.size();
    return true;
  }
  return fail("unexpected character '" + std::string(1, c) + "'");
}

bool Lexer::tag(bool print) {
  const std::string_view end = print ? "}}" : "%}";
  add(print ? Token::PrintBegin : Token::BlockBegin, "", at);
  at += 2;
  if (starts("-") || starts("+"))
    ++at;
  open.clear();
  while (at < text.size()) {
    if (open.empty()) {
      // The signs belong to the end and are no operators there.
      const bool sign = starts("-") || (!print && starts("+"));
      if (text.substr(at + sign, 2) == end) {
        const char which = sign ? text[at] : 0;
        add(print ? Token::PrintEnd : Token::BlockEnd, "", at);
        at += sign + 2;
        if (which == '-')
          skipSpace();
        else if (!print && which != '+' && starts("\n"))
          ++at;
        lineStarting = text[at - 1] == '\n';
        return true;
      }
    }
    if (size_t space = spaceAt(text, at))
      at += space;
    else if (!token())
      return false;
  }
  return fail("this tag has no end '" + std::string(end) + "'");
}

bool Lexer::run() {
  while (at < text.size()) {
    size_t brace = at;
    do {
      brace = text.find('{', brace);
    } while (brace != std::string_view::npos &&
             (brace + 1 >= text.size() || !strchr("{%#", text[brace + 1]) ||
              !text[brace + 1]) &&
             ++brace);
    const size_t end = std::min(brace, text.size());
    std::string_view data = text.substr(at, end - at);
    const bool print = end < text.size() && text[end + 1] == '{';
    if (end < text.size())
      data = stripBefore(data, end, print);
    if (!data.empty())
      add(Token::Text, data, at);
    at = end;
    if (at == text.size())
      break;
    const size_t body = text[at + 1] == '%' ? rawBegin() : 0;
    if (!(text[at + 1] == '#' ? comment() : body ? raw(body) : tag(print)))
      return false;
  }
  add(Token::End, "", text.size());
  return true;
}

bool lexTemplate(std::string_view source, std::vector<Token> &tokens,
                 std::string *error) {
  const std::string text = normalizeLines(source);
  Lexer lexer(text, tokens);
  const bool good = lexer.run();
  *error = lexer.error;
  return good;
}

} // namespace bitnetc
