/* The hash that `eval --logits-hash` prints, by a C program without the
 * runtime: for systems and processors that it is not built for. All tokens in
 * batches of up to TOKENS, one thread.
 *
 *   logits_hash WEIGHTS_FILE < IDS, as "[1, 2, 3]"
 */
#include "allocate.h"
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 7, MOST = 1024 };

static uint8_t *readFile(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END))
    exit(1);
  const long size = ftell(file);
  uint8_t *bytes = allocate((size_t)size);
  rewind(file);
  if (fread(bytes, 1, (size_t)size, file) != (size_t)size)
    exit(1);
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  const bitnet_model *model = &story_model;
  if (argc != 2 || model->magic != BITNET_ABI_MAGIC ||
      model->abi_version != BITNET_ABI_VERSION ||
      model->struct_size != sizeof(bitnet_model))
    return 1;
  int32_t ids[MOST];
  int count = 0;
  while (count < MOST && scanf("%*[^0-9]%d", &ids[count]) == 1)
    ++count;

  const uint32_t pages = (uint32_t)count / model->kv_page_tokens + 1;
  int32_t *table = allocate(pages * sizeof(int32_t));
  for (uint32_t i = 0; i < pages; ++i)
    table[i] = (int32_t)i;
  bitnet_context context = {
      .weights = readFile(argv[1]),
      .workspace = allocate(model->workspace_bytes_fixed +
                            TOKENS * model->workspace_bytes_per_token),
      .kv_pages = allocate(pages * model->kv_page_bytes),
      .page_table = table,
      .pages_per_sequence = pages,
      .max_tokens = TOKENS,
  };
  float *logits = allocate(sizeof(float) * TOKENS * model->logits_stride);
  bitnet_team team = {.num_threads = 1};
  uint64_t hash = 14695981039346656037ull;
  for (int first = 0; first < count; first += TOKENS) {
    const int tokens = count - first < TOKENS ? count - first : TOKENS;
    int32_t position[TOKENS], sequence[TOKENS] = {0}, row[TOKENS];
    for (int i = 0; i < tokens; ++i) {
      position[i] = first + i;
      row[i] = i;
    }
    bitnet_batch batch = {.num_tokens = (uint32_t)tokens,
                          .num_logits = (uint32_t)tokens,
                          .token = ids + first,
                          .position = position,
                          .sequence = sequence,
                          .logits_token = row};
    model->step(model, &context, &batch, logits, &team, 0);
    for (int i = 0; i < tokens; ++i) {
      const uint8_t *bytes =
          (const uint8_t *)(logits + (size_t)i * model->logits_stride);
      for (size_t b = 0; b < model->vocab_size * sizeof(float); ++b)
        hash = (hash ^ bytes[b]) * 1099511628211ull;
    }
  }
  printf("{\"logits_hash\": \"%016llx\"}\n", (unsigned long long)hash);
  return 0;
}
