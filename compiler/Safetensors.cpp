//===- Safetensors.cpp - Header of a safetensors file ---------------------===//
//
// Layout: u64 header length (little endian), that many bytes of JSON, then the
// data. The JSON maps a name to {"dtype", "shape", "data_offsets":[begin,end]}
// with offsets into the data, and "__metadata__" to strings.
//
//===----------------------------------------------------------------------===//
#include "Safetensors.h"
#include "JsonFields.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>

using namespace llvm;

namespace bitnetc {

/// The same limit as the reference implementation.
static constexpr uint64_t maxHeader = 100'000'000;

static Expected<TensorRef> readEntry(StringRef file, StringRef name,
                                     const Json &entry, uint64_t dataBegin,
                                     uint64_t dataBytes) {
  auto error = [&](const Twine &message) {
    return fileError(file, "tensor \"" + name + "\": " + message);
  };
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets"))
    return error("expected an object with dtype, shape and data_offsets");

  TensorRef tensor;
  tensor.file = file.str();
  const Json &dtype = entry["dtype"];
  std::optional<DType> type;
  if (dtype.is_string())
    type = dtypeFromName(dtype.get_ref<const std::string &>());
  if (!type)
    return error("unknown dtype " +
                 dtype.dump(-1, ' ', false, Json::error_handler_t::replace));
  tensor.dtype = *type;

  const Json &shape = entry["shape"];
  if (!shape.is_array())
    return error("expected a list as shape");
  uint64_t bytes = dtypeBytes(tensor.dtype);
  bool overflow = false;
  for (const Json &extent : shape) {
    if (!extent.is_number_unsigned() ||
        extent.get<uint64_t>() > uint64_t(INT64_MAX))
      return error("expected non-negative integers in shape");
    uint64_t n = extent.get<uint64_t>();
    tensor.shape.push_back(int64_t(n));
    // A zero extent hides an overflow of the others, which then is harmless.
    bool step = false;
    bytes = SaturatingMultiply(bytes, n, &step);
    overflow = n != 0 && (overflow || step);
  }
  if (overflow)
    return error("the size of shape " + shapeText(tensor.shape) + " overflows");

  const Json &offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 ||
      !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    return error("expected two non-negative integers as data_offsets");
  uint64_t begin = offsets[0].get<uint64_t>();
  uint64_t end = offsets[1].get<uint64_t>();
  if (begin > end || end > dataBytes)
    return error("data_offsets [" + Twine(begin) + ", " + Twine(end) +
                 "] lie outside the " + Twine(dataBytes) +
                 " bytes of data in the file");
  if (end - begin != bytes)
    return error(dtypeName(tensor.dtype) + " of shape " +
                 shapeText(tensor.shape) + " takes " + Twine(bytes) +
                 " bytes, but data_offsets span " + Twine(end - begin));
  tensor.offset = dataBegin + begin;
  tensor.bytes = bytes;
  return tensor;
}

Expected<std::map<std::string, TensorRef>> readSafetensors(StringRef file) {
  // Large files are mapped, so only the pages of the header are read.
  auto buffer = MemoryBuffer::getFile(file, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fileError(file, "cannot be read: " + buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.size() < 8)
    return fileError(file, "not a safetensors file: shorter than 8 bytes");
  uint64_t header = support::endian::read64le(bytes.data());
  if (header > bytes.size() - 8)
    return fileError(file, "header of " + Twine(header) +
                               " bytes reaches past the end of the file (" +
                               Twine(bytes.size()) + " bytes)");
  if (header > maxHeader)
    return fileError(file, "header of " + Twine(header) +
                               " bytes is above the limit of " +
                               Twine(maxHeader));

  auto document = parseJson(bytes.substr(8, header), file);
  if (!document)
    return document.takeError();
  if (!document->is_object())
    return fileError(file, "the header is not a JSON object");

  std::map<std::string, TensorRef> tensors;
  uint64_t dataBytes = bytes.size() - 8 - header;
  for (auto &item : document->items()) {
    if (item.key() == "__metadata__") {
      if (!item.value().is_object() ||
          !llvm::all_of(item.value(), [](auto &v) { return v.is_string(); }))
        return fileError(file, "\"__metadata__\" must map names to strings");
      continue;
    }
    auto tensor =
        readEntry(file, item.key(), item.value(), 8 + header, dataBytes);
    if (!tensor)
      return tensor.takeError();
    tensors.emplace(item.key(), std::move(*tensor));
  }

  std::vector<const std::pair<const std::string, TensorRef> *> order;
  for (auto &entry : tensors)
    if (entry.second.bytes)
      order.push_back(&entry);
  llvm::sort(order, [](auto *a, auto *b) {
    return a->second.offset < b->second.offset;
  });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->second.offset <
        order[i - 1]->second.offset + order[i - 1]->second.bytes)
      return fileError(file, "tensors \"" + order[i - 1]->first + "\" and \"" +
                                 order[i]->first + "\" overlap");
  // The format knows no padding; what is more was cut off elsewhere or added.
  const uint64_t end =
      order.empty() ? 8 + header
                    : order.back()->second.offset + order.back()->second.bytes;
  if (end != bytes.size())
    return fileError(file, "tensors end at byte " + Twine(end) + " of " +
                               Twine(bytes.size()));
  return tensors;
}

} // namespace bitnetc
