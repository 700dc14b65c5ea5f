//===- TemplateMethods.cpp - Methods of values in chat templates ----------===//

#include "runtime/TemplateMachine.h"
#include "runtime/TemplateText.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace bitnet::chat {

namespace {
enum Types { OfString = 1, OfList = 2, OfTuple = 4, OfDict = 8, OfLoop = 16 };
const Value missing;
const Value &at(std::span<const Value> given, size_t index) {
  return index < given.size() ? given[index] : missing;
}
} // namespace

static constexpr std::string_view names[] = {
#define X(id, name, parameters) name,
    BITNET_TEMPLATE_METHODS(X)
#undef X
};

bool Machine::hasMethod(const Value &object, int method) {
  unsigned types = OfString;
  switch (method) {
  case BITNET_TEMPLATE_METHOD_COUNT:
  case BITNET_TEMPLATE_METHOD_INDEX:
    types = OfString | OfList | OfTuple;
    break;
  case BITNET_TEMPLATE_METHOD_GET:
  case BITNET_TEMPLATE_METHOD_ITEMS:
  case BITNET_TEMPLATE_METHOD_KEYS:
  case BITNET_TEMPLATE_METHOD_VALUES:
    types = OfDict;
    break;
  case BITNET_TEMPLATE_METHOD_COPY:
    types = OfDict | OfList;
    break;
  case BITNET_TEMPLATE_METHOD_CYCLE:
  case BITNET_TEMPLATE_METHOD_CHANGED:
    types = OfLoop;
    break;
  }
  switch (object.kind()) {
  case Value::String:
    return types & OfString;
  case Value::List:
    return types & OfList;
  case Value::Tuple:
    return types & OfTuple;
  case Value::Dict:
    return types & OfDict;
  case Value::Loop:
    return types & OfLoop;
  default:
    return false;
  }
}

int Machine::findMethod(const Value &object, std::string_view name) {
  for (int i = 0; i < static_cast<int>(std::size(names)); ++i)
    if (names[i] == name)
      return hasMethod(object, i) ? i : -1;
  return -1;
}

Value Machine::callMethod(int method, const Value &object, Given given) {
  if (!charge(1 + object.text().size() / 16 + object.items().size()))
    return {};
  if (object.is(Value::String))
    return callStringMethod(method, object.text(), given);
  const auto &items = object.items();
  switch (method) {
  case BITNET_TEMPLATE_METHOD_GET: {
    const Value *found = object.find(at(given, 0));
    return found ? *found : given.size() > 1 ? given[1] : Value::none();
  }
  case BITNET_TEMPLATE_METHOD_ITEMS: {
    std::vector<Value> pairs;
    for (size_t i = 0; i < items.size(); ++i)
      pairs.push_back(Value::pair(items[i], object.object().values[i]));
    return makeList(std::move(pairs));
  }
  case BITNET_TEMPLATE_METHOD_KEYS:
    return makeList(items);
  case BITNET_TEMPLATE_METHOD_VALUES:
    return makeList(object.object().values);
  case BITNET_TEMPLATE_METHOD_COPY:
    return object;
  case BITNET_TEMPLATE_METHOD_COUNT:
  case BITNET_TEMPLATE_METHOD_INDEX: {
    int64_t count = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      if (!charge(weightOf(items[i])))
        return {};
      if (!equal(items[i], at(given, 0)))
        continue;
      if (method == BITNET_TEMPLATE_METHOD_INDEX)
        return Value::integer(static_cast<int64_t>(i));
      ++count;
    }
    return method == BITNET_TEMPLATE_METHOD_COUNT
               ? Value::integer(count)
               : fail("the value is not in the list");
  }
  case BITNET_TEMPLATE_METHOD_CYCLE:
    if (given.empty())
      return fail("no items for cycling given");
    return given[static_cast<size_t>(object.object().position) % given.size()];
  case BITNET_TEMPLATE_METHOD_CHANGED: {
    // The values of the last call are kept beside the items.
    std::vector<Value> now(given.begin(), given.end());
    auto &before = object.object().values;
    const bool first = before.empty();
    Value seen = makeList(std::move(now));
    if (!first && compare(BITNET_TEMPLATE_COMPARE_EQ, before[0], seen))
      return Value::boolean(false);
    if (first)
      namespaces.push_back(object); // It may now hold itself.
    before.assign(1, seen);
    return Value::boolean(true);
  }
  }
  return fail("this method is not supported here");
}

Value Machine::callStringMethod(int method, const std::string &text,
                                Given given) {
  auto wantsText = [&](size_t index) -> const std::string & {
    const Value &value = at(given, index);
    if (!value.is(Value::String))
      typeError("a string method needs a string, not", value);
    return value.text();
  };
  auto optionalText = [&](size_t index) -> const std::string * {
    const Value &value = at(given, index);
    return value.isUndefined() || value.is(Value::None) ? nullptr
                                                        : &wantsText(index);
  };
  auto number = [&](size_t index, int64_t otherwise) {
    const Value &value = at(given, index);
    return value.isUndefined() || value.is(Value::None) ? otherwise
                                                        : toIndex(value);
  };
  auto texts = [&](std::vector<std::string> parts) {
    std::vector<Value> values;
    for (std::string &part : parts)
      values.push_back(Value::string(std::move(part)));
    return failed() ? Value() : makeList(std::move(values));
  };
  auto stripped = [&](Side side) {
    const std::string *characters = optionalText(0);
    return failed() ? Value()
                    : makeString(std::string(strip(text, side, characters)));
  };
  // The part of the text that start and end leave, and where it begins.
  auto part = [&](int64_t &begin) {
    const int64_t count = countCharacters(text);
    auto bound = [&](int64_t i) {
      return std::clamp<int64_t>(i < 0 ? i + count : i, 0, count);
    };
    begin = number(1, 0);
    const bool past = begin > count;
    begin = bound(begin);
    const int64_t end = bound(number(2, count));
    if (past || end < begin) {
      begin = -1;
      return std::string_view();
    }
    const size_t first = byteOf(text, begin);
    return std::string_view(text).substr(first, byteOf(text, end) - first);
  };
  switch (method) {
  case BITNET_TEMPLATE_METHOD_CAPITALIZE:
    return makeString(capitalize(text));
  case BITNET_TEMPLATE_METHOD_COUNT: {
    const std::string &wanted = wantsText(0);
    if (wanted.empty())
      return Value::integer(countCharacters(text) + 1);
    int64_t count = 0;
    for (size_t i = text.find(wanted); i != std::string::npos;
         i = text.find(wanted, i + wanted.size()))
      ++count;
    return Value::integer(count);
  }
  case BITNET_TEMPLATE_METHOD_STARTSWITH:
  case BITNET_TEMPLATE_METHOD_ENDSWITH: {
    int64_t begin = 0;
    const std::string_view looked = part(begin);
    auto fits = [&](const Value &value) {
      if (!value.is(Value::String)) {
        typeError("startswith and endswith need a string, not", value);
        return false;
      }
      return begin >= 0 && (method == BITNET_TEMPLATE_METHOD_STARTSWITH
                                ? looked.starts_with(value.text())
                                : looked.ends_with(value.text()));
    };
    if (!at(given, 0).is(Value::Tuple))
      return Value::boolean(fits(at(given, 0)));
    const auto &any = given[0].items();
    return Value::boolean(std::any_of(any.begin(), any.end(), fits));
  }
  case BITNET_TEMPLATE_METHOD_FIND:
  case BITNET_TEMPLATE_METHOD_INDEX:
  case BITNET_TEMPLATE_METHOD_RFIND: {
    int64_t begin = 0;
    const std::string_view looked = part(begin);
    const std::string &wanted = wantsText(0);
    const size_t place = begin < 0 ? std::string_view::npos
                         : method == BITNET_TEMPLATE_METHOD_RFIND
                             ? looked.rfind(wanted)
                             : looked.find(wanted);
    if (place == std::string_view::npos)
      return method == BITNET_TEMPLATE_METHOD_INDEX
                 ? fail("substring not found")
                 : Value::integer(-1);
    return Value::integer(begin + countCharacters(looked.substr(0, place)));
  }
  case BITNET_TEMPLATE_METHOD_FORMAT:
    return formatBraces(text, given);
  case BITNET_TEMPLATE_METHOD_ISALNUM:
    return Value::boolean(isAll(text, Class::LetterOrDigit));
  case BITNET_TEMPLATE_METHOD_ISALPHA:
    return Value::boolean(isAll(text, Class::Letter));
  case BITNET_TEMPLATE_METHOD_ISDIGIT:
    return Value::boolean(isAll(text, Class::Digit));
  case BITNET_TEMPLATE_METHOD_ISLOWER:
    return Value::boolean(isAll(text, Class::Lower));
  case BITNET_TEMPLATE_METHOD_ISSPACE:
    return Value::boolean(isAll(text, Class::Space));
  case BITNET_TEMPLATE_METHOD_ISUPPER:
    return Value::boolean(isAll(text, Class::Upper));
  case BITNET_TEMPLATE_METHOD_JOIN: {
    std::string joined;
    bool first = true;
    for (const Value &value : iterate(at(given, 0))) {
      if (!value.is(Value::String))
        return typeError("join needs strings, not", value);
      joined += (first ? "" : text) + value.text();
      first = false;
      if (joined.size() > options.maxOutput)
        break;
    }
    return makeString(std::move(joined));
  }
  case BITNET_TEMPLATE_METHOD_LOWER:
    return makeString(lower(text));
  case BITNET_TEMPLATE_METHOD_LSTRIP:
    return stripped(Side::Left);
  case BITNET_TEMPLATE_METHOD_RSTRIP:
    return stripped(Side::Right);
  case BITNET_TEMPLATE_METHOD_STRIP:
    return stripped(Side::Both);
  case BITNET_TEMPLATE_METHOD_REMOVEPREFIX: {
    const std::string &prefix = wantsText(0);
    return makeString(text.starts_with(prefix) ? text.substr(prefix.size())
                                               : text);
  }
  case BITNET_TEMPLATE_METHOD_REMOVESUFFIX: {
    const std::string &suffix = wantsText(0);
    return makeString(text.ends_with(suffix)
                          ? text.substr(0, text.size() - suffix.size())
                          : text);
  }
  case BITNET_TEMPLATE_METHOD_REPLACE: {
    const std::string &from = wantsText(0), &to = wantsText(1);
    // What would grow beyond the limit is refused before it does.
    const uint64_t most =
        from.empty() ? text.size() + 1 : text.size() / from.size();
    if (to.size() && most > (options.maxOutput + (1 << 20)) / to.size())
      return fail("a text grows too long");
    return makeString(replaceAll(text, from, to, number(2, -1)));
  }
  case BITNET_TEMPLATE_METHOD_SPLIT:
  case BITNET_TEMPLATE_METHOD_RSPLIT: {
    const std::string *separator = optionalText(0);
    if (separator && separator->empty())
      return fail("empty separator");
    return texts((method == BITNET_TEMPLATE_METHOD_SPLIT
                      ? split
                      : splitFromRight)(text, separator, number(1, -1)));
  }
  case BITNET_TEMPLATE_METHOD_SPLITLINES:
    return texts(splitLines(text, truthy(at(given, 0))));
  case BITNET_TEMPLATE_METHOD_SWAPCASE:
    return makeString(swapCase(text));
  case BITNET_TEMPLATE_METHOD_TITLE:
    return makeString(title(text));
  case BITNET_TEMPLATE_METHOD_UPPER:
    return makeString(upper(text));
  }
  return fail("this method of strings is not supported");
}

/// Python's %: the conversions that texts need.
Value Machine::formatPercent(const std::string &format, Given given) {
  std::string text;
  size_t next = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    size_t end = format.find_first_not_of("-+ #0123456789.", i + 1);
    if (end == std::string::npos)
      return fail("incomplete format");
    const std::string flags = format.substr(i + 1, end - i - 1);
    const char kind = format[end];
    i = end;
    if (kind == '%') {
      text += '%';
      continue;
    }
    if (flags.size() > 6)
      return fail("a format with such widths is not supported");
    if (next == given.size())
      return fail("not enough arguments for format string");
    const Value &value = given[next++];
    char buffer[1200];
    if (kind == 's' || kind == 'r') {
      if (!flags.empty())
        return fail("a width for strings is not supported in formats");
      text += kind == 's'               ? textOf(value)
              : charge(weightOf(value)) ? toRepr(value)
                                        : "";
    } else if (std::string_view("diouxX").find(kind) != std::string::npos &&
               value.isNumber()) {
      const std::string spec = "%" + flags + "ll" + (kind == 'u' ? 'd' : kind);
      if (value.asInt() < 0 &&
          std::string_view("oxX").find(kind) != std::string::npos)
        return fail("a negative number in this format is not supported");
      if (value.is(Value::Float) && !(std::fabs(value.asDouble()) < 0x1p63))
        return fail("a number of more than 64 bits in this format is not "
                    "supported");
      snprintf(buffer, sizeof(buffer), spec.c_str(),
               value.is(Value::Float) ? static_cast<long long>(value.asDouble())
                                      : static_cast<long long>(value.asInt()));
      text += buffer;
    } else if (std::string_view("eEfFgG").find(kind) != std::string::npos &&
               value.isNumber()) {
      snprintf(buffer, sizeof(buffer), ("%" + flags + kind).c_str(),
               value.asDouble());
      text += buffer;
    } else {
      return fail(std::string("the format '%") + kind +
                  "' does not fit a value"
                  " of type '" +
                  typeName(value) + "'");
    }
    if (failed() || text.size() > options.maxOutput)
      break;
  }
  if (next < given.size() && !failed())
    return fail("not all arguments converted during string formatting");
  return makeString(std::move(text));
}

/// str.format with {} and {0}.
Value Machine::formatBraces(const std::string &format, Given given) {
  std::string text;
  size_t next = 0;
  for (size_t i = 0; i < format.size() && !failed(); ++i) {
    const char c = format[i];
    if ((c == '{' || c == '}') && i + 1 < format.size() && format[i + 1] == c) {
      text += c;
      ++i;
    } else if (c == '{') {
      const size_t end = format.find('}', i);
      if (end == std::string::npos)
        return fail("expected '}' before end of string");
      const std::string field = format.substr(i + 1, end - i - 1);
      if (field.find_first_not_of("0123456789") != std::string::npos ||
          field.size() > 4)
        return fail("the format '{" + field + "}' is not supported");
      const size_t index =
          field.empty() ? next++ : static_cast<size_t>(atoi(field.c_str()));
      if (index >= given.size())
        return fail("Replacement index " + std::to_string(index) +
                    " out of range for positional args tuple");
      text += textOf(given[index]);
      i = end;
    } else if (c == '}') {
      return fail("Single '}' encountered in format string");
    } else {
      text += c;
    }
    if (text.size() > options.maxOutput)
      break;
  }
  return makeString(std::move(text));
}

} // namespace bitnet::chat
