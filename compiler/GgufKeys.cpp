//===- GgufKeys.cpp - Checked access to the keys of a GGUF file -----------===//

#include "GgufKeys.h"
#include "JsonFields.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;

namespace bitnetc {

GgufKeys::GgufKeys(const gguf::File &file, StringRef path, StringRef prefix)
    : file(file), path(path), prefix(prefix) {}

bool GgufKeys::has(StringRef name) const {
  return file.find(prefix + name.str()) != nullptr;
}

void GgufKeys::fail(StringRef name, const Twine &message) {
  if (error.empty())
    error = ("key \"" + prefix + name + "\": " + message).str();
}

void GgufKeys::mismatch(StringRef name, const Twine &expected,
                        const gguf::Value &found) {
  fail(name, "expected " + expected + ", found " + found.describe());
}

const gguf::Value *GgufKeys::find(StringRef name, bool required) {
  std::string key = prefix + name.str();
  asked.insert(key);
  const gguf::Value *value = file.find(key);
  if (!value && required)
    fail(name, "is missing");
  return value;
}

int64_t GgufKeys::integer(StringRef name, int64_t min, int64_t max,
                          std::optional<int64_t> fallback) {
  const gguf::Value *value = find(name, !fallback);
  if (!value)
    return fallback.value_or(min);
  std::optional<int64_t> number = value->integer();
  if (auto list = value->integers(); list && !list->empty()) {
    number = list->front();
    for (int64_t element : *list)
      if (element != *number) {
        fail(name, "layers of different shapes are not supported yet");
        return *number;
      }
  }
  if (!number || *number < min || *number > max) {
    mismatch(name, "an integer from " + Twine(min) + " to " + Twine(max),
             *value);
    return min;
  }
  return *number;
}

double GgufKeys::number(StringRef name, double min, double max,
                        std::optional<double> fallback) {
  const gguf::Value *value = find(name, !fallback);
  if (!value)
    return fallback.value_or(min);
  std::optional<double> number = value->number();
  if (!number || !(*number >= min && *number <= max)) {
    mismatch(name,
             "a number from " + Twine(std::to_string(min)) + " to " +
                 Twine(std::to_string(max)),
             *value);
    return min;
  }
  return *number;
}

std::string GgufKeys::string(StringRef name,
                             std::optional<std::string> fallback) {
  const gguf::Value *value = find(name, !fallback);
  if (!value)
    return fallback.value_or("");
  if (auto text = value->string())
    return std::string(*text);
  mismatch(name, "a string", *value);
  return "";
}

bool GgufKeys::boolean(StringRef name, bool fallback) {
  const gguf::Value *value = find(name, /*required=*/false);
  if (!value)
    return fallback;
  if (auto flag = value->boolean())
    return *flag;
  mismatch(name, "a bool", *value);
  return fallback;
}

void GgufKeys::ignore(StringRef name) { asked.insert(prefix + name.str()); }

Error GgufKeys::finish() {
  if (!prefix.empty())
    for (const auto &[key, value] : file.keys)
      if (StringRef(key).starts_with(prefix) && !asked.count(std::string(key)))
        fail(StringRef(key).drop_front(prefix.size()),
             "is not understood, and could change the model");
  if (error.empty())
    return Error::success();
  return fileError(path, error);
}

} // namespace bitnetc
