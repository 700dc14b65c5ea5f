//===- TreeBuilder.h - Collects the nodes of a template blob ----*- C++ -*-===//
//
// The parser makes nodes bottom-up and this class packs them; there is no other
// syntax tree. A node refers only to earlier ones, as the format demands.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TEMPLATE_TREEBUILDER_H
#define BITNETC_COMPILER_TEMPLATE_TREEBUILDER_H

#include "runtime/abi/template_blob.h"
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bitnetc {

/// The number of a node; 0 is no node.
using Node = uint32_t;
using Nodes = std::vector<Node>;

/// A field of a node: another node, a string, a list or a plain number.
struct Field {
  enum Kind : uint8_t { IsNode, IsText, IsList, IsNumber };
  Field(Node node) : kind(IsNode), number(node) {}
  Field(std::string_view text) : kind(IsText), text(text) {}
  Field(const std::string &text) : kind(IsText), text(text) {}
  Field(const Nodes &list) : kind(IsList), list(&list) {}
  static Field plain(uint32_t number) {
    Field field(number);
    field.kind = IsNumber;
    return field;
  }

  Kind kind;
  uint32_t number = 0;
  std::string_view text;
  const Nodes *list = nullptr;
};

class TreeBuilder {
public:
  TreeBuilder();

  Node add(bitnet_template_kind kind, uint32_t line,
           std::initializer_list<Field> fields = {}, uint16_t aux = 0);
  const bitnet_template_node &node(Node number) const { return nodes[number]; }
  /// The text of the field and the one after it.
  std::string_view text(Node number, uint32_t field = 0) const;
  /// The deepest tree so far is deeper than the format allows.
  bool tooDeep() const { return deepest > BITNET_TEMPLATE_MAX_DEPTH; }

  std::string finish(Node root, size_t sourceSize) const;

private:
  uint32_t intern(std::string_view text);

  std::vector<bitnet_template_node> nodes;
  std::vector<uint32_t> depths; ///< Of each node's tree.
  std::vector<uint32_t> lists;
  std::string texts;
  std::unordered_map<std::string, uint32_t> interned;
  uint32_t deepest = 0;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_TEMPLATE_TREEBUILDER_H
