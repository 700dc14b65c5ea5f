#include "runtime/CpuFeatures.h"
#include "FakeModel.h"
#include <gtest/gtest.h>

using namespace bitnet;

#if defined(__x86_64__)
TEST(CpuFeatures, FindsTheBaselineAndWhatTheCompilerSees) {
  const uint64_t features = detectCpuFeatures();
  __builtin_cpu_init();
  auto same = [&](bool expected, bitnet_cpu_feature_bit bit) {
    EXPECT_EQ(expected, (features >> bit & 1) != 0) << bit;
  };
  same(true, BITNET_CPU_SSE2);
  same(__builtin_cpu_supports("ssse3"), BITNET_CPU_SSSE3);
  same(__builtin_cpu_supports("sse4.1"), BITNET_CPU_SSE41);
  same(__builtin_cpu_supports("sse4.2"), BITNET_CPU_SSE42);
  same(__builtin_cpu_supports("popcnt"), BITNET_CPU_POPCNT);
  same(__builtin_cpu_supports("avx"), BITNET_CPU_AVX);
  same(__builtin_cpu_supports("avx2"), BITNET_CPU_AVX2);
  same(__builtin_cpu_supports("fma"), BITNET_CPU_FMA);
  same(__builtin_cpu_supports("bmi2"), BITNET_CPU_BMI2);
  same(__builtin_cpu_supports("avx512f"), BITNET_CPU_AVX512F);
  same(__builtin_cpu_supports("avx512bw"), BITNET_CPU_AVX512BW);
  same(__builtin_cpu_supports("avx512dq"), BITNET_CPU_AVX512DQ);
  same(__builtin_cpu_supports("avx512vl"), BITNET_CPU_AVX512VL);
  same(__builtin_cpu_supports("avx512vbmi"), BITNET_CPU_AVX512VBMI);
  same(__builtin_cpu_supports("avx512vnni"), BITNET_CPU_AVX512VNNI);
  same(__builtin_cpu_supports("avx512bitalg"), BITNET_CPU_AVX512BITALG);
  same(__builtin_cpu_supports("avx512vpopcntdq"), BITNET_CPU_AVX512VPOPCNTDQ);
}
#endif

TEST(CpuFeatures, OneSentenceNamesWhatIsMissing) {
  bitnet_model model = program_model;
  model.target = "znver4";
  model.required_features = 1ull << BITNET_CPU_AVX2 |
                            1ull << BITNET_CPU_AVX512VNNI |
                            1ull << BITNET_CPU_AVX512VPOPCNTDQ;
  EXPECT_EQ(missingFeatures(model, ~0ull), "");
  const uint64_t masked =
      maskCpuFeatures(~0ull, "avx512vnni,nonsense,avx512vpopcntdq");
  EXPECT_EQ(missingFeatures(model, masked),
            "this program was compiled for znver4 and needs avx512vnni, "
            "avx512vpopcntdq, which this CPU lacks; compile it with "
            "--target=generic, or with --target=native on this machine");
  model.arch = BITNET_ARCH_AARCH64;
  EXPECT_NE(missingFeatures(model, masked).find("--target=arm64,"),
            std::string::npos);
  model.arch = BITNET_ARCH_RISCV64;
  EXPECT_NE(missingFeatures(model, masked).find("--target=rv64gc,"),
            std::string::npos);
  model.required_features = 1ull << 63;
  EXPECT_NE(missingFeatures(model, 1), "");
}

TEST(CpuFeatures, Masks) {
  EXPECT_EQ(maskCpuFeatures(7, nullptr), 7u);
  EXPECT_EQ(maskCpuFeatures(7, ""), 7u);
  EXPECT_EQ(maskCpuFeatures(7, "sse2"), 6u);
  EXPECT_EQ(listCpuFeatures(3), "sse2, ssse3");
}

TEST(CpuFeatures, TheLastVariantThatFitsIsChosen) {
  bitnet_step_fn steps[] = {program_model.step,
                            [](const bitnet_model *, const bitnet_context *,
                               const bitnet_batch *, float *, bitnet_team *,
                               uint32_t) {}};
  const bitnet_variant poor = {2, "poor", "p", 10, 1, steps[0]},
                       rich = {7, "rich", "r", 20, 2, steps[1]};
  const bitnet_variant *const variants[] = {&poor, &rich};
  bitnet_model model = program_model;
  EXPECT_EQ(targetNames(model), model.target);
  EXPECT_EQ(chooseVariant(model, ~0ull).step, model.step);
  model = bitnet_with_variant(&model, &poor);
  model.variants = variants;
  model.num_variants = 2;
  EXPECT_EQ(targetNames(model), "poor,rich");

  const bitnet_model best = chooseVariant(model, 15);
  EXPECT_STREQ(best.target, "rich");
  EXPECT_STREQ(best.summary, "r");
  EXPECT_EQ(best.required_features, 7u);
  EXPECT_EQ(best.workspace_bytes_fixed, 20u);
  EXPECT_EQ(best.workspace_bytes_per_token, 2u);
  EXPECT_EQ(best.step, steps[1]);
  EXPECT_EQ(best.vocab_size, model.vocab_size);
  EXPECT_STREQ(chooseVariant(model, 3).target, "poor");
  EXPECT_STREQ(chooseVariant(model, 1).target, "poor");
  EXPECT_NE(missingFeatures(model, 1).find(
                "compiled for poor,rich and needs at least ssse3,"),
            std::string::npos);
}
