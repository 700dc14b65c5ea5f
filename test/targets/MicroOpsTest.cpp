//===- MicroOpsTest.cpp - Micro-ops against scalar code -------------------===//
//
// Every lowering of every row that this machine can run must agree with plain
// C++ to the last bit: all 65536 halves one way, all kinds of floats the other
// way, and random and extreme integers for the dot product.
//
//===----------------------------------------------------------------------===//

#include "Jit.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::bitnet;

static constexpr const char *kText = R"mlir(
func.func @dot(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @dot_bound(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @mma(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<16xi8>
  %3 = bitnet.mma_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<16xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @unpack(%in: !llvm.ptr, %high: !llvm.ptr, %pair: !llvm.ptr,
                  %low3: !llvm.ptr, %low2: !llvm.ptr, %low1: !llvm.ptr) {
  %0 = llvm.load %in {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %1:5 = bitnet.unpack_trit5 %0 : vector<64xi8>
  llvm.store %1#0, %high {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  llvm.store %1#1, %pair {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  llvm.store %1#2, %low3 {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  llvm.store %1#3, %low2 {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  llvm.store %1#4, %low1 {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  return
}
func.func @lookup(%table: !llvm.ptr, %indices: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %table {alignment = 1 : i64} : !llvm.ptr -> vector<16xi8>
  %1 = llvm.load %indices {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = bitnet.lookup %0, %1 : vector<16xi8>, vector<64xi8>
  llvm.store %2, %out {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  return
}
func.func @flip(%values: !llvm.ptr, %signs: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %values {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %1 = llvm.load %signs {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = bitnet.flip_signs %0, %1 : vector<64xi8>
  llvm.store %2, %out {alignment = 1 : i64} : vector<64xi8>, !llvm.ptr
  return
}
func.func @extend(%in: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %in {alignment = 1 : i64} : !llvm.ptr -> vector<16xi16>
  %1 = bitnet.extend_f16 %0 : vector<16xi16> -> vector<16xf32>
  llvm.store %1, %out {alignment = 1 : i64} : vector<16xf32>, !llvm.ptr
  return
}
func.func @truncate(%in: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %in {alignment = 1 : i64} : !llvm.ptr -> vector<16xf32>
  %1 = bitnet.truncate_f16 %0 : vector<16xf32> -> vector<16xi16>
  llvm.store %1, %out {alignment = 1 : i64} : vector<16xi16>, !llvm.ptr
  return
}
)mlir";

//===----------------------------------------------------------------------===//
// The reference, by arithmetic in double instead of by bits
//===----------------------------------------------------------------------===//

static float extendReference(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double size = exponent == 31  ? INFINITY
                : exponent == 0 ? std::ldexp(mantissa, -24)
                                : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>(bits & 0x8000 ? -size : size);
}

static uint16_t truncateReference(float value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double size = std::fabs(value);
  if (size >= 65504)
    return sign | 0x7bff;
  if (size == 0)
    return sign;
  // Units of the last place: of denormals and the smallest normals 2^-24.
  int exponent = 0;
  std::frexp(size, &exponent);
  int unit = std::max(exponent - 11, -24);
  auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(size, -unit)));
  // A mantissa that rounds up to the next power of two carries into the
  // exponent by itself.
  return sign | static_cast<uint16_t>(mantissa + ((unit + 24) << 10));
}

static uint32_t bitsOf(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}
static float floatOf(uint32_t u) {
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

//===----------------------------------------------------------------------===//
// Per row
//===----------------------------------------------------------------------===//

namespace {
struct Variant {
  const Cpu *cpu;
  bool generic;
};

class MicroOps : public testing::TestWithParam<Variant> {
protected:
  void SetUp() override {
    const Cpu &cpu = *GetParam().cpu;
    if (!hostRuns(cpu))
      GTEST_SKIP() << "this machine lacks features of " << cpu.name.str();
    module = lower(context, kText, cpu, GetParam().generic);
    jit.emplace(*module, cpu);
  }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::optional<Jit> jit;
};
} // namespace

/// Random codes of up to `bound` and random columns; every other round only
/// their extremes, in all combinations.
static void checkDot(Jit &jit, const char *name, int bound) {
  auto *dot = jit.get<void(int32_t *, const uint8_t *, const int8_t *)>(name);
  std::mt19937 random(1);
  for (int round = 0; round < 4000; ++round) {
    int32_t acc[16], expected[16];
    uint8_t a[64];
    int8_t b[64];
    for (int i = 0; i < 64; ++i) {
      a[i] = round % 2 ? random() % (bound + 1) : random() % 2 ? bound : 0;
      b[i] = round % 2 ? random() : random() % 2 ? -128 : 127;
    }
    for (int i = 0; i < 16; ++i) {
      acc[i] = static_cast<int32_t>(random()) / 4;
      expected[i] = acc[i];
      for (int j = 0; j < 4; ++j)
        expected[i] += a[4 * i + j] * b[4 * i + j];
    }
    dot(acc, a, b);
    ASSERT_EQ(std::memcmp(acc, expected, sizeof acc), 0) << "round " << round;
  }
}

TEST_P(MicroOps, DotIsExact) { checkDot(*jit, "dot", 255); }

// 128 * -128 twice is the least that 16 bits hold.
TEST_P(MicroOps, DotOfSmallCodesIsExact) { checkDot(*jit, "dot_bound", 128); }

TEST_P(MicroOps, DotWrapsAround) {
  auto *dot = jit->get<void(int32_t *, const uint8_t *, const int8_t *)>("dot");
  int32_t acc[16];
  uint8_t a[64];
  int8_t b[64];
  std::fill(acc, acc + 16, INT32_MAX);
  std::fill(a, a + 64, 1);
  std::fill(b, b + 64, 1);
  dot(acc, a, b);
  EXPECT_EQ(acc[0], INT32_MIN + 3);
}

TEST_P(MicroOps, MatrixProductIsExact) {
  auto *mma = jit->get<void(int32_t *, const uint8_t *, const int8_t *)>("mma");
  std::mt19937 random(3);
  for (int round = 0; round < 4000; ++round) {
    int32_t acc[16], expected[16];
    uint8_t a[64];
    int8_t b[16];
    for (uint8_t &code : a)
      code = round % 2 ? random() : random() % 2 ? 255 : 0;
    for (int8_t &code : b)
      code = round % 2 ? random() : random() % 2 ? -128 : 127;
    for (int i = 0; i < 16; ++i) {
      acc[i] = static_cast<int32_t>(random()) / 4;
      expected[i] = acc[i];
      for (int j = 0; j < 8; ++j)
        expected[i] += a[i / 2 * 8 + j] * b[i % 2 * 8 + j];
    }
    mma(acc, a, b);
    ASSERT_EQ(std::memcmp(acc, expected, sizeof acc), 0) << "round " << round;
  }
}

/// Every byte in every lane, so that neighbours cannot leak into each other.
TEST_P(MicroOps, UnpacksEveryByteOfTrits) {
  using Bytes = uint8_t[64];
  auto *unpack = jit->get<void(const uint8_t *, uint8_t *, uint8_t *, uint8_t *,
                               uint8_t *, uint8_t *)>("unpack");
  for (int round = 0; round < 251; ++round) {
    Bytes in, out[5];
    for (int i = 0; i < 64; ++i)
      in[i] = (round + 97 * i) % 251;
    unpack(in, out[0], out[1], out[2], out[3], out[4]);
    for (int i = 0; i < 64; ++i) {
      int p = in[i] / 28, rest = in[i] % 28;
      if (rest > 26) // Not a sum of three trits; the layout has no such byte.
        continue;
      int t2 = rest % 3, t3 = rest / 3 % 3, t4 = rest / 9;
      const int expected[] = {64 * (p / 3) + 4 * p, 4 * p,
                              t2 + 4 * t3 + 16 * t4, t2 + 4 * t3, t2};
      for (int form = 0; form < 5; ++form)
        ASSERT_EQ(out[form][i], expected[form])
            << "byte " << int(in[i]) << " in lane " << i << ", form " << form;
    }
  }
}

TEST_P(MicroOps, LooksUpEveryEntryInEveryLane) {
  auto *lookup =
      jit->get<void(const int8_t *, const uint8_t *, int8_t *)>("lookup");
  std::mt19937 random(3);
  for (int round = 0; round < 64; ++round) {
    int8_t table[16], out[64];
    uint8_t indices[64];
    for (int8_t &entry : table)
      entry = static_cast<int8_t>(random());
    for (int i = 0; i < 64; ++i)
      indices[i] = (round + 7 * i) % 16;
    lookup(table, indices, out);
    for (int i = 0; i < 64; ++i)
      ASSERT_EQ(out[i], table[indices[i]]) << "lane " << i;
  }
}

/// Every value by every sign there may be.
TEST_P(MicroOps, FlipsSigns) {
  auto *flip = jit->get<void(const int8_t *, const int8_t *, int8_t *)>("flip");
  for (int sign = -128; sign < 128; ++sign) {
    if (sign == 0)
      continue;
    for (int first = -127; first <= 64; first += 63) {
      int8_t values[64], signs[64], out[64];
      for (int i = 0; i < 64; ++i) {
        values[i] = static_cast<int8_t>(first + i);
        signs[i] = static_cast<int8_t>(i % 2 || sign == -128 ? sign : -sign);
      }
      flip(values, signs, out);
      for (int i = 0; i < 64; ++i)
        ASSERT_EQ(out[i], signs[i] < 0 ? -values[i] : values[i])
            << int(values[i]) << " by " << int(signs[i]);
    }
  }
}

TEST_P(MicroOps, ExtendsEveryHalf) {
  auto *extend = jit->get<void(const uint16_t *, float *)>("extend");
  for (uint32_t first = 0; first < 0x10000; first += 16) {
    uint16_t in[16];
    float out[16];
    for (int i = 0; i < 16; ++i)
      in[i] = first + i;
    extend(in, out);
    for (int i = 0; i < 16; ++i)
      if ((in[i] & 0x7fff) <= 0x7c00) // Not of NaN, which never gets there.
        ASSERT_EQ(bitsOf(out[i]), bitsOf(extendReference(in[i])))
            << "half " << in[i];
  }
}

TEST_P(MicroOps, TruncatesEveryKindOfFloat) {
  auto *truncate = jit->get<void(const float *, uint16_t *)>("truncate");
  std::vector<float> values;
  // Every half, the middle to the next one (a tie) and the floats beside both.
  for (uint32_t half = 0; half < 0x7c00; ++half) {
    float low = extendReference(half), high = extendReference(half + 1);
    float middle = half == 0x7bff ? 65520.0f : (low + high) / 2;
    for (float f : {low, middle})
      for (int step = -1; step <= 1; ++step)
        values.push_back(floatOf(bitsOf(f) + (bitsOf(f) ? step : 0)));
  }
  // Floats of every exponent, among them denormals and the largest.
  std::mt19937 random(2);
  for (int i = 0; i < 200000; ++i)
    if (float f = floatOf(random()); std::isfinite(f))
      values.push_back(f);
  values.push_back(INFINITY);
  for (size_t i = 0, n = values.size(); i < n; ++i)
    values.push_back(-values[i]);
  values.resize(values.size() / 16 * 16);
  for (size_t first = 0; first < values.size(); first += 16) {
    uint16_t out[16];
    truncate(&values[first], out);
    for (int i = 0; i < 16; ++i)
      ASSERT_EQ(out[i], truncateReference(values[first + i]))
          << values[first + i];
  }
}

static std::vector<Variant> variants() {
  std::vector<Variant> result;
  for (const Cpu &cpu : allCpus())
    for (bool generic : {false, true})
      result.push_back({&cpu, generic});
  return result;
}

INSTANTIATE_TEST_SUITE_P(Rows, MicroOps, testing::ValuesIn(variants()),
                         [](const auto &info) {
                           std::string name = info.param.cpu->name.str();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + (info.param.generic ? "_generic" : "");
                         });
