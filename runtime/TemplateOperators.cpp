//===- TemplateOperators.cpp - Operators of chat templates ----------------===//
//
// Arithmetic, comparison and containment as Python defines them for the values
// that templates have. Integers that leave 64 bits are errors.
//
//===----------------------------------------------------------------------===//

#include "runtime/TemplateMachine.h"
#include "runtime/TemplateText.h"
#include <algorithm>
#include <cmath>

namespace bitnet::chat {

static const char *const binaryNames[] = {
#define X(id, name, parameters) name,
    BITNET_TEMPLATE_BINARIES(X)
#undef X
};
static const char *const compareNames[] = {
#define X(id, name, parameters) name,
    BITNET_TEMPLATE_COMPARES(X)
#undef X
};

Value Machine::arithmetic(int op, const Value &a, const Value &b) {
  const bool real = a.is(Value::Float) || b.is(Value::Float);
  const double x = a.asDouble(), y = b.asDouble();
  const int64_t i = real ? 0 : a.asInt(), j = real ? 0 : b.asInt();
  int64_t whole = 0;
  bool overflow = false;
  const bool divides = op == BITNET_TEMPLATE_BINARY_DIVIDE ||
                       op == BITNET_TEMPLATE_BINARY_FLOOR_DIVIDE ||
                       op == BITNET_TEMPLATE_BINARY_MODULO;
  if (divides && y == 0)
    return fail("division by zero");
  switch (op) {
  case BITNET_TEMPLATE_BINARY_ADD:
    if (real)
      return Value::real(x + y);
    overflow = __builtin_add_overflow(i, j, &whole);
    break;
  case BITNET_TEMPLATE_BINARY_SUBTRACT:
    if (real)
      return Value::real(x - y);
    overflow = __builtin_sub_overflow(i, j, &whole);
    break;
  case BITNET_TEMPLATE_BINARY_MULTIPLY:
    if (real)
      return Value::real(x * y);
    overflow = __builtin_mul_overflow(i, j, &whole);
    break;
  case BITNET_TEMPLATE_BINARY_DIVIDE:
    return Value::real(x / y);
  case BITNET_TEMPLATE_BINARY_FLOOR_DIVIDE:
    if (real)
      return Value::real(std::floor(x / y));
    overflow = i == INT64_MIN && j == -1;
    if (!overflow)
      whole = i / j - (i % j != 0 && (i < 0) != (j < 0));
    break;
  case BITNET_TEMPLATE_BINARY_MODULO:
    if (real) {
      const double rest = std::fmod(x, y);
      return Value::real(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
    }
    if (j != -1)
      whole = i % j + (i % j != 0 && (i < 0) != (j < 0) ? j : 0);
    break;
  default: {
    const bool negative = real ? y < 0 : j < 0;
    if (real ? std::floor(y) != y || std::fabs(y) > 4096 : j < -4096)
      return fail("this power is not supported");
    if (real || negative) {
      double result = 1;
      for (auto n = static_cast<int64_t>(std::fabs(y)); n > 0; --n)
        result *= x;
      if (negative && result == 0)
        return fail("division by zero");
      return Value::real(negative ? 1 / result : result);
    }
    whole = 1;
    for (int64_t n = j, base = i; n > 0 && !overflow; n >>= 1) {
      if (n & 1)
        overflow |= __builtin_mul_overflow(whole, base, &whole);
      if (n > 1)
        overflow |= __builtin_mul_overflow(base, base, &base);
    }
  }
  }
  return overflow ? fail("an integer does not fit into 64 bits")
                  : Value::integer(whole);
}

Value Machine::binary(int op, const Value &a, const Value &b) {
  if (a.isUndefined() || b.isUndefined())
    return typeError("", a.isUndefined() ? a : b);
  if (a.isNumber() && b.isNumber())
    return arithmetic(op, a, b);
  if (op == BITNET_TEMPLATE_BINARY_ADD && a.kind() == b.kind()) {
    if (a.is(Value::String))
      return makeString(a.text() + b.text());
    if (a.isSequence()) {
      std::vector<Value> items = a.items();
      items.insert(items.end(), b.items().begin(), b.items().end());
      return makeList(std::move(items), a.kind());
    }
  }
  if (op == BITNET_TEMPLATE_BINARY_MULTIPLY) {
    const bool left = a.is(Value::Int) || a.is(Value::Bool);
    const Value &many = left ? b : a, &times = left ? a : b;
    if ((times.is(Value::Int) || times.is(Value::Bool)) &&
        (many.is(Value::String) || many.isSequence())) {
      const uint64_t count =
          times.asInt() > 0 ? static_cast<uint64_t>(times.asInt()) : 0;
      const uint64_t size =
          std::max<uint64_t>(many.text().size(), many.items().size());
      if (size && count > options.maxOutput / size)
        return fail("a value grows too long");
      if (!charge(many.items().size() * count))
        return {};
      std::string text;
      std::vector<Value> items;
      for (uint64_t i = 0; i < count && size; ++i) {
        text += many.text();
        items.insert(items.end(), many.items().begin(), many.items().end());
      }
      return many.is(Value::String) ? makeString(std::move(text))
                                    : makeList(std::move(items), many.kind());
    }
  }
  if (op == BITNET_TEMPLATE_BINARY_MODULO && a.is(Value::String))
    return b.is(Value::Tuple) ? formatPercent(a.text(), b.items())
                              : formatPercent(a.text(), {&b, 1});
  if (op == BITNET_TEMPLATE_BINARY_ADD && a.is(Value::String))
    return fail(std::string("can only concatenate str (not \"") + typeName(b) +
                "\") to str");
  return fail(std::string("unsupported operand types for ") + binaryNames[op] +
              ": '" + typeName(a) + "' and '" + typeName(b) + "'");
}

bool Machine::contains(const Value &container, const Value &value) {
  if (!charge(weightOf(container)))
    return false;
  if (container.is(Value::String)) {
    if (value.is(Value::String))
      return container.text().find(value.text()) != std::string::npos;
    fail(std::string("'in <string>' requires string as left operand, not ") +
         typeName(value));
    return false;
  }
  if (container.isUndefined())
    return false;
  if (!container.isSequence() && !container.is(Value::Dict)) {
    typeError("one cannot look with 'in' into a value of type", container);
    return false;
  }
  for (const Value &item : container.items())
    if (equal(item, value))
      return true;
  return false;
}

bool Machine::compare(int op, const Value &a, const Value &b) {
  if (!charge(std::min(weightOf(a), weightOf(b))))
    return false;
  if (op == BITNET_TEMPLATE_COMPARE_EQ || op == BITNET_TEMPLATE_COMPARE_NE)
    return equal(a, b) == (op == BITNET_TEMPLATE_COMPARE_EQ);
  if (op == BITNET_TEMPLATE_COMPARE_IN || op == BITNET_TEMPLATE_COMPARE_NOT_IN)
    return contains(b, a) == (op == BITNET_TEMPLATE_COMPARE_IN);
  int result = 0;
  if (a.isUndefined() || b.isUndefined()) {
    typeError("", a.isUndefined() ? a : b);
    return false;
  }
  if (!order(a, b, result)) {
    fail(std::string("'") + compareNames[op] +
         "' not supported between instances of '" + typeName(a) + "' and '" +
         typeName(b) + "'");
    return false;
  }
  if (a.isNumber() && (std::isnan(a.asDouble()) || std::isnan(b.asDouble())))
    return false;
  switch (op) {
  case BITNET_TEMPLATE_COMPARE_LT:
    return result < 0;
  case BITNET_TEMPLATE_COMPARE_LE:
    return result <= 0;
  case BITNET_TEMPLATE_COMPARE_GT:
    return result > 0;
  default:
    return result >= 0;
  }
}

} // namespace bitnet::chat
