/* A model inside somebody else's C program: no runtime of this project, one
 * thread, plain mmap and malloc. Feeds the token ids on the command line and
 * appends COUNT greedy tokens; prints all ids as a JSON array.
 *
 *   embed WEIGHTS_FILE COUNT ID...
 */
#include "story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *allocate(size_t size) {
  size_t rounded = (size / BITNET_ALIGNMENT + 1) * BITNET_ALIGNMENT;
  void *memory = aligned_alloc(BITNET_ALIGNMENT, rounded);
  if (!memory)
    exit(1);
  return memory;
}

static const uint8_t *map(const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &status) != 0)
    exit(1);
  void *memory =
      mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (memory == MAP_FAILED)
    exit(1);
  return memory;
}

int main(int argc, char **argv) {
  const bitnet_model *model = &story_model;
  if (argc < 4 || model->magic != BITNET_ABI_MAGIC ||
      model->abi_version != BITNET_ABI_VERSION ||
      model->struct_size != sizeof(bitnet_model))
    return 1;
  int count = atoi(argv[2]), prompt = argc - 3, total = prompt + count;

  /* Room for all tokens of one sequence: its page i is simply page i. */
  uint32_t pages = (uint32_t)total / model->kv_page_tokens + 1;
  int32_t *table = allocate(pages * sizeof(int32_t));
  uint8_t *kv = allocate(pages * model->kv_page_bytes);
  for (uint32_t i = 0; i < pages; ++i)
    table[i] = (int32_t)i;
  for (size_t i = 0; i < pages * model->kv_page_bytes; ++i)
    kv[i] = 0;

  bitnet_context context = {
      .weights = map(argv[1]),
      .workspace = allocate(model->workspace_bytes_fixed +
                            model->workspace_bytes_per_token),
      .kv_pages = kv,
      .page_table = table,
      .pages_per_sequence = pages,
      .max_tokens = 1,
  };
  float *logits = allocate(model->logits_stride * sizeof(float));
  bitnet_team team = {.num_threads = 1};

  int32_t id = 0;
  printf("[");
  for (int32_t position = 0; position < total; ++position) {
    if (position < prompt)
      id = atoi(argv[3 + position]);
    printf(position ? ", %d" : "%d", id);
    const int32_t sequence = 0, row = 0;
    bitnet_batch batch = {
        .num_tokens = 1,
        .num_logits = 1,
        .token = &id,
        .position = &position,
        .sequence = &sequence,
        .logits_token = &row,
    };
    model->step(model, &context, &batch, logits, &team, 0);
    int32_t best = 0;
    for (uint32_t i = 1; i < model->vocab_size; ++i)
      if (logits[i] > logits[best])
        best = (int32_t)i;
    id = best;
  }
  printf("]\n");
  return 0;
}
