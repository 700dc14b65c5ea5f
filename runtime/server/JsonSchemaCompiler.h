//===- JsonSchemaCompiler.h - From a schema to nodes ------------*- C++ -*-===//
//
// Reads the keywords of a JSON schema, checks that all of them can be honoured
// and makes the nodes of a JsonSchema. A schema comes from anybody: nothing
// here recurses over it, and its size is bounded.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONSCHEMACOMPILER_H
#define BITNET_RUNTIME_SERVER_JSONSCHEMACOMPILER_H

#include "runtime/TemplateValue.h"
#include "runtime/server/JsonSchema.h"
#include <deque>
#include <unordered_map>

namespace bitnet::server {

namespace json_type {
enum Type : unsigned {
  Null = 1,
  Boolean = 2,
  Number = 4,
  Integer = 8,
  String = 16,
  Array = 32,
  Object = 64,
  Any = Null | Boolean | Number | String | Array | Object
};
} // namespace json_type

/// As JSON text without white space.
std::string compactJson(const chat::Value &value);
/// Of a JSON text.
unsigned typeOfLiteral(const std::string &text);

class JsonSchemaCompiler {
public:
  explicit JsonSchemaCompiler(JsonSchema &out) : out(out) {}

  bool compile(const chat::Value &schema, std::string *error);

private:
  using Node = JsonSchema::Node;
  struct Job {
    int32_t node;
    chat::Value schema;
  };

  bool fail(const std::string &path, const std::string &message) {
    if (problem.empty())
      problem = "the JSON schema cannot be honoured: " + path + ": " + message;
    return false;
  }
  int32_t addNode(std::string path);
  int32_t anyValue();
  int32_t nodeFor(const chat::Value &schema, const std::string &path);
  const chat::Value *follow(const std::string &reference,
                            const std::string &path);
  bool fill(int32_t node, const chat::Value &schema);
  bool checkKeywords(const chat::Value &schema, const std::string &path);
  bool readTypes(const chat::Value &schema, const std::string &path,
                 unsigned &types);
  bool readLiterals(Node &made, const chat::Value &schema, unsigned types);
  bool readAlternatives(Node &made, const chat::Value &schema,
                        const chat::Value &list, std::string_view keyword,
                        bool nullable);
  // Of one type (JsonSchemaTypes.cpp).
  bool readPattern(Node &made, const chat::Value &schema);
  bool readString(Node &made, const chat::Value &schema);
  bool readNumber(Node &made, const chat::Value &schema);
  bool readObject(Node &made, const chat::Value &schema);
  bool readArray(Node &made, const chat::Value &schema);
  bool readCount(const chat::Value &schema, std::string_view name,
                 const std::string &path, uint32_t &count);
  bool onlyBeside(const chat::Value &schema, std::string_view keyword,
                  const std::string &path, bool nullable);
  // Of all nodes together (JsonSchema.cpp).
  void flatten();
  bool checkFinite();
  bool checkOneOf();
  bool areDisjoint(int32_t a, int32_t b, unsigned depth) const;

  JsonSchema &out;
  chat::Value document;
  std::string problem;
  int32_t any = JsonSchema::none;
  std::deque<Job> jobs; ///< Nodes to fill; no recursion over what anybody sent.
  std::unordered_map<const chat::Object *, int32_t> nodeOf;
  std::vector<int32_t> exclusive; ///< Nodes of oneOf.
  unsigned patterns = 0;          ///< Each may take milliseconds,
  size_t patternStates = 0;       ///< and each state half a KiB.
  static constexpr unsigned kMostComparisons = 100'000;
  mutable unsigned comparisons = 0;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSONSCHEMACOMPILER_H
