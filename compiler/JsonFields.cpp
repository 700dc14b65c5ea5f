//===- JsonFields.cpp - Checked access to JSON documents ------------------===//
//
// See JsonFields.h. The JSON library throws; nothing leaves this file as an
// exception, and values are only read after their type was looked at.
//
//===----------------------------------------------------------------------===//
#include "JsonFields.h"
#include "compiler/tokenizer/CheckedJson.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

using namespace llvm;

namespace bitnetc {

Error fileError(StringRef file, const Twine &message) {
  return createStringError(inconvertibleErrorCode(), file + ": " + message);
}

/// Deeper documents are refused: copies, comparisons and printing recurse.
static constexpr int maxDepth = 100;

Expected<Json> parseJson(StringRef text, StringRef file) {
  try {
    return parseChecked({text.data(), text.size()}, maxDepth);
  } catch (const Json::exception &e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    StringRef what = e.what();
    return fileError(file, "not valid JSON: " + what.split("] ").second);
  } catch (const JsonKeyTwice &twice) {
    return fileError(file, "\"" + twice.key + "\" appears twice in one object");
  } catch (JsonTooDeep) {
    return fileError(file, "the JSON is nested deeper than " + Twine(maxDepth) +
                               " levels");
  }
}

Expected<std::string> readTextFile(StringRef file) {
  auto buffer = MemoryBuffer::getFile(file, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fileError(file, "cannot be read: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Expected<Json> readJsonFile(StringRef file) {
  auto text = readTextFile(file);
  if (!text)
    return text.takeError();
  return parseJson(*text, file);
}

/// Shared by a root reader and the readers of its objects.
struct JsonFields::Log {
  std::string file;
  Mode mode = Mode::Strict;
  std::string error;
  std::vector<AcceptedField> accepted;
  std::set<std::string> paths;
  /// Objects that were read, for the search of unknown fields at the end.
  std::vector<std::pair<std::string, const Json *>> objects;

  void accept(const std::string &path, std::vector<std::string> choices = {}) {
    if (paths.insert(path).second)
      accepted.push_back({path, std::move(choices)});
    else if (!choices.empty())
      for (AcceptedField &field : accepted)
        if (field.path == path)
          field.choices = choices;
  }
};

namespace {
const Json emptyObject = Json::object();

/// A value as it may appear in a message: short, whatever it is.
std::string show(const Json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return value.empty() ? "an empty list" : "a list";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60)
    text = text.substr(0, 57) + "...";
  return text;
}
} // namespace

JsonFields::JsonFields(const Json &document, StringRef file, Mode mode)
    : node(&emptyObject), log(std::make_shared<Log>()) {
  log->file = file.str();
  log->mode = mode;
  if (document.is_object())
    node = &document;
  else
    log->error = "expected an object, found " + show(document);
  log->objects.push_back({"", node});
}

JsonFields::JsonFields(const Json *object, std::string prefix,
                       std::shared_ptr<Log> log)
    : node(object), prefix(std::move(prefix)), log(std::move(log)) {}

std::string JsonFields::path(StringRef name) const {
  return prefix + name.str();
}

void JsonFields::fail(StringRef name, const Twine &message) {
  if (log->error.empty())
    log->error = ("field \"" + Twine(path(name)) + "\": " + message).str();
}

void JsonFields::mismatch(StringRef name, const Twine &expected,
                          const Json &found) {
  fail(name, "expected " + expected + ", found " + show(found));
}

bool JsonFields::has(StringRef name) const {
  auto it = node->find(name.str());
  return it != node->end() && !(log->mode != Mode::Strict && it->is_null());
}

const Json *JsonFields::raw(StringRef name) { return find(name, false); }

const Json *JsonFields::find(StringRef name, bool required) {
  log->accept(path(name));
  if (has(name))
    return &*node->find(name.str());
  if (required)
    fail(name, "is missing");
  return nullptr;
}

bool JsonFields::toInteger(const Json &value, int64_t min, int64_t max,
                           int64_t &out) {
  if (value.is_number_unsigned()) {
    uint64_t u = value.get<uint64_t>();
    if (u > uint64_t(INT64_MAX))
      return false;
    out = int64_t(u);
  } else if (value.is_number_integer()) {
    out = value.get<int64_t>();
  } else if (value.is_number_float()) {
    // JSON Schema calls 1.0 an integer; so do we.
    double d = value.get<double>();
    if (!(std::fabs(d) < 9e15) || d != std::floor(d))
      return false;
    out = int64_t(d);
  } else {
    return false;
  }
  return out >= min && out <= max;
}

int64_t JsonFields::integer(StringRef name, int64_t min, int64_t max,
                            std::optional<int64_t> fallback) {
  int64_t result = fallback.value_or(min);
  if (const Json *value = find(name, !fallback)) {
    if (!toInteger(*value, min, max, result)) {
      mismatch(name, "an integer from " + Twine(min) + " to " + Twine(max),
               *value);
      return fallback.value_or(min);
    }
  }
  return result;
}

double JsonFields::number(StringRef name, double min, double max,
                          std::optional<double> fallback) {
  const Json *value = find(name, !fallback);
  if (!value)
    return fallback.value_or(min);
  if (value->is_number()) {
    double d = value->get<double>();
    if (d >= min && d <= max)
      return d;
  }
  mismatch(name,
           "a number from " + Json(min).dump() + " to " + Json(max).dump(),
           *value);
  return fallback.value_or(min);
}

bool JsonFields::boolean(StringRef name, std::optional<bool> fallback) {
  const Json *value = find(name, !fallback);
  if (value && value->is_boolean())
    return value->get<bool>();
  if (value)
    mismatch(name, "true or false", *value);
  return fallback.value_or(false);
}

std::string JsonFields::string(StringRef name,
                               std::optional<std::string> fallback) {
  const Json *value = find(name, !fallback);
  if (value && value->is_string())
    return value->get<std::string>();
  if (value)
    mismatch(name, "a string", *value);
  return fallback.value_or("");
}

std::vector<std::string> JsonFields::strings(StringRef name) {
  std::vector<std::string> result;
  const Json *value = find(name, true);
  if (!value)
    return result;
  if (!value->is_array() || value->empty()) {
    mismatch(name, "a non-empty list of strings", *value);
    return result;
  }
  for (const Json &element : *value) {
    if (!element.is_string()) {
      mismatch(name, "a list of strings", element);
      return {};
    }
    result.push_back(element.get<std::string>());
  }
  return result;
}

std::vector<int64_t> JsonFields::integers(StringRef name, int64_t min,
                                          int64_t max) {
  std::vector<int64_t> result;
  const Json *value = find(name, false);
  if (!value)
    return result;
  Json single = Json::array({*value});
  for (const Json &element : value->is_array() ? *value : single) {
    int64_t i;
    if (!toInteger(element, min, max, i)) {
      mismatch(name,
               "an integer from " + Twine(min) + " to " + Twine(max) +
                   " or a list of them",
               element);
      return {};
    }
    result.push_back(i);
  }
  return result;
}

std::vector<double> JsonFields::numbers(StringRef name, double min,
                                        double max) {
  const Json *value = find(name, false);
  if (!value)
    return {};
  auto isGood = [&](const Json &element) {
    return element.is_number() && element.get<double>() >= min &&
           element.get<double>() <= max;
  };
  if (value->is_array() && !value->empty() && all_of(*value, isGood))
    return value->get<std::vector<double>>();
  mismatch(name,
           "a list of numbers from " + Json(min).dump() + " to " +
               Json(max).dump(),
           *value);
  return {};
}

JsonFields JsonFields::object(StringRef name, bool required) {
  const Json *value = find(name, required);
  if (value && !value->is_object()) {
    mismatch(name, "an object", *value);
    value = nullptr;
  }
  // An empty object stands in for a missing one. Its required fields would be
  // reported as missing too, but an error about the object itself came first.
  JsonFields result(value ? value : &emptyObject, path(name) + ".", log);
  if (value)
    log->objects.push_back({result.prefix, value});
  return result;
}

int JsonFields::choiceIndex(StringRef name,
                            const std::vector<std::string> &words,
                            bool optional) {
  log->accept(path(name), words);
  const Json *value = find(name, !optional);
  if (!value)
    return -1;
  if (value->is_string())
    for (size_t i = 0; i < words.size(); ++i)
      if (words[i] == value->get_ref<const std::string &>())
        return int(i);
  mismatch(name,
           (words.size() > 1 ? "one of \"" : "\"") + join(words, "\", \"") +
               "\"",
           *value);
  return -1;
}

Error JsonFields::finish() {
  const bool foreign = log->mode == Mode::Foreign;
  if (log->error.empty() && log->mode != Mode::Lenient)
    for (auto &[prefix, object] : log->objects)
      for (auto &item : object->items())
        if (log->error.empty() && !log->paths.count(prefix + item.key()) &&
            !(foreign && item.value().is_null()))
          log->error = foreign
                           ? "field \"" + prefix + item.key() +
                                 "\": is not understood, and could change the "
                                 "model; if you know that it does not, "
                                 "--ignore-field=" +
                                 prefix + item.key()
                           : "unknown field \"" + prefix + item.key() + "\"";
  if (log->error.empty())
    return Error::success();
  return fileError(log->file, log->error);
}

void JsonFields::ignore(ArrayRef<StringRef> names) {
  for (StringRef name : names)
    log->accept(path(name));
}

std::vector<AcceptedField> JsonFields::accepted() const {
  return log->accepted;
}

} // namespace bitnetc
