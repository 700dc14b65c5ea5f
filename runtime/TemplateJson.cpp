//===- TemplateJson.cpp - JSON to values of templates and back ------------===//

#include "runtime/TemplateValue.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace bitnet::chat {

namespace {
/// Builds values while nlohmann's parser reads; it knows no depth itself.
class Reader : public nlohmann::json_sax<nlohmann::json> {
public:
  bool null() override { return add(Value::none()); }
  bool boolean(bool b) override { return add(Value::boolean(b)); }
  bool number_integer(number_integer_t i) override {
    return add(Value::integer(i));
  }
  bool number_unsigned(number_unsigned_t u) override {
    return add(u <= INT64_MAX ? Value::integer(static_cast<int64_t>(u))
                              : Value::real(static_cast<double>(u)));
  }
  bool number_float(number_float_t d, const string_t &) override {
    return add(Value::real(d));
  }
  bool string(string_t &text) override {
    return add(Value::string(std::move(text)));
  }
  bool binary(binary_t &) override { return false; }
  bool start_object(size_t) override { return begin(Value::dict()); }
  bool start_array(size_t) override { return begin(Value::list({})); }
  bool key(string_t &text) override {
    open.back().key = std::move(text);
    return true;
  }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    error = "broken JSON at byte " + std::to_string(position);
    return false;
  }

  Value result;
  std::string error;

private:
  /// An object that is being read. Values search their keys one by one, which
  /// for an object of many keys from a stranger would take for ever.
  struct Open {
    Value value;
    std::string key;
    std::unordered_map<std::string, size_t> places;
  };

  bool begin(Value value) {
    if (open.size() >= kMaxValueDepth / 2) {
      error = "the JSON is nested too deeply";
      return false;
    }
    open.push_back({std::move(value), {}, {}});
    return true;
  }
  bool end() {
    Value value = std::move(open.back().value);
    open.pop_back();
    return add(std::move(value));
  }
  bool add(Value value) {
    if (++values > kMaxJsonValues) {
      error = "the JSON has more than " + std::to_string(kMaxJsonValues) +
              " values";
      return false;
    }
    if (open.empty()) {
      result = std::move(value);
      return true;
    }
    Open &last = open.back();
    Object &parent = last.value.object();
    holds(parent, value);
    if (!last.value.is(Value::Dict)) {
      parent.items.push_back(std::move(value));
      return true;
    }
    auto [place, isNew] = last.places.try_emplace(last.key, last.places.size());
    if (!isNew) {
      parent.values[place->second] = std::move(value);
      return true;
    }
    Value key = Value::string(std::move(last.key));
    holds(parent, key);
    parent.items.push_back(std::move(key));
    parent.values.push_back(std::move(value));
    return true;
  }

  std::vector<Open> open;
  uint64_t values = 0;
};

class Writer {
public:
  Writer(const JsonStyle &style, std::string &out) : style(style), out(out) {}

  bool write(const Value &value, unsigned level) {
    switch (value.kind()) {
    case Value::None:
      out += "null";
      return true;
    case Value::Bool:
      out += value.asInt() ? "true" : "false";
      return true;
    case Value::Int:
      out += std::to_string(value.asInt());
      return true;
    case Value::Float: {
      const double d = value.asDouble();
      out += std::isfinite(d) ? floatText(d)
             : std::isnan(d)  ? "NaN"
             : d > 0          ? "Infinity"
                              : "-Infinity";
      return true;
    }
    case Value::String:
      quote(value.text());
      return true;
    case Value::List:
    case Value::Tuple:
    case Value::Dict:
      return writeItems(value, level);
    default:
      error = std::string("Object of type ") + typeName(value) +
              " is not JSON serializable";
      return false;
    }
  }

  std::string error;

private:
  void newLine(unsigned level) {
    if (!style.pretty)
      return;
    out += '\n';
    for (unsigned i = 0; i < level; ++i)
      out += style.indent;
  }

  bool writeItems(const Value &value, unsigned level) {
    const bool isDict = value.is(Value::Dict);
    const auto &items = value.items();
    out += isDict ? '{' : '[';
    const std::vector<size_t> places =
        sortedPlaces(items.size(), [&](size_t a, size_t b) {
          int result = 0;
          return isDict && style.sortKeys &&
                 order(items[a], items[b], result) && result < 0;
        });
    for (size_t i = 0; i < places.size(); ++i) {
      if (i)
        out += style.itemSeparator;
      newLine(level + 1);
      const Value &item = items[places[i]];
      if (!isDict) {
        if (!write(item, level + 1))
          return false;
        continue;
      }
      if (!writeKey(item))
        return false;
      out += style.keySeparator;
      if (!write(value.object().values[places[i]], level + 1))
        return false;
    }
    if (!items.empty())
      newLine(level);
    out += isDict ? '}' : ']';
    return true;
  }

  bool writeKey(const Value &key) {
    if (key.is(Value::String)) {
      quote(key.text());
      return true;
    }
    if (key.is(Value::None) || key.isNumber()) {
      out += '"';
      write(key, 0);
      out += '"';
      return true;
    }
    error = std::string("keys must be str, int, float, bool or None, not ") +
            typeName(key);
    return false;
  }

  void quote(std::string_view text) {
    out += '"';
    while (!text.empty()) {
      Utf8Char c = decodeUtf8(text);
      unsigned code = static_cast<unsigned>(c.codePoint);
      static constexpr std::string_view special = "\"\\\n\r\t\b\f";
      static constexpr std::string_view letters = "\"\\nrtbf";
      char buffer[16];
      const size_t known =
          code < 0x80 ? special.find(static_cast<char>(code)) : special.npos;
      if (known != special.npos) {
        out += '\\';
        out += letters[known];
      } else if (code < 0x20 ||
                 (style.ascii && code >= 0x7F && code < 0x10000)) {
        snprintf(buffer, sizeof(buffer), "\\u%04x", code);
        out += buffer;
      } else if (style.ascii && code >= 0x10000) {
        code -= 0x10000;
        snprintf(buffer, sizeof(buffer), "\\u%04x\\u%04x",
                 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
        out += buffer;
      } else {
        out += text.substr(0, c.length);
      }
      text.remove_prefix(c.length);
    }
    out += '"';
  }

  const JsonStyle &style;
  std::string &out;
};
} // namespace

bool toJson(const Value &value, const JsonStyle &style, std::string &out,
            std::string *error) {
  Writer writer(style, out);
  const bool good = writer.write(value, 0);
  *error = writer.error;
  return good;
}

bool fromJson(std::string_view text, Value &value, std::string *error) {
  Reader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) {
    *error = reader.error.empty() ? "broken JSON" : reader.error;
    return false;
  }
  value = std::move(reader.result);
  return true;
}

} // namespace bitnet::chat
