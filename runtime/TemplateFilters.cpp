//===- TemplateFilters.cpp - Filters and tests of chat templates ----------===//
//
// Filters that give a generator in Jinja give a list here: templates loop over
// them or join them, and could see the difference only in errors.
//
// Longer than other files because it is a list: some forty filters and twenty
// tests of a few lines each, which share their helpers.
//
//===----------------------------------------------------------------------===//

#include "runtime/TemplateMachine.h"
#include "runtime/TemplateText.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace bitnet::chat {

namespace {
/// Of what is asked for by a number: more is a mistake, or an attack.
constexpr int64_t kMaxWidth = 10'000;

/// Arguments that may be missing.
const Value missing;
const Value &at(std::span<const Value> given, size_t index) {
  return index < given.size() ? given[index] : missing;
}
bool has(std::span<const Value> given, size_t index) {
  return !at(given, index).isUndefined() && !at(given, index).is(Value::None);
}
} // namespace

/// "a.b.0", as map and sort take it.
Value Machine::atPath(const Value &value, const Value &path) {
  if (!path.is(Value::String))
    return item(value, path);
  Value found = value;
  std::string_view rest = path.text();
  for (bool more = true; more && !failed();) {
    const size_t dot = rest.find('.');
    std::string part(rest.substr(0, dot));
    more = dot != std::string_view::npos;
    rest = more ? rest.substr(dot + 1) : std::string_view();
    const bool number = isAll(part, Class::Digit) && part.size() < 10;
    found = item(found, number ? Value::integer(atoi(part.c_str()))
                               : Value::string(part));
  }
  return found;
}

Value Machine::sortKey(const Value &value, bool caseSensitive,
                       const Value *path) {
  Value key = path ? atPath(value, *path) : value;
  if (caseSensitive || !key.is(Value::String) || failed())
    return key;
  return makeString(lower(key.text()));
}

bool Machine::isBefore(const Value &a, const Value &b) {
  return !failed() && compare(BITNET_TEMPLATE_COMPARE_LT, a, b);
}

Value Machine::sortItems(const Value &value, bool reverse, bool caseSensitive,
                         const Value *path) {
  std::vector<Value> items = iterate(value), keys, sorted;
  for (const Value &item : items)
    keys.push_back(sortKey(item, caseSensitive, path));
  if (failed())
    return {};
  // Reversed order keeps equal ones in place, as in Python.
  for (size_t place : sortedPlaces(keys.size(), [&](size_t a, size_t b) {
         return reverse ? isBefore(keys[b], keys[a])
                        : isBefore(keys[a], keys[b]);
       }))
    sorted.push_back(items[place]);
  return makeList(std::move(sorted));
}

Value Machine::dictSort(const Value &value, Given given) {
  if (!value.is(Value::Dict))
    return typeError("dictsort needs a mapping, not", value);
  std::vector<Value> pairs;
  for (size_t i = 0; i < value.items().size(); ++i)
    pairs.push_back(Value::pair(value.items()[i], value.object().values[i]));
  const std::string by = has(given, 1) ? textOf(at(given, 1)) : "key";
  if (by != "key" && by != "value")
    return fail("dictsort sorts by 'key' or 'value'");
  const Value path = Value::integer(by == "value");
  return sortItems(makeList(std::move(pairs)), truthy(at(given, 2)),
                   truthy(at(given, 0)), &path);
}

Value Machine::extreme(const Value &value, Given given, int sign) {
  const Value *path = has(given, 1) ? &given[1] : nullptr;
  std::vector<Value> items = iterate(value);
  if (items.empty())
    return Value::undefined("No aggregated item, sequence was empty.");
  size_t best = 0;
  Value bestKey = sortKey(items[0], truthy(at(given, 0)), path);
  for (size_t i = 1; i < items.size() && !failed(); ++i) {
    Value key = sortKey(items[i], truthy(at(given, 0)), path);
    if (sign < 0 ? isBefore(key, bestKey) : isBefore(bestKey, key)) {
      best = i;
      bestKey = std::move(key);
    }
  }
  return items[best];
}

Value Machine::uniqueItems(const Value &value, Given given) {
  const Value *path = has(given, 1) ? &given[1] : nullptr;
  std::vector<Value> seen, kept;
  for (Value &item : iterate(value)) {
    Value key = sortKey(item, truthy(at(given, 0)), path);
    bool known = false;
    for (const Value &other : seen) {
      if (!charge(1))
        return {};
      known |= equal(other, key);
    }
    if (known)
      continue;
    seen.push_back(std::move(key));
    kept.push_back(std::move(item));
  }
  return makeList(std::move(kept));
}

Value Machine::sumItems(const Value &value, Given given) {
  Value sum = has(given, 1) ? given[1] : Value::integer(0);
  for (const Value &item : iterate(value)) {
    if (failed())
      return {};
    sum = binary(BITNET_TEMPLATE_BINARY_ADD, sum,
                 has(given, 0) ? atPath(item, given[0]) : item);
  }
  return sum;
}

Value Machine::batchItems(const Value &value, Given given) {
  const int64_t size = toIndex(at(given, 0));
  if (failed() || size < 1)
    return fail("batch needs a size");
  std::vector<Value> rows, row;
  for (Value &item : iterate(value)) {
    row.push_back(std::move(item));
    if (static_cast<int64_t>(row.size()) == size)
      rows.push_back(makeList(std::exchange(row, {})));
  }
  if (!row.empty()) {
    if (has(given, 1) && charge(static_cast<uint64_t>(size)))
      row.resize(static_cast<size_t>(size), given[1]);
    rows.push_back(makeList(std::move(row)));
  }
  return makeList(std::move(rows));
}

Value Machine::selectItems(int which, const Value &value, Given given,
                           uint32_t inner) {
  const bool byAttribute = which == BITNET_TEMPLATE_FILTER_SELECTATTR ||
                           which == BITNET_TEMPLATE_FILTER_REJECTATTR;
  const bool wanted = which == BITNET_TEMPLATE_FILTER_SELECT ||
                      which == BITNET_TEMPLATE_FILTER_SELECTATTR;
  std::vector<Value> chosen;
  for (Value &item : iterate(value)) {
    Value looked = byAttribute ? atPath(item, at(given, 0)) : item;
    if (!charge(1))
      return {};
    const Given rest =
        given.subspan(std::min(given.size(), size_t{byAttribute}));
    const bool good = inner < BITNET_TEMPLATE_NUM_TEST
                          ? test(static_cast<int>(inner), looked, rest)
                          : truthy(looked);
    if (good == wanted)
      chosen.push_back(std::move(item));
  }
  return failed() ? Value() : makeList(std::move(chosen));
}

Value Machine::mapItems(int which, const Value &value, Given given,
                        uint32_t inner) {
  std::vector<Value> mapped;
  for (const Value &item : iterate(value)) {
    if (!charge(1))
      return {};
    if (which == BITNET_TEMPLATE_FILTER_MAP_ATTRIBUTE) {
      Value found = atPath(item, at(given, 0));
      mapped.push_back(found.isUndefined() && given.size() > 1 ? given[1]
                                                               : found);
    } else if (inner < BITNET_TEMPLATE_NUM_FILTER &&
               inner != BITNET_TEMPLATE_FILTER_MAP) {
      mapped.push_back(filter(static_cast<int>(inner), item, given, ~0u));
    } else {
      return fail("the filter of map is not known");
    }
  }
  return failed() ? Value() : makeList(std::move(mapped));
}

Value Machine::joinItems(const Value &value, Given given) {
  const std::string between = has(given, 0) ? textOf(given[0]) : "";
  std::string text;
  bool first = true;
  for (const Value &item : iterate(value)) {
    if (!first)
      text += between;
    first = false;
    text += textOf(has(given, 1) ? atPath(item, given[1]) : item);
    if (failed() || text.size() > options.maxOutput)
      break;
  }
  return makeString(std::move(text));
}

/// transformers' own filter: Python's json.dumps, not Jinja's HTML-safe one.
Value Machine::tojson(const Value &value, Given given) {
  JsonStyle style;
  style.ascii = truthy(at(given, 0));
  style.pretty = has(given, 1);
  style.sortKeys = truthy(at(given, 3));
  if (style.pretty) {
    const Value &indent = given[1];
    if (!indent.is(Value::String) &&
        (!indent.is(Value::Int) || indent.asInt() > 100))
      return fail("tojson takes a number or string as indent");
    style.indent = indent.is(Value::String)
                       ? indent.text()
                       : std::string(static_cast<size_t>(
                                         std::max<int64_t>(indent.asInt(), 0)),
                                     ' ');
    style.itemSeparator = ",";
  }
  if (has(given, 2)) {
    const auto &both = given[2].items();
    if (!given[2].isSequence() || both.size() != 2 ||
        !both[0].is(Value::String) || !both[1].is(Value::String))
      return fail("the separators of tojson are two strings");
    style.itemSeparator = both[0].text();
    style.keySeparator = both[1].text();
  }
  std::string text, problem;
  // Indentation grows with depth.
  if (!charge(weightOf(value) * (1 + style.indent.size() * depthOf(value) / 8)))
    return {};
  if (!toJson(value, style, text, &problem))
    return fail(value.isUndefined() && !value.text().empty() ? value.text()
                                                             : problem);
  return makeString(std::move(text));
}

Value Machine::indent(const Value &value, Given given) {
  const Value &width = at(given, 0);
  const int64_t count = has(given, 0) && !width.is(Value::String)
                            ? std::max<int64_t>(toIndex(width), 0)
                            : 4;
  if (count > kMaxWidth)
    return fail("an indent of " + std::to_string(count) + " is too wide");
  const std::string blanks = width.is(Value::String)
                                 ? width.text()
                                 : std::string(static_cast<size_t>(count), ' ');
  const std::string text = textOf(value) + "\n";
  std::string result;
  bool first = true;
  for (const std::string &line : splitLines(text, false)) {
    if (result.size() > options.maxOutput)
      break;
    if (!first)
      result += '\n';
    if (first ? truthy(at(given, 1)) : truthy(at(given, 2)) || !line.empty())
      result += blanks;
    result += line;
    first = false;
  }
  return makeString(std::move(result));
}

Value Machine::roundNumber(const Value &value, Given given) {
  const int64_t precision = has(given, 0) ? toIndex(given[0]) : 0;
  const std::string method = has(given, 1) ? textOf(given[1]) : "common";
  if (!value.isNumber())
    return typeError("round needs a number, not", value);
  if (precision < -300 || precision > 300)
    return fail("round has too many digits");
  double factor = 1;
  for (int64_t i = 0; i < std::abs(precision); ++i)
    factor *= 10;
  const double number = value.asDouble();
  if (method != "common") {
    if (method != "ceil" && method != "floor")
      return fail("round takes 'common', 'ceil' or 'floor'");
    const double scaled = precision < 0 ? number / factor : number * factor;
    const double whole =
        method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
    // Python's ceil and floor give integers; their quotient is a float.
    return Value::real(precision < 0 ? whole * factor : whole / factor);
  }
  if (!value.is(Value::Float) && precision >= 0)
    return Value::integer(value.asInt());
  if (precision < 0)
    return value.is(Value::Float)
               ? Value::real(std::nearbyint(number / factor) * factor)
               : fail("round of integers to tens is not supported");
  // printf rounds the exact value, as Python does.
  char buffer[800];
  snprintf(buffer, sizeof(buffer), "%.*f", static_cast<int>(precision), number);
  return Value::real(strtod(buffer, nullptr));
}

/// A Python number in `text`, with its underscores.
static bool parseNumber(std::string_view text, int64_t base, bool real,
                        int64_t &whole, double &number) {
  std::string digits;
  text = strip(text, Side::Both, nullptr);
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '_' || i == 0 || text[i - 1] == '_' || i + 1 == text.size())
      digits += text[i];
  if (digits.empty() || digits.find('\0') != std::string::npos)
    return false;
  if (real && digits.find_first_of("xXpP(") != std::string::npos)
    return false;
  char *end = nullptr;
  errno = 0;
  if (real)
    number = strtod(digits.c_str(), &end);
  else
    whole = strtoll(digits.c_str(), &end, static_cast<int>(base));
  return end == digits.c_str() + digits.size() && (real || errno == 0);
}

Value Machine::toInteger(const Value &value, Given given) {
  const int64_t base = has(given, 1) ? toIndex(given[1]) : 10;
  const Value fallback =
      given.empty() || given[0].isUndefined() ? Value::integer(0) : given[0];
  if (base != 0 && (base < 2 || base > 36))
    return fallback;
  if (value.isUndefined())
    return typeError("", value);
  int64_t whole = 0;
  double number = value.asDouble();
  if (value.is(Value::String)) {
    if (parseNumber(value.text(), base, false, whole, number))
      return Value::integer(whole);
    if (!parseNumber(value.text(), base, true, whole, number))
      return fallback;
  } else if (value.is(Value::Int) || value.is(Value::Bool)) {
    return Value::integer(value.asInt());
  } else if (!value.is(Value::Float)) {
    return fallback;
  }
  return std::fabs(number) < 9.2e18
             ? Value::integer(static_cast<int64_t>(number))
             : fallback;
}

Value Machine::toFloat(const Value &value, Given given) {
  if (value.isUndefined())
    return typeError("", value);
  int64_t whole = 0;
  double number = value.asDouble();
  if (value.isNumber() || (value.is(Value::String) &&
                           parseNumber(value.text(), 10, true, whole, number)))
    return Value::real(number);
  return given.empty() || given[0].isUndefined() ? Value::real(0) : given[0];
}

static std::string escapeHtml(std::string_view text) {
  std::string out;
  for (char c : text)
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '\'':
      out += "&#39;";
      break;
    case '"':
      out += "&#34;";
      break;
    default:
      out += c;
    }
  return out;
}

static int64_t countWords(std::string_view text) {
  int64_t count = 0;
  bool inWord = false;
  for (const std::string &c : splitCharacters(text)) {
    const bool part = c == "_" || isAll(c, Class::LetterOrDigit);
    count += part && !inWord;
    inWord = part;
  }
  return count;
}

Value Machine::filter(int which, const Value &value, Given given,
                      uint32_t inner) {
  if (!charge(1 + value.text().size() / 16))
    return {};
  switch (which) {
  case BITNET_TEMPLATE_FILTER_ABS:
    if (!value.isNumber())
      return typeError("bad operand type for abs():", value);
    return value.is(Value::Float) ? Value::real(std::fabs(value.asDouble()))
           : value.asInt() < 0    ? arithmetic(BITNET_TEMPLATE_BINARY_SUBTRACT,
                                               Value::integer(0), value)
                                  : Value::integer(value.asInt());
  case BITNET_TEMPLATE_FILTER_ATTR:
    return attribute(value, textOf(at(given, 0)));
  case BITNET_TEMPLATE_FILTER_BATCH:
    return batchItems(value, given);
  case BITNET_TEMPLATE_FILTER_CAPITALIZE:
    return makeString(capitalize(textOf(value)));
  case BITNET_TEMPLATE_FILTER_CENTER: {
    std::string text = textOf(value);
    const int64_t width = has(given, 0) ? toIndex(given[0]) : 80;
    if (width > kMaxWidth)
      return fail("a width of " + std::to_string(width) + " is too wide");
    const int64_t room = width - countCharacters(text);
    if (room <= 0)
      return makeString(std::move(text));
    // Python's choice of the side that gets the odd one.
    const auto left = static_cast<size_t>(room / 2 + (room & width & 1));
    return makeString(std::string(left, ' ') + text +
                      std::string(static_cast<size_t>(room) - left, ' '));
  }
  case BITNET_TEMPLATE_FILTER_COUNT:
  case BITNET_TEMPLATE_FILTER_LENGTH:
    if (value.isUndefined())
      return Value::integer(0);
    if (value.is(Value::String))
      return Value::integer(countCharacters(value.text()));
    if (value.isSequence() || value.is(Value::Dict) || value.is(Value::Loop))
      return Value::integer(static_cast<int64_t>(value.items().size()));
    return fail(std::string("object of type '") + typeName(value) +
                "' has no len()");
  case BITNET_TEMPLATE_FILTER_D:
  case BITNET_TEMPLATE_FILTER_DEFAULT:
    if (value.isUndefined() || (truthy(at(given, 1)) && !truthy(value)))
      return given.empty() ? makeString("") : given[0];
    return value;
  case BITNET_TEMPLATE_FILTER_DICTSORT:
    return dictSort(value, given);
  case BITNET_TEMPLATE_FILTER_E:
  case BITNET_TEMPLATE_FILTER_ESCAPE:
    return makeString(escapeHtml(textOf(value)));
  case BITNET_TEMPLATE_FILTER_FIRST:
  case BITNET_TEMPLATE_FILTER_LAST: {
    std::vector<Value> items = iterate(value);
    if (failed() || items.empty())
      return Value::undefined("the sequence is empty");
    return which == BITNET_TEMPLATE_FILTER_FIRST ? items.front() : items.back();
  }
  case BITNET_TEMPLATE_FILTER_FLOAT:
    return toFloat(value, given);
  case BITNET_TEMPLATE_FILTER_FORMAT:
    return formatPercent(textOf(value), given);
  case BITNET_TEMPLATE_FILTER_INDENT:
    return indent(value, given);
  case BITNET_TEMPLATE_FILTER_INT:
    return toInteger(value, given);
  case BITNET_TEMPLATE_FILTER_ITEMS:
    if (value.isUndefined())
      return makeList({});
    if (!value.is(Value::Dict))
      return fail("Can only get item pairs from a mapping.");
    return callMethod(BITNET_TEMPLATE_METHOD_ITEMS, value, {});
  case BITNET_TEMPLATE_FILTER_JOIN:
    return joinItems(value, given);
  case BITNET_TEMPLATE_FILTER_LIST:
    return makeList(iterate(value));
  case BITNET_TEMPLATE_FILTER_LOWER:
    return makeString(lower(textOf(value)));
  case BITNET_TEMPLATE_FILTER_MAP:
  case BITNET_TEMPLATE_FILTER_MAP_ATTRIBUTE:
    return mapItems(which, value, given, inner);
  case BITNET_TEMPLATE_FILTER_MAX:
    return extreme(value, given, 1);
  case BITNET_TEMPLATE_FILTER_MIN:
    return extreme(value, given, -1);
  case BITNET_TEMPLATE_FILTER_REJECT:
  case BITNET_TEMPLATE_FILTER_REJECTATTR:
  case BITNET_TEMPLATE_FILTER_SELECT:
  case BITNET_TEMPLATE_FILTER_SELECTATTR:
    return selectItems(which, value, given, inner);
  case BITNET_TEMPLATE_FILTER_REPLACE: {
    if (given.size() < 2)
      return fail("replace needs what to replace and by what");
    const Value from = makeString(textOf(at(given, 0)));
    const Value to = makeString(textOf(at(given, 1)));
    const Value both[] = {from, to, has(given, 2) ? given[2] : missing};
    return failed() ? Value()
                    : callStringMethod(BITNET_TEMPLATE_METHOD_REPLACE,
                                       textOf(value), both);
  }
  case BITNET_TEMPLATE_FILTER_REVERSE: {
    std::vector<Value> items = iterate(value);
    std::reverse(items.begin(), items.end());
    if (!value.is(Value::String))
      return makeList(std::move(items));
    std::string text;
    for (const Value &character : items)
      text += character.text();
    return makeString(std::move(text));
  }
  case BITNET_TEMPLATE_FILTER_ROUND:
    return roundNumber(value, given);
  case BITNET_TEMPLATE_FILTER_SAFE:
  case BITNET_TEMPLATE_FILTER_STRING:
    return makeString(textOf(value));
  case BITNET_TEMPLATE_FILTER_SORT:
    return sortItems(value, truthy(at(given, 0)), truthy(at(given, 1)),
                     has(given, 2) ? &given[2] : nullptr);
  case BITNET_TEMPLATE_FILTER_SUM:
    return sumItems(value, given);
  case BITNET_TEMPLATE_FILTER_TITLE:
    return makeString(titleWords(textOf(value)));
  case BITNET_TEMPLATE_FILTER_TOJSON:
    return tojson(value, given);
  case BITNET_TEMPLATE_FILTER_TRIM: {
    const std::string text = textOf(value);
    return makeString(std::string(
        strip(text, Side::Both, has(given, 0) ? &given[0].text() : nullptr)));
  }
  case BITNET_TEMPLATE_FILTER_UNIQUE:
    return uniqueItems(value, given);
  case BITNET_TEMPLATE_FILTER_UPPER:
    return makeString(upper(textOf(value)));
  case BITNET_TEMPLATE_FILTER_WORDCOUNT:
    return Value::integer(countWords(textOf(value)));
  }
  return fail("unknown filter");
}

bool Machine::test(int which, const Value &value, Given given) {
  const Value &other = at(given, 0);
  auto rest = [&](int64_t by) {
    Value result =
        binary(BITNET_TEMPLATE_BINARY_MODULO, value, Value::integer(by));
    return failed() ? -1 : result.asInt();
  };
  switch (which) {
  case BITNET_TEMPLATE_TEST_BOOLEAN:
    return value.is(Value::Bool);
  case BITNET_TEMPLATE_TEST_CALLABLE:
    return value.is(Value::Function) || value.isUndefined();
  case BITNET_TEMPLATE_TEST_DEFINED:
    return !value.isUndefined();
  case BITNET_TEMPLATE_TEST_UNDEFINED:
    return value.isUndefined();
  case BITNET_TEMPLATE_TEST_DIVISIBLEBY:
    return rest(toIndex(other)) == 0;
  case BITNET_TEMPLATE_TEST_EVEN:
    return rest(2) == 0;
  case BITNET_TEMPLATE_TEST_ODD:
    return rest(2) == 1;
  case BITNET_TEMPLATE_TEST_EQ:
  case BITNET_TEMPLATE_TEST_EQUALTO:
  case BITNET_TEMPLATE_TEST_EQ_SIGN:
    return compare(BITNET_TEMPLATE_COMPARE_EQ, value, other);
  case BITNET_TEMPLATE_TEST_NE:
  case BITNET_TEMPLATE_TEST_NE_SIGN:
    return compare(BITNET_TEMPLATE_COMPARE_NE, value, other);
  case BITNET_TEMPLATE_TEST_GE:
  case BITNET_TEMPLATE_TEST_GE_SIGN:
    return compare(BITNET_TEMPLATE_COMPARE_GE, value, other);
  case BITNET_TEMPLATE_TEST_GT:
  case BITNET_TEMPLATE_TEST_GT_SIGN:
  case BITNET_TEMPLATE_TEST_GREATERTHAN:
    return compare(BITNET_TEMPLATE_COMPARE_GT, value, other);
  case BITNET_TEMPLATE_TEST_LE:
  case BITNET_TEMPLATE_TEST_LE_SIGN:
    return compare(BITNET_TEMPLATE_COMPARE_LE, value, other);
  case BITNET_TEMPLATE_TEST_LT:
  case BITNET_TEMPLATE_TEST_LT_SIGN:
  case BITNET_TEMPLATE_TEST_LESSTHAN:
    return compare(BITNET_TEMPLATE_COMPARE_LT, value, other);
  case BITNET_TEMPLATE_TEST_IN:
    return contains(other, value);
  case BITNET_TEMPLATE_TEST_FALSE:
    return value.is(Value::Bool) && !value.asInt();
  case BITNET_TEMPLATE_TEST_TRUE:
    return value.is(Value::Bool) && value.asInt();
  case BITNET_TEMPLATE_TEST_FLOAT:
    return value.is(Value::Float);
  case BITNET_TEMPLATE_TEST_INTEGER:
    return value.is(Value::Int);
  case BITNET_TEMPLATE_TEST_NUMBER:
    return value.isNumber();
  case BITNET_TEMPLATE_TEST_ITERABLE:
    return value.isUndefined() || value.is(Value::String) ||
           value.isSequence() || value.is(Value::Dict) || value.is(Value::Loop);
  case BITNET_TEMPLATE_TEST_SEQUENCE:
    return value.isUndefined() || value.is(Value::String) ||
           value.isSequence() || value.is(Value::Dict);
  case BITNET_TEMPLATE_TEST_MAPPING:
    return value.is(Value::Dict);
  case BITNET_TEMPLATE_TEST_STRING:
    return value.is(Value::String);
  case BITNET_TEMPLATE_TEST_NONE:
    return value.is(Value::None);
  case BITNET_TEMPLATE_TEST_LOWER:
    return isAll(textOf(value), Class::Lower);
  case BITNET_TEMPLATE_TEST_UPPER:
    return isAll(textOf(value), Class::Upper);
  case BITNET_TEMPLATE_TEST_SAMEAS:
    return value.kind() == other.kind() &&
           (value.isSequence() || value.is(Value::Dict)
                ? value.identity() == other.identity()
                : compare(BITNET_TEMPLATE_COMPARE_EQ, value, other));
  }
  fail("unknown test");
  return false;
}

} // namespace bitnet::chat
