//===- CheckedJson.h - JSON of strangers ------------------------*- C++ -*-===//
//
// nlohmann's parser with two checks more: how deep values are nested, since
// copies, comparisons and printing recurse, and that no object has a key twice,
// since which one counts depends on who reads. Its own way to look at a
// document while it is read, a callback, takes quadratic time in the number of
// objects, so the text is read twice, first for the checks alone.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_CHECKEDJSON_H
#define BITNETC_COMPILER_TOKENIZER_CHECKEDJSON_H

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace bitnetc {

struct JsonTooDeep {};
struct JsonKeyTwice {
  std::string key;
};

/// Throws JsonTooDeep and JsonKeyTwice; leaves syntax to the second reading.
class JsonChecks : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit JsonChecks(size_t maxDepth) : maxDepth(maxDepth) {}

  bool start_object(size_t) override {
    keys.emplace_back();
    return enter();
  }
  bool key(std::string &key) override {
    if (!keys.back().insert(key).second)
      throw JsonKeyTwice{key};
    return true;
  }
  bool end_object() override {
    keys.pop_back();
    return leave();
  }
  bool start_array(size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string &) override { return true; }
  bool string(std::string &) override { return true; }
  bool binary(nlohmann::json::binary_t &) override { return true; }
  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return false;
  }

private:
  bool enter() {
    if (++depth > maxDepth)
      throw JsonTooDeep();
    return true;
  }
  bool leave() {
    --depth;
    return true;
  }

  size_t depth = 0, maxDepth;
  std::vector<std::unordered_set<std::string>> keys; ///< Of open objects.
};

/// Throws nlohmann's exceptions and the two above.
inline nlohmann::json parseChecked(std::string_view text, size_t maxDepth) {
  JsonChecks checks(maxDepth);
  nlohmann::json::sax_parse(text.begin(), text.end(), &checks);
  return nlohmann::json::parse(text.begin(), text.end());
}

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_CHECKEDJSON_H
