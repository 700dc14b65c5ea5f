//===- InterpreterOps.cpp - Arithmetic of the interpreter -----------------===//
//
// Every sum below states its order. Compiled with -ffp-contract=off: a product
// that is added is rounded first, as in the generated code.
//
//===----------------------------------------------------------------------===//

#include "dialect/InterpreterOps.h"
#include "dialect/ScalarMath.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;
using namespace mlir::bitnet::scalar;

/// Applies `f` to all elements of one or two tensors of the same shape.
template <typename F> static Tensor map(const Tensor &x, F f) {
  Tensor::Floats out(x.floats().size());
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = f(x.floats()[i]);
  return Tensor::of(x.shape, std::move(out));
}

template <typename F> static Tensor zip(const Tensor &a, const Tensor &b, F f) {
  Tensor::Floats out(a.floats().size());
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = f(a.floats()[i], b.floats()[i]);
  return Tensor::of(a.shape, std::move(out));
}

/// One scale for all rows, or one each.
static float scaleOf(ArrayRef<float> scales, int64_t row) {
  return scales[scales.size() == 1 ? 0 : row];
}

//===----------------------------------------------------------------------===//
// Graph level
//===----------------------------------------------------------------------===//

Tensor scalar::embed(ArrayRef<int32_t> tokens, const MatrixView &weight,
                     int64_t width) {
  Tensor::Floats out;
  out.reserve(tokens.size() * width);
  int64_t rows = weight.codes.size() / width;
  // One scale for all, one a row, or several.
  int64_t perRow = weight.scales.size() == 1 ? 0 : weight.scales.size() / rows;
  for (int32_t token : tokens)
    for (int64_t i = 0; i < width; ++i)
      out.push_back(static_cast<float>(weight.codes[token * width + i]) *
                    weight.scales[token * perRow + i * perRow / width]);
  return Tensor::of({static_cast<int64_t>(tokens.size()), width},
                    std::move(out));
}

Tensor scalar::gatherRows(const Tensor &x, ArrayRef<int32_t> rows) {
  Tensor::Floats out;
  for (int32_t i : rows)
    llvm::append_range(out, x.row(i));
  return Tensor::of({static_cast<int64_t>(rows.size()), x.rowSize()},
                    std::move(out));
}

/// Lane i % 16, rising.
template <typename F> static float sumOfRow(ArrayRef<float> row, F term) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < row.size(); ++i) {
    float value = term(row[i]);
    lanes[i % kLanes] += value;
  }
  return sum16(lanes);
}

Tensor scalar::centre(const Tensor &x) {
  int64_t k = x.rowSize();
  Tensor::Floats out(x.floats().size());
  for (int64_t t = 0; t < x.rows(); ++t) {
    float mean =
        sumOfRow(x.row(t), [](float v) { return v; }) / static_cast<float>(k);
    for (int64_t i = 0; i < k; ++i)
      out[t * k + i] = x.row(t)[i] - mean;
  }
  return Tensor::of(x.shape, std::move(out));
}

Tensor scalar::rmsNorm(const Tensor &x, ArrayRef<float> gain,
                       ArrayRef<float> bias, float eps) {
  int64_t k = x.rowSize();
  Tensor::Floats out(x.floats().size());
  for (int64_t t = 0; t < x.rows(); ++t) {
    ArrayRef<float> row = x.row(t);
    float mean =
        sumOfRow(row, [](float v) { return v * v; }) / static_cast<float>(k);
    float r = 1.0f / std::sqrt(mean + eps);
    for (int64_t i = 0; i < k; ++i) {
      float y = row[i] * r;
      if (!gain.empty())
        y = y * gain[i];
      out[t * k + i] = bias.empty() ? y : y + bias[i];
    }
  }
  return Tensor::of(x.shape, std::move(out));
}

Tensor scalar::scaleColumns(const Tensor &x, ArrayRef<float> gain) {
  Tensor::Floats out(x.floats().size());
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = x.floats()[i] * gain[i % gain.size()];
  return Tensor::of(x.shape, std::move(out));
}

Tensor scalar::headNorm(const Tensor &x, ArrayRef<float> gain, float eps,
                        int64_t headDim) {
  // A head is a row of its own.
  Tensor heads =
      Tensor::of({x.rows() * x.rowSize() / headDim, headDim}, x.floats());
  Tensor out = rmsNorm(heads, gain, {}, eps);
  out.shape = x.shape;
  return out;
}

Tensor scalar::rope(const Tensor &x, ArrayRef<int32_t> positions,
                    ArrayRef<float> table, RopeKind kind, int64_t headDim) {
  int64_t k = x.rowSize(), half = headDim / 2;
  Tensor::Floats out(x.floats().size());
  for (int64_t t = 0; t < x.rows(); ++t)
    for (int64_t head = 0; head < k; head += headDim)
      for (int64_t i = 0; i < half; ++i) {
        int64_t a = t * k + head + (kind == RopeKind::Half ? i : 2 * i);
        int64_t b = kind == RopeKind::Half ? a + half : a + 1;
        float xa = x.floats()[a], xb = x.floats()[b];
        float cos = table[positions[t] * headDim + i];
        float sin = table[positions[t] * headDim + half + i];
        float aCos = xa * cos, bSin = xb * sin;
        float bCos = xb * cos, aSin = xa * sin;
        out[a] = aCos - bSin;
        out[b] = bCos + aSin;
      }
  return Tensor::of(x.shape, std::move(out));
}

Tensor scalar::activation(ActivationKind kind, const Tensor &x) {
  return map(x, kind == ActivationKind::SiLU ? silu : relu2);
}

Tensor scalar::multiply(const Tensor &a, const Tensor &b) {
  return zip(a, b, [](float x, float y) { return x * y; });
}

Tensor scalar::add(const Tensor &a, const Tensor &b) {
  return zip(a, b, [](float x, float y) { return x + y; });
}

//===----------------------------------------------------------------------===//
// Decomposed level
//===----------------------------------------------------------------------===//

namespace {
/// The code of the largest magnitude, and the bounds of codes.
struct Bounds {
  float peak;
  int32_t smallest, largest;
};
} // namespace

static Bounds boundsOf(int64_t planes, CodeRange range) {
  if (planes == 2)
    return {kPeak16, -int32_t(kPeak16), int32_t(kPeak16)};
  switch (range) {
  case CodeRange::Signed127:
    return {127.0f, -128, 127};
  case CodeRange::Signed128:
    return {128.0f, -128, 127};
  case CodeRange::Shifted128:
    return {128.0f, 0, 127};
  }
  llvm_unreachable("range of codes");
}

Quantized scalar::quantize(const Tensor &x, int64_t planes, CodeRange range,
                           int64_t groups) {
  int64_t rows = x.rows(), k = x.rowSize(), part = k / groups;
  const Bounds bounds = boundsOf(planes, range);
  Tensor::Codes codes(rows * planes * k);
  Tensor::Floats scale(rows * groups);
  Tensor::Ints sum(rows * planes * groups);
  for (int64_t tg = 0; tg < rows * groups; ++tg) {
    int64_t t = tg / groups, g = tg % groups;
    ArrayRef<float> values = x.row(t).slice(g * part, part);
    float shift = 0.0f, absMax = kMinAbsMax;
    if (range == CodeRange::Shifted128)
      shift = *llvm::min_element(values);
    for (float v : values)
      absMax = std::max(absMax, std::fabs(v - shift));
    float s = bounds.peak / absMax;
    scale[tg] = absMax / bounds.peak;
    int8_t *high = codes.data() + t * planes * k + g * part,
           *low = high + (planes - 1) * k;
    for (int64_t i = 0; i < part; ++i) {
      int32_t q = std::clamp(roundToEvenInt((values[i] - shift) * s),
                             bounds.smallest, bounds.largest);
      low[i] = static_cast<int8_t>(q & 255);
      if (planes == 2)
        high[i] = static_cast<int8_t>((q - low[i]) >> 8);
    }
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t i = 0; i < part; ++i)
        sum[(t * planes + p) * groups + g] += high[p * k + i];
  }
  std::vector<int64_t> scaleShape = {rows};
  if (groups > 1)
    scaleShape.push_back(groups);
  return {Tensor::of({rows, planes, k}, std::move(codes)),
          Tensor::of(scaleShape, std::move(scale)),
          Tensor::of({rows, planes * groups}, std::move(sum))};
}

Tensor scalar::binarize(const Tensor &x, BitQuant quant) {
  int64_t rows = x.rows(), planes = planesOf(quant), k = x.rowSize();
  Tensor::Bits bits(rows * planes * k);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t i = 0; i < k; ++i) {
        float v = x.row(t)[i];
        bits[(t * planes + p) * k + i] = quant == BitQuant::Sign ? v >= 0.0f
                                         : p == 0                ? v > 0.5f
                                                                 : v < -0.5f;
      }
  return Tensor::of({rows, planes, k}, std::move(bits));
}

Tensor scalar::meanAbs(const Tensor &x) {
  Tensor::Floats out(x.rows());
  for (int64_t t = 0; t < x.rows(); ++t)
    out[t] = sumOfRow(x.row(t), [](float v) { return std::fabs(v); }) /
             static_cast<float>(x.rowSize());
  return Tensor::of({x.rows()}, std::move(out));
}

Tensor scalar::pack(const Tensor &bits) {
  const auto &in = std::get<Tensor::Bits>(bits.data);
  int64_t rows = bits.rows(), planes = bits.shape[1], k = bits.shape[2];
  int64_t words = llvm::divideCeil(k, 64);
  Tensor::Words out(rows * planes * words);
  for (int64_t tp = 0; tp < rows * planes; ++tp)
    for (int64_t i = 0; i < k; ++i)
      out[tp * words + i / 64] |= static_cast<int64_t>(
          static_cast<uint64_t>(in[tp * k + i]) << (i % 64));
  return Tensor::of({rows, planes, words}, std::move(out));
}

Tensor scalar::packCodes(const Tensor &codes) {
  const auto &in = std::get<Tensor::Codes>(codes.data);
  int64_t rows = codes.rows(), planes = planesOf(BitQuant::Int8),
          k = codes.shape[2];
  Tensor::Bits bits(rows * planes * k);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t i = 0; i < k; ++i)
        bits[(t * planes + p) * k + i] = in[t * k + i] >> p & 1;
  return pack(Tensor::of({rows, planes, k}, std::move(bits)));
}

Tensor scalar::countOnes(const Tensor &packed, int64_t groups) {
  const auto &in = std::get<Tensor::Words>(packed.data);
  int64_t rows = packed.rows(), planes = packed.shape[1],
          words = packed.shape[2];
  Tensor::Ints out(rows * planes * groups);
  for (int64_t i = 0; i < rows * planes * words; ++i)
    out[i / words * groups + i % words * groups / words] +=
        llvm::popcount(static_cast<uint64_t>(in[i]));
  return Tensor::of({rows, planes * groups}, std::move(out));
}

/// The codes of one token that its planes of bits stand for.
static void decodeBits(const int64_t *planes, int64_t words, BitQuant quant,
                       Tensor::Codes &codes) {
  for (size_t i = 0; i < codes.size(); ++i) {
    auto bit = [&](int64_t plane) {
      return static_cast<int8_t>(planes[plane * words + i / 64] >> (i % 64) &
                                 1);
    };
    switch (quant) {
    case BitQuant::Sign:
      codes[i] = bit(0) ? 1 : -1;
      break;
    case BitQuant::Bit:
      codes[i] = bit(0);
      break;
    case BitQuant::Ternary:
      codes[i] = bit(0) - bit(1);
      break;
    case BitQuant::Int8: {
      int code = -128 * bit(7);
      for (int64_t p = 0; p < 7; ++p)
        code += bit(p) << p;
      codes[i] = static_cast<int8_t>(code);
      break;
    }
    }
  }
}

/// Exact in i32 (Interpreter.cpp refuses weights that could overflow).
static int32_t dotRow(const int8_t *w, const int8_t *q, int64_t k) {
  int32_t sum = 0;
  for (int64_t i = 0; i < k; ++i)
    sum += static_cast<int32_t>(w[i]) * static_cast<int32_t>(q[i]);
  return sum;
}

Tensor scalar::dot(const Tensor &input, BitQuant quant, ArrayRef<int8_t> weight,
                   int64_t n, int64_t k, int64_t groups) {
  bool packed = std::holds_alternative<Tensor::Words>(input.data);
  int64_t rows = input.rows(), planes = packed ? 1 : input.shape[1];
  int64_t part = k / groups; // Columns of a group.
  Tensor::Ints out(rows * planes * groups * n);
  Tensor::Codes decoded(packed ? k : 0);
  for (int64_t tp = 0; tp < rows * planes; ++tp) {
    const int8_t *q = decoded.data();
    if (packed) {
      const auto &words = std::get<Tensor::Words>(input.data);
      decodeBits(&words[tp * input.rowSize()], input.shape[2], quant, decoded);
    } else {
      q = &std::get<Tensor::Codes>(input.data)[tp * k];
    }
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t row = 0; row < n; ++row)
        out[(tp * groups + g) * n + row] =
            dotRow(&weight[row * k + g * part], q + g * part, part);
  }
  return Tensor::of({rows, planes * groups, n}, std::move(out));
}

/// The value of one or two planes of dots, `apart` from each other.
static float joinPlanes(const int32_t *dots, int64_t planes, int64_t apart) {
  float value = static_cast<float>(dots[0]);
  if (planes == 1)
    return value;
  float high = value * 256.0f;
  return high + static_cast<float>(dots[apart]);
}

/// Every group has its own scale in each row, and maybe for each token; their
/// sum runs in rising order.
static Tensor dequantizeGroups(const Tensor &dots, const Tensor *tokenScale,
                               ArrayRef<float> scales) {
  const auto &in = std::get<Tensor::Ints>(dots.data);
  int64_t rows = dots.rows(), n = dots.shape[2], groups = scales.size() / n;
  int64_t planes = dots.shape[1] / groups;
  const bool byGroup = tokenScale && tokenScale->shape.size() == 2;
  Tensor::Floats out(rows * n);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = 0; i < n; ++i) {
      float value = 0.0f;
      for (int64_t g = 0; g < groups; ++g) {
        float scale = scales[i * groups + g];
        if (byGroup)
          scale = scale * tokenScale->floats()[t * groups + g];
        float product = joinPlanes(&in[(t * planes * groups + g) * n + i],
                                   planes, groups * n) *
                        scale;
        value += product;
      }
      out[t * n + i] =
          byGroup || !tokenScale ? value : value * tokenScale->floats()[t];
    }
  return Tensor::of({rows, n}, std::move(out));
}

Tensor scalar::dequantize(const Tensor &dots, const Tensor *tokenScale,
                          ArrayRef<float> scales, bool grouped) {
  if (grouped)
    return dequantizeGroups(dots, tokenScale, scales);
  const auto &in = std::get<Tensor::Ints>(dots.data);
  int64_t rows = dots.rows(), planes = dots.shape[1], n = dots.shape[2];
  Tensor::Floats out(rows * n);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = 0; i < n; ++i) {
      float value = joinPlanes(&in[t * planes * n + i], planes, n);
      float scale = scaleOf(scales, i);
      if (tokenScale)
        scale = scale * tokenScale->floats()[t];
      out[t * n + i] = value * scale;
    }
  return Tensor::of({rows, n}, std::move(out));
}
