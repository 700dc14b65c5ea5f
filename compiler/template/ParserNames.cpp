//===- ParserNames.cpp - Filters, tests and methods by name ---------------===//
//
// Arguments are put at the places of the parameters here, so that a program
// only sees positions. map, select and their like take a filter or test by
// name: it must be a string in the source.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <algorithm>

namespace bitnetc {

namespace {
struct NameRow {
  std::string_view name, parameters;
};
} // namespace

#define X(id, name, parameters) {name, parameters},
static constexpr NameRow kFilters[] = {BITNET_TEMPLATE_FILTERS(X)};
static constexpr NameRow kTests[] = {BITNET_TEMPLATE_TESTS(X)};
static constexpr NameRow kMethods[] = {BITNET_TEMPLATE_METHODS(X)};
#undef X
static constexpr uint32_t kNoInner = ~0u;

template <size_t N>
static int find(const NameRow (&rows)[N], std::string_view name) {
  auto row = std::find_if(std::begin(rows), std::end(rows),
                          [&](const NameRow &r) { return r.name == name; });
  return row == std::end(rows) ? -1 : static_cast<int>(row - rows);
}

bool Parser::place(uint32_t where, const char *what, std::string_view name,
                   std::string_view parameters, Arguments arguments,
                   Nodes &placed) {
  const std::string of = std::string(what) + " '" + std::string(name) + "'";
  placed = std::move(arguments.positional);
  if (parameters == "*") {
    if (!arguments.keywords.empty())
      failAt(where, "the argument '" + arguments.keywords[0].first +
                        "' of the " + of + " is not supported");
    return !failed();
  }
  std::vector<std::string_view> names;
  for (size_t i = 0; i < parameters.size();) {
    size_t end = std::min(parameters.find(' ', i), parameters.size());
    names.push_back(parameters.substr(i, end - i));
    i = end + 1;
  }
  if (placed.size() > names.size()) {
    failAt(where, "too many arguments for the " + of);
    return false;
  }
  const size_t given = placed.size();
  for (const auto &[keyword, value] : arguments.keywords) {
    const auto at = static_cast<size_t>(
        std::find(names.begin(), names.end(), keyword) - names.begin());
    if (at == names.size() || at < given) {
      failAt(where, at == names.size()
                        ? "the argument '" + keyword + "' of the " + of +
                              " is not supported"
                        : "the argument '" + keyword + "' is given twice");
      return false;
    }
    placed.resize(std::max(placed.size(), at + 1));
    placed[at] = value;
  }
  return true;
}

Node Parser::makeMethod(uint32_t where, const std::string &name, Node object,
                        Arguments arguments) {
  const int row = find(kMethods, name);
  if (row < 0)
    return failAt(where, "the method '" + name + "' is not supported");
  Nodes placed;
  if (!place(where, "method", name, kMethods[row].parameters,
             std::move(arguments), placed))
    return 0;
  return tree.add(BITNET_TEMPLATE_METHOD, where, {object, Field(placed)},
                  static_cast<uint16_t>(row));
}

Node Parser::makeTest(uint32_t where, const std::string &name, Node operand,
                      Arguments arguments) {
  const int row = find(kTests, name);
  if (row < 0)
    return failAt(where, "the test '" + name + "' is not supported");
  Nodes placed;
  if (!place(where, "test", name, kTests[row].parameters, std::move(arguments),
             placed))
    return 0;
  if (kTests[row].parameters.empty() == !placed.empty())
    return failAt(where, "the test '" + name +
                             (placed.empty() ? "' needs an argument"
                                             : "' takes no argument"));
  return tree.add(BITNET_TEMPLATE_TEST, where, {operand, Field(placed)},
                  static_cast<uint16_t>(row));
}

Node Parser::makeFilter(uint32_t where, const std::string &name, Node operand,
                        Arguments arguments) {
  int row = find(kFilters, name);
  if (row < 0)
    return failAt(where, "the filter '" + name + "' is not supported");
  if (row == BITNET_TEMPLATE_FILTER_MAP && arguments.positional.empty())
    row = BITNET_TEMPLATE_FILTER_MAP_ATTRIBUTE;
  uint32_t inner = kNoInner;
  const bool byAttribute = row == BITNET_TEMPLATE_FILTER_SELECTATTR ||
                           row == BITNET_TEMPLATE_FILTER_REJECTATTR;
  const bool isMap = row == BITNET_TEMPLATE_FILTER_MAP;
  if (isMap || byAttribute || row == BITNET_TEMPLATE_FILTER_SELECT ||
      row == BITNET_TEMPLATE_FILTER_REJECT) {
    // What follows the attribute and the name are the arguments of the inner
    // filter or test.
    Nodes &given = arguments.positional;
    if (byAttribute && given.empty())
      return failAt(where, "the filter '" + name + "' needs an attribute");
    const size_t nameAt = byAttribute;
    if (given.size() > nameAt) {
      if (tree.node(given[nameAt]).kind != BITNET_TEMPLATE_STRING)
        return failAt(where, "the filter '" + name + "' needs the name of a " +
                                 (isMap ? "filter" : "test") + " in quotes");
      const std::string innerName(tree.text(given[nameAt]));
      const int innerRow =
          isMap ? find(kFilters, innerName) : find(kTests, innerName);
      if (innerRow < 0 || (isMap && kFilters[innerRow].parameters == "*" &&
                           innerRow != BITNET_TEMPLATE_FILTER_FORMAT))
        return failAt(where,
                      std::string(isMap ? "the filter '" : "the test '") +
                          innerName + "' in '" + name + "' is not supported");
      const NameRow &found = isMap ? kFilters[innerRow] : kTests[innerRow];
      Arguments rest;
      rest.positional.assign(given.begin() + static_cast<long>(nameAt) + 1,
                             given.end());
      rest.keywords = std::move(arguments.keywords);
      Nodes placed;
      if (!place(where, isMap ? "filter" : "test", innerName, found.parameters,
                 std::move(rest), placed))
        return 0;
      if (!isMap && found.parameters.empty() == !placed.empty())
        return failAt(where, "wrong number of arguments for the test '" +
                                 innerName + "'");
      inner = static_cast<uint32_t>(innerRow);
      given.resize(nameAt);
      given.insert(given.end(), placed.begin(), placed.end());
      arguments.keywords.clear();
    }
  }
  Nodes placed;
  if (!place(where, "filter", name, kFilters[row].parameters,
             std::move(arguments), placed))
    return 0;
  if (row == BITNET_TEMPLATE_FILTER_MAP_ATTRIBUTE &&
      (placed.empty() || !placed[0]))
    return failAt(where, "the filter 'map' needs a filter or an attribute");
  return tree.add(BITNET_TEMPLATE_FILTER, where,
                  {operand, Field(placed), Field::plain(inner)},
                  static_cast<uint16_t>(row));
}

} // namespace bitnetc
