//===- JsonFields.h - Checked access to JSON documents ---------*- C++ -*-===//
//
// Model descriptions come from strangers: every field is read with the type and
// range it must have, and an error names the file, the field, what was expected
// and what was found. The first error sticks, so that readers are plain lists
// of fields without a check after each. The fields asked for are recorded: that
// list *is* what a reader accepts, which gives "unknown field" errors and the
// comparison with the JSON Schema for nothing.
//
// Private to the importers, with the JSON library behind it.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_JSONFIELDS_H
#define BITNETC_COMPILER_JSONFIELDS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bitnetc {

using Json = nlohmann::json;

/// `file`: `message` as an error with no error code of its own.
llvm::Error fileError(llvm::StringRef file, const llvm::Twine &message);

/// Parses `text`; a duplicate key of an object is an error, since readers would
/// disagree on which one counts.
llvm::Expected<Json> parseJson(llvm::StringRef text, llvm::StringRef file);

/// Reads a whole file as JSON.
llvm::Expected<Json> readJsonFile(llvm::StringRef file);

/// Reads a whole file as text.
llvm::Expected<std::string> readTextFile(llvm::StringRef file);

/// A field that a reader accepts: dotted path, and its words if it is a choice.
struct AcceptedField {
  std::string path;
  std::vector<std::string> choices;
};

/// One word of a choice, as in {"silu", Activation::SiLU}.
template <typename E> struct Choice {
  llvm::StringRef word;
  E value;
};

class JsonFields {
public:
  /// What to do with fields that nobody asked for, and with nulls. Own files
  /// are strict; Hugging Face writes null for "not set", which foreign and
  /// lenient readers take for absent. Only lenient ones let unknown fields be.
  enum class Mode { Strict, Foreign, Lenient };

  JsonFields(const Json &document, llvm::StringRef file, Mode mode);

  /// Present (and, when lenient, not null). Does not accept the field by
  /// itself.
  bool has(llvm::StringRef name) const;
  /// The raw value, or null. Accepts the field.
  const Json *raw(llvm::StringRef name);

  /// Each of these reads one field; without `fallback` it must be there.
  int64_t integer(llvm::StringRef name, int64_t min, int64_t max,
                  std::optional<int64_t> fallback = {});
  double number(llvm::StringRef name, double min, double max,
                std::optional<double> fallback = {});
  bool boolean(llvm::StringRef name, std::optional<bool> fallback = {});
  std::string string(llvm::StringRef name,
                     std::optional<std::string> fallback = {});
  /// A non-empty list of strings.
  std::vector<std::string> strings(llvm::StringRef name);
  /// One integer or a list of them.
  std::vector<int64_t> integers(llvm::StringRef name, int64_t min, int64_t max);
  /// A non-empty list of numbers; an absent one reads as empty.
  std::vector<double> numbers(llvm::StringRef name, double min, double max);
  /// An object; an absent one reads as empty, and is an error if `required`.
  JsonFields object(llvm::StringRef name, bool required = true);

  template <typename E>
  E choice(llvm::StringRef name, llvm::ArrayRef<Choice<E>> choices,
           std::optional<E> fallback = {}) {
    std::vector<std::string> words;
    for (const Choice<E> &c : choices)
      words.push_back(c.word.str());
    int index = choiceIndex(name, words, fallback.has_value());
    if (index >= 0)
      return choices[index].value;
    return fallback ? *fallback : choices[0].value;
  }

  /// Accepts fields of which nothing is wanted.
  void ignore(llvm::ArrayRef<llvm::StringRef> names);

  /// Records an error about field `name`, unless there already is one.
  void fail(llvm::StringRef name, const llvm::Twine &message);

  /// The first error, or in strict mode the first unknown field. Only the root
  /// reader is asked; it speaks for the objects read through it.
  llvm::Error finish();

  /// Every field asked for, through this root and its objects, in order.
  std::vector<AcceptedField> accepted() const;

private:
  struct Log;
  JsonFields(const Json *object, std::string prefix, std::shared_ptr<Log> log);
  std::string path(llvm::StringRef name) const;
  const Json *find(llvm::StringRef name, bool required);
  void mismatch(llvm::StringRef name, const llvm::Twine &expected,
                const Json &found);
  int choiceIndex(llvm::StringRef name, const std::vector<std::string> &words,
                  bool optional);
  bool toInteger(const Json &value, int64_t min, int64_t max, int64_t &out);

  const Json *node;
  std::string prefix;
  std::shared_ptr<Log> log;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_JSONFIELDS_H
