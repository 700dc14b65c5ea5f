//===- CpuFeatures.cpp - Does this CPU run this program? ------------------===//

#include "runtime/CpuFeatures.h"
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) || defined(__riscv)
#include <sys/auxv.h>
#endif

namespace bitnet {

[[maybe_unused]] static constexpr uint64_t bit(bitnet_cpu_feature_bit feature) {
  return uint64_t{1} << feature;
}

#if defined(__x86_64__)
// By asm: the intrinsic would need the whole file compiled with xsave.
static uint64_t enabledStates() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

uint64_t detectCpuFeatures() {
  uint64_t features = 0;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  auto add = [&](bool present, bitnet_cpu_feature_bit feature) {
    features |= present ? bit(feature) : 0;
  };
  add(d >> 26 & 1, BITNET_CPU_SSE2);
  add(c >> 9 & 1, BITNET_CPU_SSSE3);
  add(c >> 19 & 1, BITNET_CPU_SSE41);
  add(c >> 20 & 1, BITNET_CPU_SSE42);
  add(c >> 23 & 1, BITNET_CPU_POPCNT);

  // AVX exists for a program only if the system saves its registers: bits 1-2
  // of XCR0 for ymm, 5-7 for zmm and the masks.
  uint64_t states = (c >> 27 & 1) ? enabledStates() : 0;
  bool ymm = (states & 0x06) == 0x06;
  bool zmm = ymm && (states & 0xE0) == 0xE0;
  add(ymm && (c >> 28 & 1), BITNET_CPU_AVX);
  add(ymm && (c >> 12 & 1), BITNET_CPU_FMA);
  add(ymm && (c >> 29 & 1), BITNET_CPU_F16C);

  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    const unsigned lastSubleaf = a;
    add(ymm && (b >> 5 & 1), BITNET_CPU_AVX2);
    add(b >> 8 & 1, BITNET_CPU_BMI2);
    add(zmm && (b >> 16 & 1), BITNET_CPU_AVX512F);
    add(zmm && (b >> 17 & 1), BITNET_CPU_AVX512DQ);
    add(zmm && (b >> 30 & 1), BITNET_CPU_AVX512BW);
    add(zmm && (b >> 31 & 1), BITNET_CPU_AVX512VL);
    add(zmm && (c >> 1 & 1), BITNET_CPU_AVX512VBMI);
    add(zmm && (c >> 11 & 1), BITNET_CPU_AVX512VNNI);
    add(zmm && (c >> 12 & 1), BITNET_CPU_AVX512BITALG);
    add(zmm && (c >> 14 & 1), BITNET_CPU_AVX512VPOPCNTDQ);
    if (lastSubleaf >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
      add(ymm && (a >> 4 & 1), BITNET_CPU_AVXVNNI);
  }
  return features;
}
#elif defined(__aarch64__)
// Numbers from the kernel's asm/hwcap.h, which old systems lack in part.
uint64_t detectCpuFeatures() {
  uint64_t features = 0;
  unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  if (first >> 1 & 1)
    features |= bit(BITNET_CPU_NEON);
  if (first >> 20 & 1)
    features |= bit(BITNET_CPU_DOTPROD);
  if (second >> 13 & 1)
    features |= bit(BITNET_CPU_I8MM);
  if (second >> 1 & 1)
    features |= bit(BITNET_CPU_SVE2);
  return features;
}
#elif defined(__riscv)
uint64_t detectCpuFeatures() {
  // Single-letter extensions are bits of AT_HWCAP by their letter.
  constexpr struct {
    char letter;
    bitnet_cpu_feature_bit feature;
  } kLetters[] = {{'V', BITNET_CPU_RVV}, {'M', BITNET_CPU_RVM},
                  {'A', BITNET_CPU_RVA}, {'F', BITNET_CPU_RVF},
                  {'D', BITNET_CPU_RVD}, {'C', BITNET_CPU_RVC}};
  const unsigned long letters = getauxval(AT_HWCAP);
  uint64_t features = 0;
  for (auto [letter, feature] : kLetters)
    if (letters >> (letter - 'A') & 1)
      features |= bit(feature);
  return features;
}
#else
uint64_t detectCpuFeatures() { return 0; }
#endif

static uint64_t featureByName(std::string_view wanted) {
#define BITNET_FEATURE_CASE(number, suffix, name)                              \
  if (wanted == name)                                                          \
    return uint64_t{1} << number;
  BITNET_CPU_FEATURES(BITNET_FEATURE_CASE)
#undef BITNET_FEATURE_CASE
  return 0;
}

uint64_t maskCpuFeatures(uint64_t features, const char *list) {
  std::string_view rest = list ? list : "";
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    features &= ~featureByName(rest.substr(0, comma));
    if (comma == std::string_view::npos)
      break;
    rest.remove_prefix(comma + 1);
  }
  return features;
}

std::string listCpuFeatures(uint64_t features) {
  std::string list;
#define BITNET_FEATURE_NAME(number, suffix, name)                              \
  if (features >> number & 1)                                                  \
    list += list.empty() ? name : ", " name;
  BITNET_CPU_FEATURES(BITNET_FEATURE_NAME)
#undef BITNET_FEATURE_NAME
  return list;
}

bitnet_model chooseVariant(const bitnet_model &model, uint64_t features) {
  for (uint32_t i = model.num_variants; i-- > 0;)
    if (!(model.variants[i]->required_features & ~features))
      return bitnet_with_variant(&model, model.variants[i]);
  return model;
}

std::string targetNames(const bitnet_model &model) {
  if (model.num_variants == 0)
    return model.target;
  std::string names;
  for (uint32_t i = 0; i < model.num_variants; ++i)
    names += (i ? "," : "") + std::string(model.variants[i]->target);
  return names;
}

std::string missingFeatures(const bitnet_model &model, uint64_t features) {
  uint64_t missing = model.required_features & ~features;
  if (!missing)
    return "";
  std::string names = listCpuFeatures(missing);
  if (names.empty())
    names = "a feature unknown to this runtime";
  // The row of the CPU table that asks for nothing beyond the architecture.
  const char *baseline = model.arch == BITNET_ARCH_AARCH64   ? "arm64"
                         : model.arch == BITNET_ARCH_RISCV64 ? "rv64gc"
                                                             : "generic";
  return "this program was compiled for " + targetNames(model) + " and needs " +
         (model.num_variants ? "at least " : "") + names +
         ", which this CPU lacks; compile it with --target=" + baseline +
         ", or with --target=native on this machine";
}

} // namespace bitnet
