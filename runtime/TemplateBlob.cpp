//===- TemplateBlob.cpp - Checked view of a compiled template -------------===//

#include "runtime/TemplateBlob.h"
#include <algorithm>
#include <cstring>
#include <vector>

namespace bitnet {

namespace {
struct KindRow {
  const char *signature;
  char role;
  uint16_t auxLimit;
};
} // namespace

static constexpr KindRow kinds[] = {
#define X(id, signature, role, aux)                                            \
  {signature, role, BITNET_TEMPLATE_NUM_##aux},
    BITNET_TEMPLATE_NODES(X)
#undef X
};

/// The role that a letter of a signature asks for; 0 if it is no node.
static char roleOf(char letter) {
  switch (letter) {
  case 'E':
  case 'l':
    return 'e';
  case 'S':
  case 'b':
    return 's';
  case 'g':
    return 't';
  case 'v':
  case 'x':
    return 0;
  }
  return letter;
}

bool TemplateBlob::open(const uint8_t *data, uint64_t size,
                        std::string *error) {
  auto damaged = [&](const char *what) {
    *error = std::string("the chat template in this program is damaged (") +
             what + ")";
    return false;
  };
  if (size < sizeof(bitnet_template_blob) ||
      reinterpret_cast<uintptr_t>(data) % 8)
    return damaged("header");
  base = reinterpret_cast<const bitnet_template_blob *>(data);
  if (base->magic != BITNET_TEMPLATE_MAGIC ||
      base->version != BITNET_TEMPLATE_VERSION ||
      base->header_size != sizeof(bitnet_template_blob))
    return damaged("magic or version");
  if (base->size != size)
    return damaged("size");
  auto inside = [&](const bitnet_template_section &section, uint64_t element) {
    return section.offset % 8 == 0 && section.offset <= size &&
           section.count <= (size - section.offset) / element;
  };
  if (!inside(base->nodes, sizeof(bitnet_template_node)) ||
      !inside(base->lists, 4) || !inside(base->text, 1))
    return damaged("sections");
  nodes =
      reinterpret_cast<const bitnet_template_node *>(data + base->nodes.offset);
  lists = reinterpret_cast<const uint32_t *>(data + base->lists.offset);
  texts = reinterpret_cast<const char *>(data + base->text.offset);

  const uint32_t count = base->nodes.count;
  std::vector<uint32_t> depths(count);
  for (uint32_t i = 1; i < count; ++i) {
    const bitnet_template_node &n = nodes[i];
    if (n.kind == BITNET_TEMPLATE_NONE || n.kind >= BITNET_TEMPLATE_NUM_KINDS ||
        n.aux >= kinds[n.kind].auxLimit)
      return damaged("kind of a node");
    uint32_t depth = 0, at = 0;
    // Node 0 stands for "none" and is not checked itself.
    auto child = [&](uint32_t number, char role) {
      if (number == 0 || number >= i || kinds[nodes[number].kind].role != role)
        return false;
      depth = std::max(depth, depths[number]);
      return true;
    };
    for (const char *letter = kinds[n.kind].signature; *letter; ++letter) {
      const uint32_t value = n.field[at++];
      const char role = roleOf(*letter);
      if (strchr("lbgpcx", *letter)) {
        const uint32_t length = n.field[at++];
        const uint32_t all =
            *letter == 'x' ? base->text.count : base->lists.count;
        if (value > all || length > all - value)
          return damaged("extent of a list or string");
        for (uint32_t e = 0; *letter != 'x' && e < length; ++e) {
          const uint32_t number = lists[value + e];
          if (!(number == 0 && *letter == 'l') && !child(number, role))
            return damaged("element of a list");
        }
      } else if (role) {
        const bool optional = *letter == 'E' || *letter == 'S';
        if (!(optional && value == 0) && !child(value, role))
          return damaged("child of a node");
      }
    }
    depths[i] = depth + 1;
    if (depth >= BITNET_TEMPLATE_MAX_DEPTH)
      return damaged("depth");
  }
  if (base->root == 0 || base->root >= count ||
      kinds[nodes[base->root].kind].role != 's')
    return damaged("root");
  return true;
}

} // namespace bitnet
