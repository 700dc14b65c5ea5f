//===- JsonSchemaCalls.cpp - Calls of functions as a schema ---------------===//
//
// Each function has a schema of its own for its arguments, with references that
// are within it. So they are compiled apart and their nodes put side by side.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/JsonSchema.h"

namespace bitnet::server {

using Node = JsonSchema::Node;

/// Nodes of one schema behind `offset` others.
static void move(Node &node, int32_t offset) {
  auto one = [&](int32_t &number) {
    if (number != JsonSchema::none)
      number += offset;
  };
  for (auto *list : {&node.anyOf, &node.prefixItems})
    for (int32_t &number : *list)
      one(number);
  for (JsonSchema::Property &property : node.properties)
    one(property.value);
  one(node.additional);
  one(node.items);
}

/// False if nothing is left.
static bool keepObjects(Node &node) {
  node.string = node.number = node.array = false;
  std::erase_if(node.literals, [](const std::string &literal) {
    return !literal.starts_with('{');
  });
  return node.object || !node.literals.empty();
}

std::shared_ptr<const JsonSchema>
JsonSchema::callOf(const std::vector<Function> &functions, const CallForm &form,
                   std::string *error) {
  constexpr size_t kMostNodes = 8000;
  auto made = std::make_shared<JsonSchema>();
  made->before = form.opening;
  made->after = form.closing;
  std::vector<Node> &nodes = made->nodes;
  auto add = [&](Node node) {
    nodes.push_back(std::move(node));
    return static_cast<int32_t>(nodes.size()) - 1;
  };
  made->rootNode = add({.path = "#"});
  for (const Function &function : functions) {
    const auto offset = static_cast<int32_t>(nodes.size());
    const std::vector<Node> &given = function.arguments->nodes;
    if (nodes.size() + given.size() > kMostNodes) {
      *error = "the schemas of all functions have more than " +
               std::to_string(kMostNodes) + " parts together";
      return nullptr;
    }
    for (const Node &node : given)
      move(nodes.emplace_back(node), offset);
    // A copy: the schema may refer to its root elsewhere, for any value.
    Node arguments =
        nodes[static_cast<size_t>(function.arguments->root() + offset)];
    std::vector<int32_t> objects;
    for (int32_t number : arguments.anyOf)
      if (Node one = nodes[static_cast<size_t>(number)]; keepObjects(one))
        objects.push_back(add(std::move(one)));
    arguments.anyOf = objects;
    if (!keepObjects(arguments) && objects.empty()) {
      *error = "the arguments of " + function.name + " cannot be an object";
      return nullptr;
    }
    Node call;
    call.object = true;
    call.properties = {{add({.path = "name", .literals = {function.name}}),
                        /*required=*/true},
                       {add(std::move(arguments)), /*required=*/true}};
    const bool keyIsFirst = form.key < "name";
    call.names = keyIsFirst ? std::vector{form.key, std::string("name")}
                            : std::vector{std::string("name"), form.key};
    call.nameIndex = keyIsFirst ? std::vector{1, 0} : std::vector{0, 1};
    const int32_t number = add(std::move(call));
    nodes.front().anyOf.push_back(number);
  }
  return made;
}

} // namespace bitnet::server
