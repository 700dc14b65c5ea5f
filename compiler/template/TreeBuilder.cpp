//===- TreeBuilder.cpp - Collects the nodes of a template blob ------------===//

#include "TreeBuilder.h"
#include <algorithm>

namespace bitnetc {

TreeBuilder::TreeBuilder() {
  nodes.push_back({});
  depths.push_back(0);
}

uint32_t TreeBuilder::intern(std::string_view text) {
  auto [place, isNew] = interned.try_emplace(
      std::string(text), static_cast<uint32_t>(texts.size()));
  if (isNew)
    texts += text;
  return place->second;
}

Node TreeBuilder::add(bitnet_template_kind kind, uint32_t line,
                      std::initializer_list<Field> fields, uint16_t aux) {
  bitnet_template_node made{static_cast<uint16_t>(kind), aux, line, {}};
  uint32_t at = 0, below = 0;
  for (const Field &field : fields) {
    switch (field.kind) {
    case Field::IsNode:
      below = std::max(below, depths[field.number]);
      made.field[at++] = field.number;
      break;
    case Field::IsNumber:
      made.field[at++] = field.number;
      break;
    case Field::IsText:
      made.field[at++] = intern(field.text);
      made.field[at++] = static_cast<uint32_t>(field.text.size());
      break;
    case Field::IsList:
      made.field[at++] = static_cast<uint32_t>(lists.size());
      made.field[at++] = static_cast<uint32_t>(field.list->size());
      for (Node child : *field.list) {
        below = std::max(below, depths[child]);
        lists.push_back(child);
      }
      break;
    }
  }
  nodes.push_back(made);
  depths.push_back(below + 1);
  deepest = std::max(deepest, below + 1);
  return static_cast<Node>(nodes.size() - 1);
}

std::string_view TreeBuilder::text(Node number, uint32_t field) const {
  const bitnet_template_node &n = nodes[number];
  return std::string_view(texts).substr(n.field[field], n.field[field + 1]);
}

std::string TreeBuilder::finish(Node root, size_t sourceSize) const {
  bitnet_template_blob header = {};
  std::string out(sizeof(header), '\0');
  auto section = [&](const void *data, size_t count, size_t size) {
    out.resize((out.size() + 7) & ~size_t{7});
    bitnet_template_section place = {static_cast<uint32_t>(out.size()),
                                     static_cast<uint32_t>(count)};
    out.append(static_cast<const char *>(data), count * size);
    return place;
  };
  header.magic = BITNET_TEMPLATE_MAGIC;
  header.version = BITNET_TEMPLATE_VERSION;
  header.header_size = sizeof(header);
  header.root = root;
  header.source_size = static_cast<uint32_t>(sourceSize);
  header.nodes = section(nodes.data(), nodes.size(), sizeof(nodes[0]));
  header.lists = section(lists.data(), lists.size(), sizeof(lists[0]));
  header.text = section(texts.data(), texts.size(), 1);
  header.size = out.size();
  out.replace(0, sizeof(header), reinterpret_cast<const char *>(&header),
              sizeof(header));
  return out;
}

} // namespace bitnetc
