//===- JsonSchema.h - What a JSON text may look like ------------*- C++ -*-===//
//
// A JSON schema as nodes that JsonAutomaton follows byte by byte. Every text
// that it lets through is valid under the schema; the reverse does not hold:
// declared properties come in their order, before others, and there is little
// white space. A keyword that cannot be honoured is an error that names it,
// never ignored.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONSCHEMA_H
#define BITNET_RUNTIME_SERVER_JSONSCHEMA_H

#include "runtime/server/JsonPattern.h"
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::server {

/// Texts in byte order, for following several at a time: those that begin with
/// what was read are a range of them.
struct TextRange {
  int32_t begin, end;
};
TextRange narrow(const std::vector<std::string> &sorted, TextRange range,
                 size_t depth, uint8_t byte);

class JsonSchema {
public:
  static constexpr int32_t none = -1;
  static constexpr uint32_t unlimited = UINT32_MAX;

  struct Property {
    int32_t value;
    bool required;
  };

  /// Values: all that some part allows.
  struct Node {
    std::string path; ///< For messages, such as "#/properties/a".
    /// Other nodes, any of them; then the rest is empty.
    std::vector<int32_t> anyOf;

    std::vector<std::string> literals; ///< JSON texts, sorted.

    bool string = false;
    uint32_t minLength = 0, maxLength = unlimited; ///< In characters.
    std::shared_ptr<const JsonPattern> pattern;    ///< Then without those.

    bool number = false, integer = false; ///< `integer`: only those.
    double minimum = -HUGE_VAL, maximum = HUGE_VAL;
    bool minimumExcluded = false, maximumExcluded = false;
    bool isBounded() const {
      return minimum != -HUGE_VAL || maximum != HUGE_VAL;
    }

    bool object = false;
    std::vector<Property> properties; ///< As declared.
    std::vector<std::string> names;   ///< As JSON without quotes, sorted.
    std::vector<int32_t> nameIndex;   ///< By name: index of the property.
    int32_t additional = none;        ///< Values of other properties.
    /// First required property at or after `index`, or their number.
    int32_t nextRequired(int32_t index) const;

    bool array = false;
    std::vector<int32_t> prefixItems;
    int32_t items = none; ///< Values after those.
    uint32_t minItems = 0, maxItems = unlimited;
  };

  /// Of the text of a schema. Null and one sentence in `error` if it is no
  /// schema or has a keyword that cannot be honoured.
  static std::shared_ptr<const JsonSchema> compile(std::string_view json,
                                                   std::string *error);
  /// Any object: what OpenAI calls JSON mode.
  static std::shared_ptr<const JsonSchema> anyObject();

  /// A function that may be called. Its arguments are an object.
  struct Function {
    std::string name; ///< As JSON text.
    std::shared_ptr<const JsonSchema> arguments;
  };
  /// How a model writes a call: `opening`, {"name": ..., `key`: {...}},
  /// `closing`.
  struct CallForm {
    std::string key, opening, closing;
  };
  /// A call of one of `functions`. Null and one sentence in `error` if one can
  /// have no object as its arguments, or if they are too large together.
  static std::shared_ptr<const JsonSchema>
  callOf(const std::vector<Function> &functions, const CallForm &form,
         std::string *error);

  const Node &node(int32_t number) const {
    return nodes[static_cast<size_t>(number)];
  }
  int32_t root() const { return rootNode; }
  /// Texts in front of the value and behind it; of calls.
  const std::string &opening() const { return before; }
  const std::string &closing() const { return after; }

private:
  friend class JsonSchemaCompiler;
  std::vector<Node> nodes;
  int32_t rootNode = 0;
  std::string before, after;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSONSCHEMA_H
