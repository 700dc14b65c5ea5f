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
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <set>

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

  static size_t scalesOfRows(const QuantizedSource &s, int64_t rows) {
    switch (s.quant.scale) {
    case ScaleKind::Tensor:
      return 1;
    case ScaleKind::Row:
      return size_t(rows);
    case ScaleKind::Group:
      return size_t(rows) * size_t(s.cols / s.quant.group);
    }
    llvm_unreachable("every kind has a case");
  }

  /// Stored scales of the rows of `m`, from `first` on.
  Error readScale(const std::string &name, const QuantizedSource &source,
                  int64_t first, QuantizedMatrix &m) {
    auto scale = floats(name, 0, UINT64_MAX);
    if (!scale)
      return scale.takeError();
    size_t expected = scalesOfRows(source, source.rows);
    if (scale->size() != expected)
      return error(name, nullptr,
                   "expected " + Twine(expected) + " values, found " +
                       Twine(scale->size()));
    size_t begin = expected == 1 ? 0 : scalesOfRows(source, first);
    m.scale.assign(scale->begin() + begin,
                   scale->begin() + begin + scalesOfRows(source, m.rows));
    for (size_t i = 0; i < m.scale.size(); ++i) {
      float stored = m.scale[i];
      if (source.quant.scaleOp == ScaleOp::Divide)
        m.scale[i] = float(1.0 / double(stored));
      if (!std::isfinite(stored) || !std::isfinite(m.scale[i]))
        return error(name, nullptr,
                     "value " + Twine(begin + i) + " is " +
                         (stored == 0 ? "0, but is divided by" : "not finite"));
    }
    return Error::success();
  }

  using Matrix = Expected<QuantizedMatrix>;
  /// Rows of a matrix and where its tensor is: what every form below is read
  /// from.
  struct Part {
    std::string name; ///< Without suffix.
    QuantizedSource source;
    const TensorRef &ref;
    int64_t begin, rows;

    std::string weight() const { return name + ".weight"; }
    QuantizedMatrix matrix() const {
      QuantizedMatrix m;
      m.rows = rows;
      m.cols = source.cols;
      m.codes.resize(size_t(rows) * size_t(source.cols));
      return m;
    }
  };

  /// The matrix's own scales, times that of the tensor beside it if there is
  /// one.
  Matrix readGguf(const Part &part) {
    std::string scaleName = part.name + ".weight_scale";
    auto data = bytes(part.weight(), part.ref);
    if (!data)
      return data.takeError();
    auto m = readGgufMatrix(part.ref, *data, part.source.quant, part.begin,
                            part.begin + part.rows);
    if (!m)
      return error(part.weight(), &part.ref, toString(m.takeError()));
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

  Matrix readMaster(const Part &part) {
    const Quantization &quant = part.source.quant;
    // What shares a mean is read as a whole.
    bool all = quant.scale == ScaleKind::Tensor;
    int64_t cols = part.source.cols, first = all ? 0 : part.begin;
    auto weights =
        floats(part.weight(), first * cols,
               (all ? part.source.rows : part.begin + part.rows) * cols);
    if (!weights)
      return weights.takeError();
    ArrayRef<float> w = *weights;
    QuantizedMatrix m = part.matrix();
    std::vector<int8_t> codes(w.size());
    size_t groups = all ? 1 : scalesOfRows(part.source, part.rows);
    size_t size = w.size() / groups;
    for (size_t g = 0; g < groups; ++g) {
      // One infinity or NaN would turn the whole matrix to zeros.
      ArrayRef<float> group = w.slice(g * size, size);
      float magnitude = float(meanAbs(group));
      if (!std::isfinite(magnitude))
        return error(part.weight(), nullptr, "has weights that are not finite");
      int8_t *to = codes.data() + g * size;
      if (quant.centred) {
        quantizeCentred(group, float(mean(group)), quant.weight, to);
        m.scale.push_back(magnitude);
      } else {
        m.scale.push_back(quantizeMaster(group, magnitude, quant.weight, to));
      }
    }
    std::copy_n(codes.begin() + (part.begin - first) * cols, m.codes.size(),
                m.codes.begin());
    return m;
  }

  /// Codes and scales of one row of values that have them.
  Error addExactRow(const Part &part, int64_t row, ArrayRef<float> w,
                    QuantizedMatrix &m) {
    const Quantization &quant = part.source.quant;
    bool zeros = quant.weight == WeightQuant::Ternary;
    for (int64_t c = 0; c < m.cols; c += quant.group) {
      auto scale = exactCodes(w.slice(c, quant.group), zeros,
                              m.codes.data() + row * m.cols + c);
      if (!scale)
        return error(part.weight(), &part.ref,
                     "row " + Twine(part.begin + row) + ", columns " +
                         Twine(c) + " to " + Twine(c + quant.group - 1) +
                         ": expected -s" + (zeros ? ", 0" : "") +
                         " and s of one scale s, found " +
                         describeValues(w.slice(c, quant.group)));
      m.scale.push_back(*scale);
    }
    return Error::success();
  }

  /// Its first different values.
  static std::string describeValues(ArrayRef<float> w) {
    std::string text;
    raw_string_ostream out(text);
    std::set<float> seen;
    for (float x : w) {
      if (std::isfinite(x) && !seen.insert(x).second)
        continue;
      out << (text.empty() ? "" : ", ");
      if (seen.size() > 5 || !std::isfinite(x)) {
        out << (std::isfinite(x) ? "..." : std::to_string(x));
        break;
      }
      out << format("%g", double(x));
    }
    return text;
  }

  Matrix readExact(const Part &part) {
    QuantizedMatrix m = part.matrix();
    for (int64_t row = 0; row < m.rows; ++row) {
      uint64_t first = (part.begin + row) * m.cols;
      auto w = floats(part.weight(), first, first + m.cols);
      if (!w)
        return w.takeError();
      if (Error e = addExactRow(part, row, *w, m))
        return e;
    }
    return m;
  }

  Matrix readMlx(const Part &part) {
    const Quantization &quant = part.source.quant;
    int64_t bits = quant.weight == WeightQuant::Binary ? 1 : 2;
    QuantizedMatrix m = part.matrix();
    auto data = bytes(part.weight(), part.ref);
    if (!data)
      return data.takeError();
    uint64_t groups = uint64_t(m.cols / quant.group);
    auto ofRows = [&](StringRef end) {
      return floats(part.name + end.str(), part.begin * groups,
                    (part.begin + m.rows) * groups);
    };
    auto scales = ofRows(".scales"), biases = ofRows(".biases");
    if (!scales || !biases)
      return joinErrors(scales.takeError(), biases.takeError());
    std::vector<float> w(m.cols);
    for (int64_t row = 0; row < m.rows; ++row) {
      unpackMlx(*data + (part.begin + row) * m.cols * bits / 8, bits,
                quant.group, ArrayRef(*scales).slice(row * groups, groups),
                ArrayRef(*biases).slice(row * groups, groups), w);
      if (Error e = addExactRow(part, row, w, m))
        return e;
    }
    return m;
  }

  Matrix readPacked(const Part &part) {
    auto data = bytes(part.weight(), part.ref);
    if (!data)
      return data.takeError();
    QuantizedMatrix m = part.matrix();
    if (part.source.quant.packing == Packing::Bits)
      decodeBits(*data + part.begin * ((m.cols + 7) / 8), m);
    else if (auto place = decode2Bit(*data, part.source.rows, part.begin, m))
      return error(part.weight(), &part.ref,
                   "invalid code 3 in row " + Twine(place->first) +
                       ", column " + Twine(place->second));
    if (Error e =
            readScale(part.name + ".weight_scale", part.source, part.begin, m))
      return e;
    return m;
  }

  struct Form {
    Packing packing;
    StringRef dtypes;
    bool (*accepts)(const TensorRef &);
    Matrix (Impl::*read)(const Part &);
  };
  static const Form &formOf(Packing packing);
  static std::vector<int64_t> storedShape(const QuantizedSource &s);
};

const WeightReader::Impl::Form &WeightReader::Impl::formOf(Packing packing) {
  auto isU8 = [](const TensorRef &t) { return t.dtype == DType::U8; };
  auto isU32 = [](const TensorRef &t) { return t.dtype == DType::U32; };
  auto areFloats = [](const TensorRef &t) { return isFloat(t.dtype); };
  static const Form forms[] = {
      {Packing::HF2Bit, "U8", isU8, &Impl::readPacked},
      {Packing::Bits, "U8", isU8, &Impl::readPacked},
      {Packing::Master, "floats", areFloats, &Impl::readMaster},
      {Packing::Exact, "floats", areFloats, &Impl::readExact},
      {Packing::Mlx, "U32", isU32, &Impl::readMlx},
      {Packing::Gguf, "blocks or floats", hasFloatValues, &Impl::readGguf},
  };
  return *find_if(forms, [&](const Form &f) { return f.packing == packing; });
}

std::vector<int64_t> WeightReader::Impl::storedShape(const QuantizedSource &s) {
  switch (s.quant.packing) {
  case Packing::HF2Bit:
    return {(s.rows + 3) / 4, s.cols};
  case Packing::Bits:
    return {s.rows, (s.cols + 7) / 8};
  case Packing::Mlx:
    return {s.rows,
            s.cols * (s.quant.weight == WeightQuant::Binary ? 1 : 2) / 32};
  default:
    return {s.rows, s.cols};
  }
}

WeightReader::WeightReader(const Model &model)
    : impl(std::make_unique<Impl>(model)) {}
WeightReader::~WeightReader() = default;

Expected<QuantizedMatrix> WeightReader::readLinear(StringRef name,
                                                   int64_t begin, int64_t end) {
  scope_exit release([&] { impl->release(); });
  std::string weight = (name + ".weight").str();
  auto ref = impl->find(weight);
  if (!ref)
    return ref.takeError();
  auto source = quantizedSource(impl->model, name);
  if (!source)
    return impl->error(weight, *ref, "is not a linear of this model");
  const Quantization &quant = source->quant;
  if (quant.weight == WeightQuant::Float)
    return impl->error(weight, *ref, "is a float matrix, not a quantised one");
  end = std::min(end, source->rows);
  if (begin < 0 || begin > end)
    return impl->error(weight, *ref,
                       "rows [" + Twine(begin) + ", " + Twine(end) + ") of " +
                           Twine(source->rows));
  const Impl::Form &form = Impl::formOf(quant.packing);
  std::vector<int64_t> stored = Impl::storedShape(*source);
  if ((*ref)->shape != stored || !form.accepts(**ref))
    return impl->error(weight, *ref,
                       "expected " + form.dtypes + " of shape " +
                           shapeText(stored) + ", found " + typeName(**ref) +
                           " of shape " + shapeText((*ref)->shape));
  auto m = (impl.get()->*form.read)(
      {name.str(), *source, **ref, begin, end - begin});
  if (m && quant.overColumns)
    for (float &scale : m->scale)
      scale /= float(m->cols);
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
