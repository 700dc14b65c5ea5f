//===- Gguf.cpp - Keys and tensors of a GGUF file -------------------------===//
//
// Layout: "GGUF", u32 version, u64 tensors, u64 keys, the keys, the tensor
// infos, then at the next multiple of general.alignment the data, to which
// tensor offsets are relative.
//
//===----------------------------------------------------------------------===//

#include "Gguf.h"
#include "Values.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <set>

namespace bitnetc::gguf {

static_assert(std::endian::native == std::endian::little);

namespace {
constexpr uint32_t kMaxDepth = 4; ///< Of arrays in arrays.
constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kMaxName = 65535;
constexpr uint64_t kMaxAlignment = 1 << 20;

template <typename T> T load(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

class Parser {
public:
  Parser(std::string_view bytes, File &file, std::string &error)
      : bytes(bytes), file(file), error(error) {}

  bool run();

private:
  bool fail(const std::string &message) {
    error = message;
    return false;
  }
  bool cut(const std::string &what) {
    return fail("the file ends inside " + what + ", at byte " +
                std::to_string(bytes.size()));
  }
  uint64_t left() const { return bytes.size() - at; }
  template <typename T> bool read(T &value) {
    if (left() < sizeof(T))
      return false;
    value = load<T>(bytes.data() + at);
    at += sizeof(T);
    return true;
  }
  /// A u64 length and so many bytes.
  bool readString(std::string_view &text) {
    uint64_t length = 0;
    if (!read(length) || length > left())
      return false;
    text = bytes.substr(at, length);
    at += length;
    return true;
  }
  bool readKey(uint64_t number);
  bool readValue(const std::string &key, Value &value);
  bool skipArray(const std::string &key, Value &value, uint32_t depth);
  bool readTensor(uint64_t number, uint64_t alignment);
  bool placeTensors(uint64_t data);
  bool chooseTypes();
  uint64_t roomOf(size_t tensor) const;

  std::string_view bytes;
  uint64_t at = 0;
  File &file;
  std::string &error;
  std::vector<uint32_t> typeIds;       ///< Of each tensor.
  std::vector<const Tensor *> inPlace; ///< By offset.
  uint64_t alignment = 32;
};
} // namespace

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

bool Parser::skipArray(const std::string &key, Value &value, uint32_t depth) {
  uint32_t element = 0;
  if (!read(element) || !read(value.count))
    return cut(key);
  if (element >= kValueTypes)
    return fail(key + ": unknown type " + std::to_string(element) +
                " of array elements");
  value.element = static_cast<ValueType>(element);
  const uint32_t size = valueBytes(value.element);
  const uint64_t begin = at;
  // Strings take at least their length, arrays their type and count.
  const uint64_t least = size                                 ? size
                         : value.element == ValueType::String ? 8
                                                              : 12;
  if (value.count > left() / least)
    return fail(key + ": an array of " + std::to_string(value.count) + " " +
                valueName(value.element) + " reaches past the end of the file");
  if (size) {
    at += value.count * size;
  } else if (value.element == ValueType::String) {
    std::string_view text;
    for (uint64_t i = 0; i < value.count; ++i)
      if (!readString(text))
        return fail(key + ": string " + std::to_string(i) +
                    " of the array reaches past the end of the file");
  } else {
    if (depth >= kMaxDepth)
      return fail(key + ": arrays are nested deeper than " +
                  std::to_string(kMaxDepth));
    Value inner;
    for (uint64_t i = 0; i < value.count; ++i)
      if (!skipArray(key, inner, depth + 1))
        return false;
  }
  value.bytes = bytes.substr(begin, at - begin);
  return true;
}

bool Parser::readValue(const std::string &key, Value &value) {
  uint32_t type = 0;
  if (!read(type))
    return cut(key);
  if (type >= kValueTypes)
    return fail(key + ": unknown type " + std::to_string(type));
  value.type = static_cast<ValueType>(type);
  if (value.type == ValueType::Array)
    return skipArray(key, value, 1);
  if (value.type == ValueType::String) {
    if (!readString(value.bytes))
      return fail(key + ": the string reaches past the end of the file");
    return true;
  }
  const uint32_t size = valueBytes(value.type);
  if (left() < size)
    return cut(key);
  value.bytes = bytes.substr(at, size);
  at += size;
  return true;
}

bool Parser::readKey(uint64_t number) {
  std::string_view name;
  if (!readString(name))
    return cut("the name of key " + std::to_string(number));
  if (name.empty() || name.size() > kMaxName)
    return fail("the name of key " + std::to_string(number) + " has " +
                std::to_string(name.size()) + " bytes");
  const std::string key = "key " + quoted(name);
  Value value;
  if (!readValue(key, value))
    return false;
  if (!file.keys.emplace(name, value).second)
    return fail(key + " occurs twice");
  return true;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

bool Parser::readTensor(uint64_t number, uint64_t alignment) {
  Tensor tensor;
  uint32_t dims = 0, type = 0;
  if (!readString(tensor.name))
    return cut("the name of tensor " + std::to_string(number));
  if (tensor.name.empty() || tensor.name.size() > kMaxName)
    return fail("the name of tensor " + std::to_string(number) + " has " +
                std::to_string(tensor.name.size()) + " bytes");
  const std::string name = "tensor " + quoted(tensor.name);
  if (!read(dims))
    return cut(name);
  if (dims > kMaxDims)
    return fail(name + ": has " + std::to_string(dims) +
                " dimensions, the limit is " + std::to_string(kMaxDims));
  for (uint32_t i = 0; i < dims; ++i) {
    uint64_t extent = 0;
    if (!read(extent))
      return cut(name);
    if (extent == 0 || extent > uint64_t{INT64_MAX})
      return fail(name + ": expected a positive extent, found " +
                  std::to_string(extent));
    tensor.shape.insert(tensor.shape.begin(), extent);
  }
  if (!read(type) || !read(tensor.offset))
    return cut(name);
  if (typesOf(type).empty())
    return fail(name + ": unknown type number " + std::to_string(type));
  if (tensor.offset % alignment)
    return fail(name + ": offset " + std::to_string(tensor.offset) +
                " is not a multiple of the alignment " +
                std::to_string(alignment));
  typeIds.push_back(type);
  file.tensors.push_back(std::move(tensor));
  return true;
}

/// Bytes from the start of a tensor to the next one or the end of the file.
uint64_t Parser::roomOf(size_t tensor) const {
  const uint64_t begin = file.tensors[tensor].offset;
  auto next = std::upper_bound(
      inPlace.begin(), inPlace.end(), begin,
      [](uint64_t offset, const Tensor *t) { return offset < t->offset; });
  return (next == inPlace.end() ? bytes.size() : (*next)->offset) - begin;
}

/// A number with several meanings has the one whose size fits every tensor of
/// that number. Tensors follow each other, padded to the alignment.
bool Parser::chooseTypes() {
  std::set<uint32_t> ids(typeIds.begin(), typeIds.end());
  for (uint32_t id : ids) {
    const std::vector<const TypeRow *> all = typesOf(id);
    std::vector<const TypeRow *> fitting = all;
    const std::string *misfit = nullptr;
    std::string sentence;
    for (size_t i = 0; i < typeIds.size(); ++i) {
      if (typeIds[i] != id || (all.size() == 1 && !all[0]->origin))
        continue;
      const uint64_t room = roomOf(i);
      const auto before = fitting;
      std::erase_if(fitting, [&](const TypeRow *type) {
        uint64_t size = 0;
        if (!tensorBytes(*type, file.tensors[i].shape, size) || size > room)
          return true;
        return room - size >= alignment; // More than padding lies between.
      });
      if (fitting.empty() && !misfit) {
        sentence = "tensor " + quoted(file.tensors[i].name) + ": type number " +
                   std::to_string(id) + " means";
        for (const TypeRow *type : before) {
          uint64_t size = 0;
          sentence += (type == before.front() ? " " : " or ") + describe(*type);
          sentence += tensorBytes(*type, file.tensors[i].shape, size)
                          ? ", " + std::to_string(size) + " bytes"
                          : ", which needs a multiple of " +
                                std::to_string(type->elements) + " elements";
        }
        sentence += "; it has " + std::to_string(room) + " bytes";
        misfit = &sentence;
      }
    }
    if (misfit)
      return fail(sentence);
    if (fitting.size() > 1) {
      sentence = "type number " + std::to_string(id) + " is ambiguous:";
      for (const TypeRow *type : fitting)
        sentence += (type == fitting.front() ? " " : " or ") + describe(*type);
      return fail(sentence + " would fit the sizes of the tensors that have "
                             "it, and the file does not say which is meant");
    }
    for (size_t i = 0; i < typeIds.size(); ++i)
      if (typeIds[i] == id)
        file.tensors[i].type = fitting[0];
  }
  return true;
}

bool Parser::placeTensors(uint64_t data) {
  std::set<std::string_view> names;
  for (Tensor &tensor : file.tensors) {
    const std::string name = "tensor " + quoted(tensor.name);
    if (!names.insert(tensor.name).second)
      return fail(name + " occurs twice");
    if (data > bytes.size() || tensor.offset > bytes.size() - data)
      return fail(name + ": offset " + std::to_string(tensor.offset) +
                  " lies outside the file");
    tensor.offset += data;
    inPlace.push_back(&tensor);
  }
  std::sort(inPlace.begin(), inPlace.end(),
            [](auto *a, auto *b) { return a->offset < b->offset; });
  if (!chooseTypes())
    return false;
  for (Tensor &tensor : file.tensors) {
    const std::string name = "tensor " + quoted(tensor.name);
    std::string shape;
    for (uint64_t extent : tensor.shape)
      shape += (shape.empty() ? "[" : ", ") + std::to_string(extent);
    shape = shape.empty() ? "[]" : shape + "]";
    if (!tensorBytes(*tensor.type, tensor.shape, tensor.bytes))
      return fail(name + ": shape " + shape + " is not possible for type " +
                  describe(*tensor.type));
    if (tensor.bytes > bytes.size() - tensor.offset)
      return fail(name + ": " + describe(*tensor.type) + " of shape " + shape +
                  " takes " + std::to_string(tensor.bytes) +
                  " bytes, the file ends after " +
                  std::to_string(bytes.size() - tensor.offset));
  }
  for (size_t i = 1; i < inPlace.size(); ++i)
    if (inPlace[i]->offset < inPlace[i - 1]->offset + inPlace[i - 1]->bytes)
      return fail("tensors " + quoted(inPlace[i - 1]->name) + " and " +
                  quoted(inPlace[i]->name) + " overlap");
  return true;
}

bool Parser::run() {
  if (!bytes.starts_with("GGUF"))
    return fail("not a GGUF file: it does not start with \"GGUF\"");
  at = 4;
  uint64_t tensors = 0, keys = 0;
  if (!read(file.version))
    return cut("the header");
  if (file.version != 2 && file.version != 3)
    return fail(file.version & 0xffff
                    ? "GGUF version " + std::to_string(file.version) +
                          " is not supported, only 2 and 3"
                    : "big-endian GGUF files are not supported");
  if (!read(tensors) || !read(keys))
    return cut("the header");
  // A key takes at least its name's length, one byte of it, type and value.
  if (keys > left() / 14)
    return fail(std::to_string(keys) + " keys reach past the end of the file");
  for (uint64_t i = 0; i < keys; ++i)
    if (!readKey(i))
      return false;
  if (const Value *value = file.find("general.alignment")) {
    auto number = value->integer();
    if (!number || *number <= 0 || uint64_t(*number) > kMaxAlignment ||
        !std::has_single_bit(uint64_t(*number)))
      return fail("key \"general.alignment\": expected a power of two, found " +
                  value->describe());
    alignment = static_cast<uint64_t>(*number);
  }
  if (tensors > left() / 25)
    return fail(std::to_string(tensors) +
                " tensors reach past the end of the file");
  for (uint64_t i = 0; i < tensors; ++i)
    if (!readTensor(i, alignment))
      return false;
  return placeTensors((at + alignment - 1) / alignment * alignment);
}

bool parse(std::string_view bytes, File &file, std::string &error) {
  return Parser(bytes, file, error).run();
}

} // namespace bitnetc::gguf
