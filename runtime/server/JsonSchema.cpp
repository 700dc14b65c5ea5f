//===- JsonSchema.cpp - What a JSON text may look like --------------------===//

#include "runtime/server/JsonSchema.h"
#include "runtime/server/JsonSchemaCompiler.h"
#include <algorithm>
#include <cstdlib>

namespace bitnet::server {

using namespace json_type;

TextRange narrow(const std::vector<std::string> &sorted, TextRange range,
                 size_t depth, uint8_t byte) {
  auto at = [&](const std::string &text) {
    return depth < text.size() ? static_cast<uint8_t>(text[depth]) : -1;
  };
  const auto first = sorted.begin();
  const auto low = std::lower_bound(
      first + range.begin, first + range.end, int{byte},
      [&](const std::string &text, int c) { return at(text) < c; });
  const auto high = std::upper_bound(
      low, first + range.end, int{byte},
      [&](int c, const std::string &text) { return c < at(text); });
  return {static_cast<int32_t>(low - first),
          static_cast<int32_t>(high - first)};
}

int32_t JsonSchema::Node::nextRequired(int32_t index) const {
  const auto size = static_cast<int32_t>(properties.size());
  while (index < size && !properties[static_cast<size_t>(index)].required)
    ++index;
  return index;
}

/// Alternatives of alternatives become one list, so that following them needs
/// no recursion; one that contains itself adds nothing.
void JsonSchemaCompiler::flatten() {
  std::vector<std::vector<int32_t>> flat(out.nodes.size());
  for (size_t n = 0; n < out.nodes.size(); ++n) {
    if (out.nodes[n].anyOf.empty())
      continue;
    std::vector<int32_t> open{static_cast<int32_t>(n)};
    std::vector<bool> seen(out.nodes.size(), false);
    while (!open.empty()) {
      const auto at = static_cast<size_t>(open.back());
      open.pop_back();
      if (seen[at])
        continue;
      seen[at] = true;
      const auto &inner = out.nodes[at].anyOf;
      if (inner.empty())
        flat[n].push_back(static_cast<int32_t>(at));
      open.insert(open.end(), inner.rbegin(), inner.rend());
    }
  }
  for (size_t n = 0; n < out.nodes.size(); ++n)
    if (!out.nodes[n].anyOf.empty() && !flat[n].empty())
      out.nodes[n].anyOf = std::move(flat[n]);
}

/// A part that must contain itself never ends.
bool JsonSchemaCompiler::checkFinite() {
  std::vector<bool> ends(out.nodes.size(), false);
  auto allEnd = [&](const Node &node) -> bool {
    auto one = [&](int32_t n) -> bool { return ends[static_cast<size_t>(n)]; };
    if (!node.anyOf.empty())
      return std::any_of(node.anyOf.begin(), node.anyOf.end(), one);
    if (!node.literals.empty() || node.string || node.number)
      return true;
    if (node.object &&
        std::all_of(node.properties.begin(), node.properties.end(),
                    [&](const JsonSchema::Property &p) {
                      return !p.required || one(p.value);
                    }))
      return true;
    if (!node.array)
      return false;
    for (uint32_t i = 0; i < node.minItems; ++i) {
      if (i >= node.prefixItems.size())
        return one(node.items);
      if (!one(node.prefixItems[i]))
        return false;
    }
    return true;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t n = 0; n < out.nodes.size(); ++n)
      if (!ends[n] && allEnd(out.nodes[n]))
        ends[n] = changed = true;
  }
  for (size_t n = 0; n < out.nodes.size(); ++n)
    if (!ends[n])
      return fail(out.nodes[n].path, "every value would be infinite");
  return true;
}

/// Whether no value fits both, as far as can be seen: by type, by literals, or
/// by a property that both require.
bool JsonSchemaCompiler::areDisjoint(int32_t first, int32_t second,
                                     unsigned depth) const {
  const Node &a = out.nodes[static_cast<size_t>(first)],
             &b = out.nodes[static_cast<size_t>(second)];
  if (first == second || depth > 4 || ++comparisons > kMostComparisons)
    return false;
  for (const Node *node : {&a, &b})
    if (!node->anyOf.empty()) {
      const int32_t other = node == &a ? second : first;
      return std::all_of(
          node->anyOf.begin(), node->anyOf.end(),
          [&](int32_t n) { return areDisjoint(n, other, depth + 1); });
    }
  auto open = [](const Node &node) {
    return (node.string ? String : 0u) | (node.number ? Number : 0u) |
           (node.object ? Object : 0u) | (node.array ? Array : 0u);
  };
  for (const auto &[x, y] : {std::pair(&a, &b), std::pair(&b, &a)})
    for (const std::string &literal : x->literals) {
      const unsigned type = typeOfLiteral(literal);
      if (open(*y) & type)
        return false;
      for (const std::string &other : y->literals)
        // 1 and 1.0 are the same value.
        if (literal == other ||
            (type == Number && typeOfLiteral(other) == Number &&
             strtod(literal.c_str(), nullptr) ==
                 strtod(other.c_str(), nullptr)))
          return false;
    }
  const unsigned both = open(a) & open(b);
  if (both & ~Object)
    return false;
  if (!both)
    return true;
  for (size_t i = 0; i < a.names.size(); ++i) {
    const auto found =
        std::lower_bound(b.names.begin(), b.names.end(), a.names[i]);
    if (found == b.names.end() || *found != a.names[i])
      continue;
    const auto &p = a.properties[static_cast<size_t>(a.nameIndex[i])];
    const auto &q = b.properties[static_cast<size_t>(
        b.nameIndex[static_cast<size_t>(found - b.names.begin())])];
    if (p.required && q.required && areDisjoint(p.value, q.value, depth + 1))
      return true;
  }
  return false;
}

bool JsonSchemaCompiler::checkOneOf() {
  for (int32_t number : exclusive) {
    const Node &node = out.nodes[static_cast<size_t>(number)];
    for (size_t i = 0; i < node.anyOf.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (!areDisjoint(node.anyOf[i], node.anyOf[j], 0))
          return fail(node.path, "the keyword 'oneOf' is only supported where "
                                 "no value can fit two of its schemas; "
                                 "'anyOf' is");
  }
  return true;
}

std::shared_ptr<const JsonSchema> JsonSchema::compile(std::string_view json,
                                                      std::string *error) {
  chat::Value schema;
  std::string why;
  if (!chat::fromJson(json, schema, &why)) {
    *error = "the JSON schema cannot be read: " + why;
    return nullptr;
  }
  auto made = std::make_shared<JsonSchema>();
  if (!JsonSchemaCompiler(*made).compile(schema, error))
    return nullptr;
  return made;
}

std::shared_ptr<const JsonSchema> JsonSchema::anyObject() {
  std::string ignored;
  return compile(R"({"type": "object"})", &ignored);
}

} // namespace bitnet::server
