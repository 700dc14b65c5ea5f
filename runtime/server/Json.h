//===- Json.h - Writes JSON, piece by piece ---------------------*- C++ -*-===//
//
// Answers are written as they are made, in the order of their members, without
// a tree: a stream has one for every token. Text that is not UTF-8 becomes
// U+FFFD.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSON_H
#define BITNET_RUNTIME_SERVER_JSON_H

#include "runtime/Cli.h"
#include <concepts>

namespace bitnet::server {

class JsonObject {
public:
  /// `json` is a value already.
  JsonObject &raw(std::string_view name, std::string_view json) {
    out += out.size() > 1 ? ", " : "";
    out += quoteJson(name);
    out += ": ";
    out += json;
    return *this;
  }
  JsonObject &text(std::string_view name, std::string_view value) {
    return raw(name, quoteJson(value));
  }
  JsonObject &boolean(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  JsonObject &null(std::string_view name) { return raw(name, "null"); }
  JsonObject &number(std::string_view name, std::integral auto value) {
    return raw(name, std::to_string(value));
  }
  JsonObject &number(std::string_view name, std::floating_point auto value) {
    return raw(name, jsonNumber(value));
  }
  std::string close() const { return out + "}"; }

private:
  std::string out = "{";
};

class JsonArray {
public:
  JsonArray &raw(std::string_view json) {
    out += out.size() > 1 ? ", " : "";
    out += json;
    return *this;
  }
  JsonArray &text(std::string_view value) { return raw(quoteJson(value)); }
  JsonArray &number(int64_t value) { return raw(std::to_string(value)); }
  bool isEmpty() const { return out.size() == 1; }
  std::string close() const { return out + "]"; }

private:
  std::string out = "[";
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSON_H
