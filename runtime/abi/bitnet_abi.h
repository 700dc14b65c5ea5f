/* The contract between a compiled model and whoever runs it.
 *
 * bitnetc emits one object file per model that exports one constant
 * `bitnet_model` named `<prefix>_model` (`program_model` in a complete
 * program). The thin runtime of this project, or any C program, drives the
 * model through that descriptor alone: it allocates a workspace and KV pages
 * of the sizes given here and calls `step`.
 *
 * Everything here is plain C, little endian, natural alignment. The layout is
 * checked by static assertions in this file, and the compiler builds its
 * constants from the same field order (passes/EmitABI.cpp).
 */
#ifndef BITNET_ABI_H
#define BITNET_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "BNET" in a little-endian word. */
#define BITNET_ABI_MAGIC 0x54454E42u
/* Raised with every change of the structures below or of step's contract. */
#define BITNET_ABI_VERSION 3u
/* Required alignment in bytes of workspace, KV pages, weights and logits. */
#define BITNET_ALIGNMENT 64u

/* Instruction sets a model may have been compiled for. */
enum bitnet_arch {
  BITNET_ARCH_X86_64 = 1,
  BITNET_ARCH_AARCH64 = 2,
  BITNET_ARCH_RISCV64 = 3
};

/* Bits of bitnet_model.required_features. A program checks them before the
 * first call of step and refuses to start with one sentence. The names and
 * bits are one list that the compiler's CPU table and the runtime's detection
 * both expand: X(bit, enum suffix, LLVM feature name). */
#define BITNET_CPU_FEATURES(X)                                                 \
  X(0, SSE2, "sse2")                                                           \
  X(1, SSSE3, "ssse3")                                                         \
  X(2, SSE41, "sse4.1")                                                        \
  X(3, SSE42, "sse4.2")                                                        \
  X(4, POPCNT, "popcnt")                                                       \
  X(5, AVX, "avx")                                                             \
  X(6, AVX2, "avx2")                                                           \
  X(7, FMA, "fma")                                                             \
  X(8, F16C, "f16c")                                                           \
  X(9, BMI2, "bmi2")                                                           \
  X(10, AVX512F, "avx512f")                                                    \
  X(11, AVX512BW, "avx512bw")                                                  \
  X(12, AVX512DQ, "avx512dq")                                                  \
  X(13, AVX512VL, "avx512vl")                                                  \
  X(14, AVX512VBMI, "avx512vbmi")                                              \
  X(15, AVX512VNNI, "avx512vnni")                                              \
  X(16, AVX512VPOPCNTDQ, "avx512vpopcntdq")                                    \
  X(17, AVX512BITALG, "avx512bitalg")                                          \
  X(18, AVXVNNI, "avxvnni")                                                    \
  X(32, NEON, "neon")                                                          \
  X(33, DOTPROD, "dotprod")                                                    \
  X(34, I8MM, "i8mm")                                                          \
  X(35, SVE2, "sve2")                                                          \
  X(48, RVV, "v")                                                              \
  X(49, RVM, "m")                                                              \
  X(50, RVA, "a")                                                              \
  X(51, RVF, "f")                                                              \
  X(52, RVD, "d")                                                              \
  X(53, RVC, "c")

enum bitnet_cpu_feature_bit {
#define BITNET_FEATURE_ENUM(bit, suffix, name) BITNET_CPU_##suffix = bit,
  BITNET_CPU_FEATURES(BITNET_FEATURE_ENUM)
#undef BITNET_FEATURE_ENUM
};

/* A team of threads that execute step together (SPMD). The runtime owns the
 * threads; generated code only ever calls next. With num_threads == 1 it is
 * never called and may be null.
 *
 * A step is a sequence of operations, the same for every thread. An operation
 * has `items` pieces of work that may be done in any order by any thread, and
 * each thread asks next for some of them until it gets none. A thread that asks
 * for work of an operation that the others have finished gets none, so threads
 * may begin a step late. */
typedef struct bitnet_team {
  uint32_t num_threads;
  uint32_t reserved;
  /* The next items that `thread` has to do of its current operation, as
   * first | end << 32, about `grain` of them (0: as many as the team likes);
   * or 0 once all items of the
   * operation are done. Then everything that any thread wrote for them is
   * visible to the caller, whose next call begins the next operation. */
  uint64_t (*next)(struct bitnet_team *team, uint32_t thread, uint32_t items,
                   uint32_t grain);
} bitnet_team;

/* What one step computes: num_tokens tokens, in any mix of sequences, prefill
 * and decode. Tokens of one sequence appear in rising position order, and all
 * positions before the first one of a sequence are already in its KV pages. */
typedef struct bitnet_batch {
  uint32_t num_tokens; /* 1 .. bitnet_context.max_tokens */
  uint32_t num_logits; /* rows of logits wanted, 0 .. num_tokens */
  const int32_t *token;         /* [num_tokens] ids, 0 .. vocab_size-1 */
  const int32_t *position;      /* [num_tokens] 0 .. max_position-1 */
  const int32_t *sequence;      /* [num_tokens] row of the page table */
  const int32_t *logits_token;  /* [num_logits] index of the token in this
                                   batch that row r of logits belongs to */
  uint32_t top_k; /* 0: all logits are wanted. k: the best k of a row are;
                     others may be -infinity instead (see screen_max_k) */
  uint32_t reserved;
} bitnet_batch;

/* Memory that a step works in. Owned by the caller; one step at a time. */
typedef struct bitnet_context {
  /* The packed weights: bitnet_model.weights_begin in a linked program, or a
   * mapped side file. */
  const uint8_t *weights;
  /* bitnet_model.workspace_bytes_fixed +
   * max_tokens * bitnet_model.workspace_bytes_per_token bytes; contents need
   * not be initialised and mean nothing between steps. */
  uint8_t *workspace;
  /* Page p starts at kv_pages + p * bitnet_model.kv_page_bytes and holds
   * kv_page_tokens consecutive positions of one sequence, all layers. Pages
   * must be zeroed once, before their first use. */
  uint8_t *kv_pages;
  /* [sequences][pages_per_sequence] page numbers; entry i covers positions
   * i * kv_page_tokens onward. */
  const int32_t *page_table;
  uint32_t pages_per_sequence;
  uint32_t max_tokens;
} bitnet_context;

struct bitnet_model;

/* Runs one batch. Each of team->num_threads threads may call it, with the same
 * arguments and its own `thread`; the step is complete when one of them
 * returns, and its memory free for another once all that called have returned.
 * Logits are float[num_logits][logits_stride], of which the first vocab_size of
 * a row mean something; they do not depend on the number of threads nor on what
 * else is in the batch. */
typedef void (*bitnet_step_fn)(const struct bitnet_model *model,
                               const bitnet_context *context,
                               const bitnet_batch *batch, float *logits,
                               bitnet_team *team, uint32_t thread);

/* A range of bytes inside the program. */
typedef struct bitnet_blob {
  const uint8_t *data;
  uint64_t size;
} bitnet_blob;

/* The code of a model for one of the targets that it was compiled for, and what
 * else of the descriptor depends on the target. All of them read the same
 * weights and KV pages and compute the same logits, to the bit. */
typedef struct bitnet_variant {
  uint64_t required_features;
  const char *target;
  const char *summary;
  uint64_t workspace_bytes_fixed;
  uint64_t workspace_bytes_per_token;
  bitnet_step_fn step;
} bitnet_variant;

typedef struct bitnet_model {
  uint32_t magic;       /* BITNET_ABI_MAGIC */
  uint32_t abi_version; /* BITNET_ABI_VERSION */
  uint32_t struct_size; /* sizeof(bitnet_model) */
  uint32_t arch;        /* enum bitnet_arch */
  uint64_t required_features; /* bit set, enum bitnet_cpu_feature_bit */
  const char *name;     /* as in model.json */
  const char *target;   /* CPU name given to --target= */
  const char *compiler; /* "bitnetc <version>" */
  const char *summary;  /* one line: quantisers, shape, kernels */

  uint32_t vocab_size;
  uint32_t hidden_size;
  uint32_t intermediate_size;
  uint32_t num_layers; /* that step runs; with a copy of this descriptor that
                          has fewer, logits are of the hidden state after
                          those: for comparisons with a reference */
  uint32_t num_heads;
  uint32_t num_kv_heads;
  uint32_t head_dim;
  uint32_t max_position; /* context length the model was compiled for */
  uint32_t logits_stride;  /* floats per row of logits, >= vocab_size */
  uint32_t kv_page_tokens; /* tokens per KV page */
  uint64_t kv_page_bytes;  /* bytes per KV page, all layers */
  uint64_t workspace_bytes_fixed;
  uint64_t workspace_bytes_per_token;

  uint64_t num_parameters;
  uint64_t weight_bytes_per_token; /* bytes of weights that one decode reads */

  /* A model with a screened head finds up to screen_max_k best logits without
   * reading all of the head: it then reads screened_bytes_per_token of weights
   * and screened_row_bytes for every logit that is not -infinity. 0: the model
   * has no screen and top_k changes nothing. */
  uint64_t screened_bytes_per_token;
  uint32_t screened_row_bytes;
  uint32_t screen_max_k;

  uint8_t model_hash[32]; /* SHA-256 of the packed weights */

  /* Packed weights inside a linked program. The linker step of bitnetc fills
   * both after the link; both are 0 when the weights live in a side file. */
  uint64_t weights_begin;
  uint64_t weights_end;

  bitnet_blob tokenizer;     /* runtime/abi/tokenizer_blob.h */
  bitnet_blob chat_template; /* empty if the model has none */

  int32_t bos_token;         /* -1: none is put before a prompt */
  uint32_t num_eos_tokens;
  const int32_t *eos_tokens; /* [num_eos_tokens] */

  bitnet_step_fn step;

  /* A model that was compiled for several targets: the code for each, from the
   * poorest to the richest; the last whose required_features a CPU has is the
   * best for it (bitnet_with_variant). The fields above are those of
   * variants[0], which is right for whoever does not want to choose. With one
   * target there are none. */
  const bitnet_variant *const *variants; /* [num_variants] */
  uint32_t num_variants;
  uint32_t reserved;
} bitnet_model;

/* The descriptor of a model as if it had been compiled for `variant` alone. */
static inline bitnet_model bitnet_with_variant(const bitnet_model *model,
                                               const bitnet_variant *variant) {
  bitnet_model result = *model;
  result.required_features = variant->required_features;
  result.target = variant->target;
  result.summary = variant->summary;
  result.workspace_bytes_fixed = variant->workspace_bytes_fixed;
  result.workspace_bytes_per_token = variant->workspace_bytes_per_token;
  result.step = variant->step;
  return result;
}

#ifdef __cplusplus
#define BITNET_ABI_ASSERT static_assert
#else
#define BITNET_ABI_ASSERT _Static_assert
#endif
BITNET_ABI_ASSERT(sizeof(bitnet_team) == 16, "bitnet_team layout");
BITNET_ABI_ASSERT(sizeof(bitnet_batch) == 48, "bitnet_batch layout");
BITNET_ABI_ASSERT(sizeof(bitnet_context) == 40, "bitnet_context layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, vocab_size) == 56, "model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, kv_page_bytes) == 96, "model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, model_hash) == 152, "model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, weights_begin) == 184, "model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, step) == 248, "model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_model, variants) == 256, "model layout");
BITNET_ABI_ASSERT(sizeof(bitnet_model) == 272, "bitnet_model layout");
BITNET_ABI_ASSERT(offsetof(bitnet_variant, step) == 40, "variant layout");
BITNET_ABI_ASSERT(sizeof(bitnet_variant) == 48, "bitnet_variant layout");
#undef BITNET_ABI_ASSERT

#ifdef __cplusplus
}
#endif
#endif /* BITNET_ABI_H */
