//===- JsonAutomaton.cpp - Follows a JSON text byte by byte ---------------===//

#include "runtime/server/JsonAutomaton.h"
#include "runtime/server/JsonLexical.h"
#include <algorithm>

namespace bitnet::server {

using namespace json_lexical;

namespace {
/// Phases of fixed texts: which one it is.
enum : uint8_t { Opening, Closing };
} // namespace

//===----------------------------------------------------------------------===//
// Stacks and states
//===----------------------------------------------------------------------===//

size_t JsonAutomaton::StackHash::operator()(const Stack &stack) const {
  const Frame &f = stack.top;
  uint64_t hash = f.kind | f.phase << 8 | uint64_t{f.small} << 16;
  for (uint64_t part :
       {static_cast<uint64_t>(f.node), static_cast<uint64_t>(f.a),
        static_cast<uint64_t>(f.b), static_cast<uint64_t>(f.c),
        static_cast<uint64_t>(f.value), static_cast<uint64_t>(stack.below)}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15ull;
    hash ^= hash >> 31;
  }
  return hash;
}

JsonAutomaton::JsonAutomaton(std::shared_ptr<const JsonSchema> given)
    : schema(std::move(given)) {
  stacks.push_back({{Value}, JsonSchema::none}); // The empty one.
  int32_t below = empty;
  auto push = [&](const Frame &frame) {
    found.clear();
    emit(frame, below);
    below = found.front();
  };
  if (!schema->closing().empty())
    push({.kind = Fixed, .phase = Closing});
  push({.kind = Value, .node = schema->root()});
  if (!schema->opening().empty())
    push({.kind = Fixed, .phase = Opening});
  stateOf(found);
}

JsonAutomaton::State JsonAutomaton::stateOf(std::vector<int32_t> set) {
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  if (set.empty())
    return dead;
  auto [place, isNew] =
      setNumber.try_emplace(set, static_cast<State>(sets.size()));
  if (isNew) {
    sets.push_back(std::move(set));
    steps.emplace_back().fill(unknown);
  }
  return place->second;
}

void JsonAutomaton::emit(const Frame &frame, int32_t below) {
  auto [place, isNew] = stackNumber.try_emplace(
      Stack{frame, below}, static_cast<int32_t>(stacks.size()));
  if (isNew)
    stacks.push_back({frame, below});
  found.push_back(place->second);
}

void JsonAutomaton::restartFrom(State state) {
  const std::vector<Stack> old = std::move(stacks);
  const std::vector<int32_t> kept = sets[static_cast<size_t>(state)];
  stacks.clear();
  stacks.push_back(old.front());
  stackNumber.clear();
  sets.clear();
  setNumber.clear();
  steps.clear();
  std::vector<int32_t> set;
  for (int32_t number : kept) {
    std::vector<Frame> frames;
    for (int32_t at = number; at != empty;
         at = old[static_cast<size_t>(at)].below)
      frames.push_back(old[static_cast<size_t>(at)].top);
    int32_t below = empty;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      found.clear();
      emit(*frame, below);
      below = found.front();
    }
    set.push_back(below);
  }
  stateOf(std::move(set));
}

JsonAutomaton::State JsonAutomaton::computeStep(State state, uint8_t byte) {
  using Step = void (JsonAutomaton::*)(Frame, int32_t, uint8_t);
  static constexpr Step stepOf[] = {
      &JsonAutomaton::stepValue,  &JsonAutomaton::stepLiteral,
      &JsonAutomaton::stepString, &JsonAutomaton::stepNumber,
      &JsonAutomaton::stepObject, &JsonAutomaton::stepArray,
      &JsonAutomaton::stepFixed};
  found.clear();
  const auto index = static_cast<size_t>(state);
  for (size_t i = 0; i < sets[index].size(); ++i) {
    const int32_t number = sets[index][i];
    if (number == empty)
      continue;
    const Stack stack = stacks[static_cast<size_t>(number)];
    (this->*stepOf[stack.top.kind])(stack.top, stack.below, byte);
  }
  const State result = stateOf(found);
  return steps[index][byte] = result;
}

//===----------------------------------------------------------------------===//
// Frames. Each step emits what may be on top of `below` after `byte`; a value
// that is complete leaves `below` itself.
//===----------------------------------------------------------------------===//

void JsonAutomaton::stepValue(Frame f, int32_t below, uint8_t byte) {
  if (const int space = nextSpace(f.small, byte); space != kBroken) {
    f.small = static_cast<uint16_t>(space);
    emit(f, below);
    return;
  }
  const JsonSchema::Node &node = schema->node(f.node);
  if (node.anyOf.empty())
    startValue(f.node, below, byte);
  for (int32_t alternative : node.anyOf)
    startValue(alternative, below, byte);
}

void JsonAutomaton::startValue(int32_t number, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(number);
  if (!node.literals.empty())
    stepLiteral({.kind = Literal,
                 .node = number,
                 .a = 0,
                 .b = static_cast<int32_t>(node.literals.size())},
                below, byte);
  if (byte == '"' && node.string)
    emit({.kind = String, .node = number}, below);
  if (node.number && (byte == '-' || isDigit(byte)))
    stepNumber({.kind = Number, .phase = Sign, .node = number}, below, byte);
  if (byte == '{' && node.object)
    emit({.kind = Object, .node = number}, below);
  if (byte == '[' && node.array)
    emit({.kind = Array, .node = number}, below);
}

/// a, b: the literals that begin with the c bytes so far.
void JsonAutomaton::stepLiteral(Frame f, int32_t below, uint8_t byte) {
  const auto &literals = schema->node(f.node).literals;
  const TextRange range =
      narrow(literals, {f.a, f.b}, static_cast<size_t>(f.c), byte);
  if (range.begin == range.end)
    return;
  f.a = range.begin;
  f.b = range.end;
  ++f.c;
  if (literals[static_cast<size_t>(f.a)].size() == static_cast<size_t>(f.c)) {
    found.push_back(below);
    ++f.a;
  }
  if (f.a < f.b)
    emit(f, below);
}

/// a: characters so far, as far as their number matters; or the pattern's
/// state.
void JsonAutomaton::stepString(Frame f, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(f.node);
  if (node.pattern) {
    if (byte == '"' && node.pattern->mayEnd(f.a))
      return found.push_back(below);
    f.a = node.pattern->next(f.a, byte);
    if (f.a != JsonPattern::dead)
      emit(f, below);
    return;
  }
  const auto count = static_cast<uint32_t>(f.a);
  if (f.phase == 0 && byte == '"') {
    if (count >= node.minLength)
      found.push_back(below);
    return;
  }
  if (f.phase == 0) { // A character begins.
    if (count >= node.maxLength)
      return;
    if (node.maxLength != JsonSchema::unlimited || count < node.minLength)
      ++f.a;
  }
  const int phase = nextInString(f.phase, byte);
  if (phase == kBroken)
    return;
  f.phase = static_cast<uint8_t>(phase);
  emit(f, below);
}

/// a: digits before the point, b: behind it, c: of the exponent; small: 1 if
/// negative. `value` has the digits of a number with bounds.
void JsonAutomaton::stepNumber(Frame f, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(f.node);
  const bool bounded = node.isBounded();
  switch (f.phase) {
  case Sign:
    if (byte == '-' && f.small == 0) {
      f.small = 1;
      // There is no integer "-0".
      if (bounded && !overlaps(node, -HUGE_VAL, node.integer ? -1 : 0))
        return;
      return emit(f, below);
    }
    if (!isDigit(byte) || (byte == '0' && f.small && node.integer))
      return;
    f.phase = byte == '0' ? Zero : Whole;
    f.a = 1;
    break;
  case Zero:
  case Whole:
    if (f.phase == Whole && isDigit(byte) && f.a < kMostDigits) {
      ++f.a;
      break;
    }
    if (byte == '.' && !node.integer && f.a < kMostDigits) {
      f.phase = Point;
      break;
    }
    [[fallthrough]];
  case Fraction:
    if (f.phase == Fraction && isDigit(byte) && f.a + f.b < kMostDigits) {
      ++f.b;
      break;
    }
    if ((byte | 0x20) != 'e' || node.integer || bounded)
      return;
    f.phase = E;
    break;
  case Point:
    if (!isDigit(byte))
      return;
    f.phase = Fraction;
    f.b = 1;
    break;
  case E:
    if (byte == '+' || byte == '-') {
      f.phase = ESign;
      break;
    }
    [[fallthrough]];
  case ESign:
  case Exponent:
    if (!isDigit(byte) || f.c >= kMostExponentDigits)
      return;
    f.phase = Exponent;
    ++f.c;
    break;
  }
  if (bounded) {
    if (isDigit(byte))
      f.value = f.value * 10 + (byte - '0');
    if (!canReach(node, f.small, f.value, f.a + f.b, f.b, f.phase == Whole))
      return;
  }
  const bool complete = f.phase == Zero || f.phase == Whole ||
                        f.phase == Fraction || f.phase == Exponent;
  if (complete) {
    const double exact = bounded ? readDecimal(f.small, f.value, f.b) : 0;
    if (!bounded || overlaps(node, exact, exact))
      found.push_back(below);
  }
  emit(f, below);
}

namespace {
/// Phases of objects and arrays: what was read last.
enum : uint8_t { Opened, AfterItem, AfterComma, AfterKey, InKey };
/// In `small` of a key: it may be one that is not declared.
constexpr uint16_t kFreeKey = 0x100;
} // namespace

/// a: the next property that may come, by index; c: while a value is awaited,
/// its node.
void JsonAutomaton::stepObject(Frame f, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(f.node);
  if (f.phase == InKey)
    return stepKey(f, below, byte);
  if (f.phase == AfterKey) {
    if (byte != ':')
      return;
    const int32_t value = f.c;
    f.phase = AfterItem;
    f.c = 0;
    emit(f, below);
    const int32_t object = found.back();
    found.pop_back();
    return emit({.kind = Value, .node = value}, object);
  }
  const auto count = static_cast<int32_t>(node.properties.size());
  const bool mayClose =
      f.phase != AfterComma && node.nextRequired(f.a) == count;
  // Behind an item only a bracket follows white space.
  if (const int space = nextSpace(f.small, byte);
      space != kBroken && (f.phase != AfterItem || mayClose)) {
    f.small = static_cast<uint16_t>(space);
    return emit(f, below);
  }
  const bool more = f.a < count || node.additional != JsonSchema::none;
  if (byte == '}' && mayClose) {
    found.push_back(below);
  } else if (byte == ',' && f.phase == AfterItem && f.small == 0 && more) {
    f.phase = AfterComma;
    emit(f, below);
  } else if (byte == '"' && f.phase != AfterItem && more) {
    f.phase = InKey;
    f.small =
        node.additional != JsonSchema::none && node.nextRequired(f.a) == count
            ? kFreeKey
            : 0;
    f.b = 0;
    f.c = static_cast<int32_t>(node.names.size());
    f.value = 0;
    emit(f, below);
  }
}

/// b, c: the declared names that begin with the `value` bytes so far; `small`:
/// UTF-8, and whether it may be another name. Such a name is written without
/// escapes, or a declared one could be spelled in a second way.
void JsonAutomaton::stepKey(Frame f, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(f.node);
  const int32_t last = node.nextRequired(f.a);
  auto mayCome = [&](int32_t name) {
    const int32_t index = node.nameIndex[static_cast<size_t>(name)];
    return index >= f.a && index <= last;
  };
  const bool isDeclared =
      f.b < f.c && node.names[static_cast<size_t>(f.b)].size() ==
                       static_cast<size_t>(f.value);
  const int utf8 = f.small & 0xFF;
  const bool isFree = (f.small & kFreeKey) != 0;
  const TextRange range =
      narrow(node.names, {f.b, f.c}, static_cast<size_t>(f.value), byte);
  if (byte == '"' && range.begin == range.end) {
    Frame done{.kind = Object, .phase = AfterKey, .node = f.node};
    if (isDeclared && mayCome(f.b)) {
      const int32_t index = node.nameIndex[static_cast<size_t>(f.b)];
      done.a = index + 1;
      done.c = node.properties[static_cast<size_t>(index)].value;
    } else if (!isDeclared && isFree && utf8 == 0) {
      done.a = static_cast<int32_t>(node.properties.size());
      done.c = node.additional;
    } else {
      return;
    }
    return emit(done, below);
  }
  const int then = nextUtf8(utf8, byte);
  if (then == kBroken || byte < 0x20)
    return;
  const bool staysFree = isFree && byte != '\\' && byte != '"';
  bool any = staysFree;
  for (int32_t name = range.begin; name < range.end && !any; ++name)
    any = mayCome(name);
  if (!any)
    return;
  f.b = range.begin;
  f.c = range.end;
  // Of a name that is none of the declared ones no more needs to be known.
  f.value = range.begin < range.end ? f.value + 1 : 0;
  if (range.begin == range.end)
    f.b = f.c = 0;
  f.small = static_cast<uint16_t>(then | (staysFree ? kFreeKey : 0));
  emit(f, below);
}

/// a: items so far, as far as their number matters.
void JsonAutomaton::stepArray(Frame f, int32_t below, uint8_t byte) {
  const JsonSchema::Node &node = schema->node(f.node);
  const auto count = static_cast<uint32_t>(f.a);
  const bool mayClose = count >= node.minItems;
  if (const int space = nextSpace(f.small, byte);
      space != kBroken && (f.phase != AfterItem || mayClose)) {
    f.small = static_cast<uint16_t>(space);
    return emit(f, below);
  }
  if (byte == ']') {
    if (mayClose)
      found.push_back(below);
    return;
  }
  const bool more = count < node.maxItems;
  auto item = [&] {
    return count < node.prefixItems.size() ? node.prefixItems[count]
                                           : node.items;
  };
  auto counted = [&] {
    const uint32_t matters =
        node.maxItems != JsonSchema::unlimited
            ? node.maxItems
            : std::max(node.minItems,
                       static_cast<uint32_t>(node.prefixItems.size()));
    Frame after{.kind = Array, .phase = AfterItem, .node = f.node};
    after.a = static_cast<int32_t>(std::min(count + 1, matters));
    emit(after, below);
    const int32_t array = found.back();
    found.pop_back();
    return array;
  };
  if (!more)
    return;
  if (f.phase == AfterItem) {
    if (byte == ',' && f.small == 0) {
      const int32_t array = counted();
      emit({.kind = Value, .node = item()}, array);
    }
    return;
  }
  // The first item begins with this byte; white space was the array's.
  const int32_t array = counted();
  constexpr uint16_t kNoMoreSpace = 1;
  stepValue({.kind = Value, .small = kNoMoreSpace, .node = item()}, array,
            byte);
}

/// a: bytes so far.
void JsonAutomaton::stepFixed(Frame f, int32_t below, uint8_t byte) {
  const std::string &text =
      f.phase == Opening ? schema->opening() : schema->closing();
  if (byte != static_cast<uint8_t>(text[static_cast<size_t>(f.a)]))
    return;
  if (static_cast<size_t>(++f.a) == text.size())
    found.push_back(below);
  else
    emit(f, below);
}

} // namespace bitnet::server
