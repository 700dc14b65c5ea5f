//===- FakeModel.cpp - A model in a few lines of C++ ----------------------===//

#include "FakeModel.h"
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

// Tokenizer and chat template as bitnetc would put them there.
__asm__(".section .rodata.fake_blob, \"a\"\n"
        ".balign 64\n"
        "fake_blob: .incbin \"" FAKE_BLOB "\"\n"
        "fake_blob_end:\n"
        ".balign 64\n"
        "fake_template: .incbin \"" FAKE_TEMPLATE "\"\n"
        "fake_template_end:\n"
        ".previous\n");
extern "C" const uint8_t fake_blob[], fake_blob_end[], fake_template[],
    fake_template_end[];

static const int32_t endTokens[] = {bitnet::test::endToken};
alignas(64) static const uint8_t weights[64] = {1, 2, 3};
static std::atomic<unsigned> errors{0};

unsigned bitnet::test::contractErrors() { return errors; }

namespace {
/// What a position leaves in its page.
struct Entry {
  int32_t token, position;
  uint64_t mark;
};
} // namespace

static constexpr uint32_t pageTokens = 4;
static constexpr uint64_t mark = 0x600DC0DE;

static void expect(bool good) {
  if (!good)
    ++errors;
}

static bool aligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % BITNET_ALIGNMENT == 0;
}

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
  return hash ^ hash >> 29;
}

static Entry *entryOf(const bitnet_context *context, int32_t sequence,
                      int32_t position) {
  int32_t page =
      context->page_table[static_cast<uint32_t>(sequence) *
                              context->pages_per_sequence +
                          static_cast<uint32_t>(position) / pageTokens];
  expect(page >= 0);
  auto *entries = reinterpret_cast<Entry *>(context->kv_pages +
                                            static_cast<uint64_t>(page) *
                                                pageTokens * sizeof(Entry));
  return entries + static_cast<uint32_t>(position) % pageTokens;
}

static void fakeStep(const bitnet_model *model, const bitnet_context *context,
                     const bitnet_batch *batch, float *logits,
                     bitnet_team *team, uint32_t thread) {
  if (thread == 0) {
    expect(aligned(context->workspace) && aligned(context->kv_pages) &&
           aligned(logits));
    expect(batch->num_tokens >= 1 && batch->num_tokens <= context->max_tokens);
    expect(batch->num_logits <= batch->num_tokens);
    expect(context->weights[1] == 2);
    if (const char *delay = getenv("FAKE_DELAY_US"))
      usleep(static_cast<useconds_t>(atoi(delay)));
    if (const unsigned delay = bitnet::test::stepDelay)
      usleep(delay);
  }
  auto forEach = [&](uint32_t items, auto &&work) {
    uint64_t range = uint64_t{items} << 32;
    if (team->num_threads > 1)
      range = team->next(team, thread, items, 1);
    while (range) {
      for (auto i = static_cast<uint32_t>(range); i < range >> 32; ++i)
        work(i);
      range = team->num_threads > 1 ? team->next(team, thread, items, 1) : 0;
    }
  };
  // The threads store the tokens, in the pages and in the workspace.
  auto *shared = reinterpret_cast<int32_t *>(context->workspace);
  forEach(batch->num_tokens, [&](uint32_t i) {
    Entry *entry = entryOf(context, batch->sequence[i], batch->position[i]);
    expect(entry->mark == 0 || entry->mark == mark);
    *entry = {batch->token[i], batch->position[i], mark};
    shared[i * 16] = batch->token[i];
  });
  // Then all read what the others wrote; each fills some of the rows.
  forEach(batch->num_logits, [&](uint32_t row) {
    const auto i = static_cast<uint32_t>(batch->logits_token[row]);
    expect(i < batch->num_tokens && shared[i * 16] == batch->token[i]);
    const int32_t position = batch->position[i];
    uint64_t history = 0;
    for (int32_t p = 0; p <= position; ++p) {
      const Entry *entry = entryOf(context, batch->sequence[i], p);
      expect(entry->position == p && entry->mark == mark);
      history = mix(history, static_cast<uint64_t>(entry->token) + 1);
    }
    const auto at = static_cast<size_t>(position);
    const uint32_t wanted =
        at < bitnet::test::story.size()
            ? static_cast<uint8_t>(bitnet::test::story[at]) +
                  uint32_t{bitnet::test::firstByteToken}
            : bitnet::test::endToken;
    float *out = logits + static_cast<size_t>(row) * model->logits_stride;
    for (uint32_t id = 0; id < model->vocab_size; ++id) {
      out[id] = static_cast<float>(mix(history, id) >> 40) * 0x1p-24f +
                (id == wanted ? 20.0f : 0.0f);
      // Half of the vocabulary is more than the best screen_max_k.
      if (batch->top_k && batch->top_k <= model->screen_max_k && out[id] < 0.5f)
        out[id] = -HUGE_VALF;
    }
  });
}

static bitnet_model makeModel() {
  bitnet_model m{};
  m.magic = BITNET_ABI_MAGIC;
  m.abi_version = BITNET_ABI_VERSION;
  m.struct_size = sizeof(bitnet_model);
#if defined(__x86_64__)
  m.arch = BITNET_ARCH_X86_64;
  m.required_features = 1ull << BITNET_CPU_SSE2;
#endif
  m.name = "fake";
  m.target = "x86-64";
  m.compiler = "bitnetc 0.0";
  m.summary = "a hand-written model for tests";
  m.vocab_size = 264;
  m.hidden_size = 16;
  m.num_layers = 1;
  m.max_position = 96;
  m.logits_stride = 272;
  m.kv_page_tokens = pageTokens;
  m.kv_page_bytes = pageTokens * sizeof(Entry);
  m.workspace_bytes_fixed = 64;
  m.workspace_bytes_per_token = 64;
  m.num_parameters = 64;
  m.weight_bytes_per_token = sizeof(weights);
  m.screened_bytes_per_token = sizeof(weights) / 2;
  m.screened_row_bytes = 1;
  m.screen_max_k = 64;
  m.weights_begin = reinterpret_cast<uintptr_t>(weights);
  m.weights_end = m.weights_begin + sizeof(weights);
  m.tokenizer = {fake_blob, static_cast<uint64_t>(fake_blob_end - fake_blob)};
  m.chat_template = {fake_template,
                     static_cast<uint64_t>(fake_template_end - fake_template)};
  m.bos_token = bitnet::test::beginToken;
  m.num_eos_tokens = 1;
  m.eos_tokens = endTokens;
  m.step = fakeStep;
  return m;
}

extern "C" const bitnet_model program_model = makeModel();
