//===- TemplateBlob.h - Checked view of a compiled template -----*- C++ -*-===//
//
// Opening checks every node: kinds, operators, extents of strings and lists,
// that nodes refer only to earlier ones of the right role, and the depth of the
// tree. Templates are small, so that all of it takes some microseconds, and
// the renderer needs no checks of its own.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEMPLATEBLOB_H
#define BITNET_RUNTIME_TEMPLATEBLOB_H

#include "runtime/abi/template_blob.h"
#include <span>
#include <string>
#include <string_view>

namespace bitnet {

class TemplateBlob {
public:
  /// Keeps a reference to the bytes. On failure returns false and stores one
  /// sentence in `error`.
  bool open(const uint8_t *data, uint64_t size, std::string *error);

  const bitnet_template_blob &header() const { return *base; }
  const bitnet_template_node &node(uint32_t number) const {
    return nodes[number];
  }
  std::string_view text(const bitnet_template_node &node,
                        unsigned field = 0) const {
    return {texts + node.field[field], node.field[field + 1]};
  }
  std::span<const uint32_t> list(const bitnet_template_node &node,
                                 unsigned field) const {
    return {lists + node.field[field], node.field[field + 1]};
  }

private:
  const bitnet_template_blob *base = nullptr;
  const bitnet_template_node *nodes = nullptr;
  const uint32_t *lists = nullptr;
  const char *texts = nullptr;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_TEMPLATEBLOB_H
