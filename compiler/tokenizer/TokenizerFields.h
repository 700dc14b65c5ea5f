//===- TokenizerFields.h - Checked fields of tokenizer.json -----*- C++ -*-===//
//
// A field that is missing or of another type is an error of ours that names it
// with its path, instead of what the JSON library says.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_TOKENIZERFIELDS_H
#define BITNETC_COMPILER_TOKENIZER_TOKENIZERFIELDS_H

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace bitnetc {

using Json = nlohmann::json;

/// Thrown by the readers of JSON files only, which turn it into their error.
struct Unsupported : std::runtime_error {
  using runtime_error::runtime_error;
};

/// "model.vocab"
inline std::string fieldPath(const std::string &where, const char *name) {
  return where.empty() ? name : where + "." + name;
}

/// `value` as a T; `path` names it in errors.
template <typename T> T as(const Json &value, const std::string &path) {
  const char *wanted = nullptr;
  if constexpr (std::is_same_v<T, std::string>)
    wanted = value.is_string() ? nullptr : "a string";
  else if constexpr (std::is_same_v<T, bool>)
    wanted = value.is_boolean() ? nullptr : "true or false";
  else if constexpr (std::is_same_v<T, int>)
    wanted = value.is_number_integer() && value == int64_t(value.get<T>())
                 ? nullptr
                 : "an integer of 32 bits";
  else
    wanted = value.is_number() ? nullptr : "a number";
  if (wanted)
    throw Unsupported("field \"" + path + "\" is not " + wanted);
  return value.get<T>();
}

/// A field that has to be there.
inline const Json &need(const Json &object, const char *name,
                        const std::string &where) {
  if (!object.is_object())
    throw Unsupported(where.empty()
                          ? "it is not a JSON object"
                          : "field \"" + where + "\" is not an object");
  auto found = object.find(name);
  if (found == object.end())
    throw Unsupported("field \"" + fieldPath(where, name) + "\" is missing");
  return *found;
}
template <typename T>
T need(const Json &object, const char *name, const std::string &where) {
  return as<T>(need(object, name, where), fieldPath(where, name));
}
inline const Json &needArray(const Json &object, const char *name,
                             const std::string &where) {
  const Json &value = need(object, name, where);
  if (!value.is_array())
    throw Unsupported("field \"" + fieldPath(where, name) +
                      "\" is not an array");
  return value;
}

/// A field that may be missing or null.
template <typename T>
T get(const Json &object, const char *name, T otherwise,
      const std::string &where) {
  if (!object.is_object())
    throw Unsupported("field \"" + where + "\" is not an object");
  auto found = object.find(name);
  if (found == object.end() || found->is_null())
    return otherwise;
  return as<T>(*found, fieldPath(where, name));
}

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_TOKENIZERFIELDS_H
