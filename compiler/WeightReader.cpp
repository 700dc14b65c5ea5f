//===- WeightReader.cpp - Tensor bytes as codes and floats ----------------===//
//
// One decoder per packing. Files are mapped on first use and stay mapped: only
// the pages of the tensor at hand need to be in memory. Nothing is assumed
// about the alignment of a tensor in its file.
//
//===----------------------------------------------------------------------===//
#include "WeightReader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include <bit>
#include <cmath>

using namespace llvm;

namespace bitnetc {

namespace {

float fromF16(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16;
  uint32_t exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
  if (exponent == 31) // Infinity and NaN
    return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) { // Zero and denormals: an exact product
    float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

void widen(const uint8_t *bytes, DType dtype, MutableArrayRef<float> out) {
  using namespace support;
  switch (dtype) {
  case DType::F32:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = std::bit_cast<float>(endian::read32le(bytes + 4 * i));
    return;
  case DType::F16:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = fromF16(endian::read16le(bytes + 2 * i));
    return;
  case DType::BF16:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] =
          std::bit_cast<float>(uint32_t(endian::read16le(bytes + 2 * i)) << 16);
    return;
  default:
    llvm_unreachable("checked by the caller");
  }
}

/// mean|W|, in double. Eight running sums keep it fast and fix the order.
double meanAbs(ArrayRef<float> w) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= w.size(); i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += std::fabs(double(w[i + j]));
  for (; i < w.size(); ++i)
    sums[i % 8] += std::fabs(double(w[i]));
  double sum = 0;
  for (double s : sums)
    sum += s;
  return w.empty() ? 0 : sum / double(w.size());
}

/// Quantises master weights that share one scale, given their mean|W|, and
/// returns the scale.
float quantizeMaster(ArrayRef<float> w, float mean, WeightQuant quant,
                     int8_t *codes) {
  if (quant == WeightQuant::Binary) {
    for (size_t i = 0; i < w.size(); ++i)
      codes[i] = w[i] >= 0 ? 1 : -1;
    return mean;
  }
  float scale = std::max(mean, 1e-5f); // as in transformers
  // clamp(rint(x), -1, 1), where a half rounds to the even 0.
  for (size_t i = 0; i < w.size(); ++i) {
    float x = w[i] / scale;
    codes[i] = int8_t(x > 0.5f) - int8_t(x < -0.5f);
  }
  return scale;
}

} // namespace

struct WeightReader::Impl {
  const Model &model;
  std::map<std::string, sys::fs::mapped_file_region> files;

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
    auto it = files.find(ref.file);
    if (it == files.end()) {
      auto region = map(ref.file);
      if (!region)
        return error(name, &ref, toString(region.takeError()));
      it = files.emplace(ref.file, std::move(*region)).first;
    }
    // The file may have changed since its header was read.
    if (ref.offset > it->second.size() ||
        ref.bytes > it->second.size() - ref.offset)
      return error(name, &ref, "lies outside the file");
    return reinterpret_cast<const uint8_t *>(it->second.const_data()) +
           ref.offset;
  }

  static Expected<sys::fs::mapped_file_region> map(StringRef file) {
    auto handle = sys::fs::openNativeFileForRead(file);
    if (!handle)
      return handle.takeError();
    sys::fs::file_status status;
    std::error_code code = sys::fs::status(*handle, status);
    sys::fs::mapped_file_region region;
    if (!code)
      region = sys::fs::mapped_file_region(
          *handle, sys::fs::mapped_file_region::readonly, status.getSize(), 0,
          code);
    sys::fs::closeFile(*handle);
    if (code)
      return errorCodeToError(code);
    return region;
  }

  static uint64_t count(const TensorRef &ref) {
    return ref.bytes / dtypeBytes(ref.dtype);
  }

  Expected<std::vector<float>> floats(const std::string &name, uint64_t begin,
                                      uint64_t end) {
    auto ref = find(name);
    if (!ref)
      return ref.takeError();
    if (!isFloat((*ref)->dtype))
      return error(name, *ref,
                   "expected F32, F16 or BF16, found " +
                       dtypeName((*ref)->dtype));
    auto data = bytes(name, **ref);
    if (!data)
      return data.takeError();
    end = std::min(end, count(**ref));
    std::vector<float> out(end - begin);
    widen(*data + begin * dtypeBytes((*ref)->dtype), (*ref)->dtype, out);
    return out;
  }

  Error decode2Bit(const std::string &name, const TensorRef &ref,
                   const uint8_t *data, QuantizedMatrix &m) {
    int64_t slice = (m.rows + 3) / 4;
    for (int64_t n = 0; n < m.rows; ++n) {
      // Row n lies in bits 2i of packed row r, n = i * slice + r.
      const uint8_t *packed = data + (n % slice) * m.cols;
      unsigned shift = unsigned(n / slice) * 2;
      int8_t *codes = m.codes.data() + n * m.cols;
      int8_t highest = -1;
      for (int64_t c = 0; c < m.cols; ++c) {
        codes[c] = int8_t((packed[c] >> shift) & 3) - 1;
        highest = std::max(highest, codes[c]);
      }
      if (highest > 1)
        return error(name, &ref,
                     "invalid code 3 in row " + Twine(n) + ", column " +
                         Twine(std::find(codes, codes + m.cols, 2) - codes));
    }
    return Error::success();
  }

  static void decodeBits(const uint8_t *data, QuantizedMatrix &m) {
    int64_t stride = (m.cols + 7) / 8;
    for (int64_t n = 0; n < m.rows; ++n)
      for (int64_t c = 0; c < m.cols; ++c)
        m.codes[n * m.cols + c] =
            (data[n * stride + c / 8] >> (c % 8)) & 1 ? 1 : -1;
  }

  Error readScale(const std::string &name, QuantizedMatrix &m) {
    auto scale = floats(name, 0, UINT64_MAX);
    if (!scale)
      return scale.takeError();
    m.scale = std::move(*scale);
    size_t expected = model.quant.scale == ScaleKind::Row ? m.rows : 1;
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

  Error readMaster(const std::string &name, QuantizedMatrix &m) {
    auto weights = floats(name, 0, UINT64_MAX);
    if (!weights)
      return weights.takeError();
    ArrayRef<float> w = *weights;
    size_t groups = model.quant.scale == ScaleKind::Row ? m.rows : 1;
    size_t size = w.size() / groups;
    for (size_t g = 0; g < groups; ++g) {
      // One infinity or NaN would turn the whole matrix to zeros.
      ArrayRef<float> group = w.slice(g * size, size);
      float mean = float(meanAbs(group));
      if (!std::isfinite(mean))
        return error(name, nullptr, "has weights that are not finite");
      m.scale.push_back(quantizeMaster(group, mean, model.quant.weight,
                                       m.codes.data() + g * size));
    }
    return Error::success();
  }
};

WeightReader::WeightReader(const Model &model)
    : impl(std::make_unique<Impl>(model)) {}
WeightReader::~WeightReader() = default;

Expected<QuantizedMatrix> WeightReader::readLinear(StringRef linear) {
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
    impl->decodeBits(*data, m);
  else if (Error error = impl->decode2Bit(weight, **ref, *data, m))
    return error;
  if (Error error = impl->readScale((linear + ".weight_scale").str(), m))
    return error;
  return m;
}

Expected<std::vector<float>> WeightReader::readFloat(StringRef tensor) {
  return impl->floats(tensor.str(), 0, UINT64_MAX);
}

Expected<std::vector<float>>
WeightReader::readRows(StringRef tensor, int64_t begin, int64_t end) {
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
