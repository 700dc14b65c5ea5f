//===- WeightReader.cpp - Tensor bytes as codes and floats ----------------===//
//
// Files are mapped on first use and stay mapped, but what was read is let go of
// after each call: only the pages of the tensor at hand are in memory. What
// bytes mean is in WeightDecode.cpp and GgufWeights.cpp.
//
//===----------------------------------------------------------------------===//
#include "WeightReader.h"
#include "GgufWeights.h"
#include "WeightDecode.h"
#include "gguf/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include <cmath>

using namespace llvm;

namespace bitnetc {

struct WeightReader::Impl {
  const Model &model;
  std::map<std::string, gguf::MappedFile> files;

  explicit Impl(const Model &model) : model(model) {}

  Error error(const Twine &tensor, const TensorRef *ref, const Twine &message) {
    return createStringError(inconvertibleErrorCode(),
                             (ref ? ref->file : model.path) + ": tensor \"" +
                                 tensor + "\": " + message);
  }

  Expected<const TensorRef *> find(const std::string &name) {
    auto it = model.tensors.find(name);
    if (it == model.tensors.end())
      return error(name, nullptr, "is missing");
    return &it->second;
  }

  Expected<const uint8_t *> bytes(const std::string &name,
                                  const TensorRef &ref) {
    auto [it, isNew] = files.try_emplace(ref.file);
    std::string reason;
    if (isNew && !it->second.open(ref.file, reason)) {
      files.erase(it);
      return error(name, &ref, reason);
    }
    // The file may have changed since its header was read.
    const std::string_view view = it->second.bytes();
    if (ref.offset > view.size() || ref.bytes > view.size() - ref.offset)
      return error(name, &ref, "lies outside the file");
    return reinterpret_cast<const uint8_t *>(view.data()) + ref.offset;
  }

  /// Lets go of the pages of all files. They stay in the system's cache, where
  /// they do not count as memory of this process.
  void release() {
    for (auto &[name, file] : files)
      file.release();
  }

  static uint64_t count(const TensorRef &ref) {
    return ref.bytes / dtypeBytes(ref.dtype);
  }

  Expected<std::vector<float>> floats(const std::string &name, uint64_t begin,
                                      uint64_t end) {
    auto ref = find(name);
    if (!ref)
      return ref.takeError();
    if (!hasFloatValues(**ref))
      return error(name, *ref,
                   "expected F32, F16 or BF16, found " + typeName(**ref));
    auto data = bytes(name, **ref);
    if (!data)
      return data.takeError();
    if ((*ref)->format != gguf::Format::None)
      return readBlockValues(**ref, *data, begin, end);
    end = std::min(end, count(**ref));
    std::vector<float> out(end - begin);
    widen(*data + begin * dtypeBytes((*ref)->dtype), (*ref)->dtype, out);
    return out;
  }

  size_t scaleCount(const QuantizedMatrix &m) const {
    switch (model.quant.scale) {
    case ScaleKind::Tensor:
      return 1;
    case ScaleKind::Row:
      return size_t(m.rows);
    case ScaleKind::Group:
      return size_t(m.rows) * size_t(m.cols / model.quant.group);
    }
    llvm_unreachable("every kind has a case");
  }

  Error readScale(const std::string &name, QuantizedMatrix &m) {
    auto scale = floats(name, 0, UINT64_MAX);
    if (!scale)
      return scale.takeError();
    m.scale = std::move(*scale);
    size_t expected = scaleCount(m);
    if (m.scale.size() != expected)
      return error(name, nullptr,
                   "expected " + Twine(expected) + " values, found " +
                       Twine(m.scale.size()));
    for (size_t i = 0; i < m.scale.size(); ++i) {
      float stored = m.scale[i];
      if (model.quant.scaleOp == ScaleOp::Divide)
        m.scale[i] = float(1.0 / double(stored));
      if (!std::isfinite(stored) || !std::isfinite(m.scale[i]))
        return error(name, nullptr,
                     "value " + Twine(i) + " is " +
                         (stored == 0 ? "0, but is divided by" : "not finite"));
    }
    return Error::success();
  }

  /// The matrix's own scales, times that of the tensor beside it if there is
  /// one.
  Expected<QuantizedMatrix> readGguf(const std::string &linear,
                                     const LinearShape &shape) {
    std::string name = linear + ".weight", scaleName = linear + ".weight_scale";
    const TensorRef &ref = model.tensors.at(name);
    auto data = bytes(name, ref);
    if (!data)
      return data.takeError();
    if (ref.shape != std::vector<int64_t>{shape.rows, shape.cols})
      return error(name, &ref,
                   "expected shape " + shapeText({shape.rows, shape.cols}) +
                       ", found " + shapeText(ref.shape));
    auto m = readGgufMatrix(ref, *data, model.quant);
    if (!m)
      return error(name, &ref, toString(m.takeError()));
    if (!model.tensors.count(scaleName))
      return m;
    auto scale = floats(scaleName, 0, UINT64_MAX);
    if (!scale)
      return scale.takeError();
    for (float &s : m->scale) {
      s *= scale->front();
      if (!std::isfinite(s))
        return error(scaleName, nullptr, "is not finite");
    }
    return m;
  }

  Error readMaster(const std::string &name, QuantizedMatrix &m) {
    auto weights = floats(name, 0, UINT64_MAX);
    if (!weights)
      return weights.takeError();
    ArrayRef<float> w = *weights;
    size_t groups = scaleCount(m);
    size_t size = w.size() / groups;
    for (size_t g = 0; g < groups; ++g) {
      // One infinity or NaN would turn the whole matrix to zeros.
      ArrayRef<float> group = w.slice(g * size, size);
      float magnitude = float(meanAbs(group));
      if (!std::isfinite(magnitude))
        return error(name, nullptr, "has weights that are not finite");
      int8_t *codes = m.codes.data() + g * size;
      if (model.quant.centred) {
        quantizeCentred(group, float(mean(group)), codes);
        m.scale.push_back(magnitude);
      } else {
        m.scale.push_back(
            quantizeMaster(group, magnitude, model.quant.weight, codes));
      }
    }
    return Error::success();
  }
};

WeightReader::WeightReader(const Model &model)
    : impl(std::make_unique<Impl>(model)) {}
WeightReader::~WeightReader() = default;

Expected<QuantizedMatrix> WeightReader::readLinear(StringRef linear) {
  scope_exit release([&] { impl->release(); });
  std::string weight = (linear + ".weight").str();
  auto ref = impl->find(weight);
  if (!ref)
    return ref.takeError();
  // "model.layers.0.mlp.up_proj" ends in the name of a linear of the layer,
  // which knows the rows: a packed tensor alone does not.
  const auto linears = layerLinears(impl->model);
  auto shape = find_if(linears, [&](const LinearShape &l) {
    return linear.ends_with("." + l.name);
  });
  if (shape == linears.end())
    return impl->error(weight, *ref, "is not a linear of this model");
  const Quantization &quant = impl->model.quant;
  if (quant.weight == WeightQuant::Float)
    return impl->error(weight, *ref, "is a float matrix, not a quantised one");
  if (quant.packing == Packing::Gguf)
    return impl->readGguf(linear.str(), *shape);

  QuantizedMatrix m;
  m.rows = shape->rows;
  m.cols = shape->cols;
  std::vector<int64_t> stored = {m.rows, m.cols};
  if (quant.packing == Packing::HF2Bit)
    stored[0] = (m.rows + 3) / 4;
  if (quant.packing == Packing::Bits)
    stored[1] = (m.cols + 7) / 8;
  bool master = quant.packing == Packing::Master;
  if ((*ref)->shape != stored ||
      (master ? !isFloat((*ref)->dtype) : (*ref)->dtype != DType::U8))
    return impl->error(weight, *ref,
                       "expected " + Twine(master ? "floats" : "U8") +
                           " of shape " + shapeText(stored) + ", found " +
                           dtypeName((*ref)->dtype) + " of shape " +
                           shapeText((*ref)->shape));
  m.codes.resize(size_t(m.rows) * size_t(m.cols));
  if (master) {
    if (Error error = impl->readMaster(weight, m))
      return error;
    return m;
  }

  auto data = impl->bytes(weight, **ref);
  if (!data)
    return data.takeError();
  if (quant.packing == Packing::Bits)
    decodeBits(*data, m);
  else if (auto place = decode2Bit(*data, m))
    return impl->error(weight, *ref,
                       "invalid code 3 in row " + Twine(place->first) +
                           ", column " + Twine(place->second));
  if (Error error = impl->readScale((linear + ".weight_scale").str(), m))
    return error;
  return m;
}

Expected<std::vector<float>> WeightReader::readFloat(StringRef tensor) {
  scope_exit release([&] { impl->release(); });
  return impl->floats(tensor.str(), 0, UINT64_MAX);
}

Expected<std::vector<float>>
WeightReader::readRows(StringRef tensor, int64_t begin, int64_t end) {
  scope_exit release([&] { impl->release(); });
  std::string name = tensor.str();
  auto ref = impl->find(name);
  if (!ref)
    return ref.takeError();
  ArrayRef<int64_t> shape = (*ref)->shape;
  if (shape.size() != 2 || begin < 0 || begin > end || end > shape[0])
    return impl->error(name, *ref,
                       "rows [" + Twine(begin) + ", " + Twine(end) +
                           ") of shape " + shapeText(shape));
  return impl->floats(name, begin * shape[1], end * shape[1]);
}

} // namespace bitnetc
