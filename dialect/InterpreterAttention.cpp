//===- InterpreterAttention.cpp - Attention of the interpreter ------------===//
//
// The KV cache in its forms and what is computed over it. Every float sum
// states its order; sums of codes and of signs are exact in any.
//
//===----------------------------------------------------------------------===//

#include "dialect/InterpreterOps.h"
#include "dialect/ScalarMath.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

/// codes = round(x * (peak / a)), a = max(max|x|, kMinCacheMax); returns the
/// scale a / peak. A code's magnitude is at most `peak`.
template <typename Code>
static float makeCodes(ArrayRef<float> x, float peak,
                       MutableArrayRef<Code> codes) {
  float a = kMinCacheMax;
  for (float v : x)
    a = std::max(a, std::fabs(v));
  float factor = peak / a;
  for (size_t i = 0; i < x.size(); ++i)
    codes[i] = static_cast<Code>(roundToEvenInt(x[i] * factor));
  return a / peak;
}

/// signs: +1 where x >= 0, else -1.
template <typename Code>
static void makeSigns(ArrayRef<float> x, MutableArrayRef<Code> signs) {
  for (size_t i = 0; i < x.size(); ++i)
    signs[i] = x[i] >= 0.0f ? 1 : -1;
}

/// sum|x| / d, the sum over 16 lanes.
static float meanMagnitude(ArrayRef<float> x) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < x.size(); ++i)
    lanes[i % kLanes] += std::fabs(x[i]);
  return sum16(lanes) / static_cast<float>(x.size());
}

static void append(KVSequence::Rows &rows, const KVSequence &kv,
                   int64_t position, ArrayRef<float> row) {
  size_t end = (position + 1) * kv.width;
  if (kv.form == KVForm::F16) {
    rows.halves.resize(std::max(rows.halves.size(), end));
    for (int64_t i = 0; i < kv.width; ++i)
      rows.halves[position * kv.width + i] = f32ToF16(row[i]);
    return;
  }
  rows.codes.resize(std::max(rows.codes.size(), end));
  rows.scales.resize(rows.codes.size() / kv.headDim);
  for (int64_t i = 0; i < kv.width; i += kv.headDim) {
    int64_t at = position * kv.width + i;
    ArrayRef<float> x = row.slice(i, kv.headDim);
    MutableArrayRef<int8_t> codes(&rows.codes[at], kv.headDim);
    float &scale = rows.scales[at / kv.headDim];
    if (kv.form == KVForm::B1) {
      makeSigns(x, codes);
      scale = meanMagnitude(x);
    } else {
      scale = makeCodes(x, 127.0f, codes);
    }
  }
}

void scalar::kvAppend(KVSequence &kv, int64_t position, ArrayRef<float> key,
                      ArrayRef<float> value, int64_t headDim, KVForm form) {
  kv.form = form;
  kv.width = key.size();
  kv.headDim = headDim;
  kv.present.resize(std::max<size_t>(kv.present.size(), position + 1));
  kv.present[position] = true;
  append(kv.keys, kv, position, key);
  append(kv.values, kv, position, value);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// What one query head reads: a KV head's part of every row.
struct Head {
  const KVSequence &kv;
  int64_t number;
  float scoreScale;
  int64_t d() const { return kv.headDim; }
  /// The first element in row `position`.
  int64_t at(int64_t position) const {
    return position * kv.width + number * d();
  }
  float scale(const KVSequence::Rows &rows, int64_t position) const {
    return rows.scales[at(position) / d()];
  }
};
} // namespace

/// s[j] of the positions from `first`.
static void scores(const Head &head, ArrayRef<float> q, int64_t first,
                   MutableArrayRef<float> s) {
  float rootScale = 1.0f / std::sqrt(static_cast<float>(head.d()));
  if (head.kv.form == KVForm::F16) {
    for (size_t j = 0; j < s.size(); ++j) {
      const uint16_t *key = &head.kv.keys.halves[head.at(first + j)];
      float score = 0.0f;
      for (int64_t i = 0; i < head.d(); ++i) { // rising
        float product = q[i] * f16ToF32(key[i]);
        score += product;
      }
      s[j] = score * rootScale;
    }
    return;
  }
  bool signs = head.kv.form == KVForm::B1;
  std::vector<int32_t> codes(q.size());
  float scale;
  if (signs) {
    makeSigns<int32_t>(q, codes);
    scale = head.scoreScale / std::sqrt(static_cast<float>(head.d()));
  } else {
    scale = makeCodes<int32_t>(q, kPeak16, codes) * rootScale;
  }
  for (size_t j = 0; j < s.size(); ++j) {
    const int8_t *key = &head.kv.keys.codes[head.at(first + j)];
    int32_t dot = 0;
    for (int64_t i = 0; i < head.d(); ++i)
      dot += codes[i] * key[i];
    float keyScale = signs ? 1.0f : head.scale(head.kv.keys, first + j);
    s[j] = static_cast<float>(dot) * (scale * keyScale);
  }
}

/// o = sum_j p[j] v[j] of the positions from `first`.
static void weigh(const Head &head, MutableArrayRef<float> p, int64_t first,
                  MutableArrayRef<float> o) {
  const KVSequence::Rows &values = head.kv.values;
  if (head.kv.form == KVForm::F16) {
    for (int64_t i = 0; i < head.d(); ++i) {
      o[i] = 0.0f;
      for (size_t j = 0; j < p.size(); ++j) { // rising
        float product = p[j] * f16ToF32(values.halves[head.at(first + j) + i]);
        o[i] += product;
      }
    }
    return;
  }
  for (size_t j = 0; j < p.size(); ++j)
    p[j] = p[j] * head.scale(values, first + j);
  if (head.kv.form == KVForm::B1) {
    for (int64_t i = 0; i < head.d(); ++i) {
      o[i] = 0.0f;
      for (size_t j = 0; j < p.size(); ++j) // rising
        o[i] += values.codes[head.at(first + j) + i] > 0 ? p[j] : -p[j];
    }
    return;
  }
  int32_t codes[kChunkTokens];
  float scale =
      makeCodes<int32_t>(p, kPeak16, MutableArrayRef<int32_t>(codes, p.size()));
  for (int64_t i = 0; i < head.d(); ++i) {
    int32_t sum = 0;
    for (size_t j = 0; j < p.size(); ++j)
      sum += codes[j] * values.codes[head.at(first + j) + i];
    o[i] = static_cast<float>(sum) * scale;
  }
}

/// Chunks of kChunkTokens positions have a softmax of their own (maximum m, sum
/// l, output o) and are then combined in rising order, so that they may be
/// computed apart.
static void attendHead(const Head &head, int64_t position, ArrayRef<float> q,
                       MutableArrayRef<float> out) {
  float mAll = kSoftmaxStart, lAll = 0.0f;
  std::vector<float> o(out.size());
  std::fill(out.begin(), out.end(), 0.0f);
  for (int64_t chunk = 0; chunk <= position; chunk += kChunkTokens) {
    float space[kChunkTokens];
    MutableArrayRef<float> p(
        space, std::min<int64_t>(position - chunk + 1, kChunkTokens));
    scores(head, q, chunk, p);
    float m = kSoftmaxStart;
    for (float s : p)
      m = std::max(m, s);
    float lanes[kLanes] = {};
    for (size_t j = 0; j < p.size(); ++j) { // lane j % 16, rising
      p[j] = expf_bitnet(p[j] - m);
      lanes[j % kLanes] += p[j];
    }
    weigh(head, p, chunk, o);
    float mNew = std::max(mAll, m);
    float before = expf_bitnet(mAll - mNew), now = expf_bitnet(m - mNew);
    float lBefore = lAll * before, lNow = sum16(lanes) * now;
    lAll = lBefore + lNow;
    mAll = mNew;
    for (size_t i = 0; i < out.size(); ++i) {
      float oBefore = out[i] * before, oNow = o[i] * now;
      out[i] = oBefore + oNow;
    }
  }
  for (float &o : out)
    o = o / lAll;
}

void scalar::attention(const KVSequence &kv, int64_t position,
                       ArrayRef<float> query, int64_t heads, int64_t kvHeads,
                       int64_t headDim, MutableArrayRef<float> result,
                       ArrayRef<float> scoreScale) {
  for (int64_t h = 0; h < heads; ++h)
    attendHead(
        {kv, h / (heads / kvHeads), scoreScale.empty() ? 1.0f : scoreScale[h]},
        position, query.slice(h * headDim, headDim),
        result.slice(h * headDim, headDim));
}
