/* Logits of a token do not depend on what else is in its batch.
 *
 * Runs two sequences, first each alone, then both in batches that mix them
 * token by token, on pages in another order, with a third sequence of garbage
 * beside them; compares every logit by bits and prints how many were equal.
 *
 *   mixed_batch WEIGHTS_FILE
 */
#include "allocate.h"
#include "story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { LENGTH = 300, SEQUENCES = 3, PAGES = (LENGTH + 15) / 16, TOKENS = 9 };

static int32_t idAt(int sequence, int position) {
  return (int32_t)((sequence * 131 + position * 29 + 7) %
                   (int)story_model.vocab_size);
}

static float *runBatches(const uint8_t *weights, int reversePages,
                         int (*next)(int step, int *sequence, int *position)) {
  const bitnet_model *model = &story_model;
  int32_t table[SEQUENCES * PAGES];
  for (int i = 0; i < SEQUENCES * PAGES; ++i)
    table[i] = reversePages ? SEQUENCES * PAGES - 1 - i : i;
  bitnet_context context = {
      .weights = weights,
      .workspace = allocate(model->workspace_bytes_fixed +
                            TOKENS * model->workspace_bytes_per_token),
      .kv_pages = allocate(SEQUENCES * PAGES * model->kv_page_bytes),
      .page_table = table,
      .pages_per_sequence = PAGES,
      .max_tokens = TOKENS,
  };
  float *all = allocate(sizeof(float) * SEQUENCES * LENGTH * model->vocab_size);
  float *logits = allocate(sizeof(float) * TOKENS * model->logits_stride);
  bitnet_team team = {.num_threads = 1};
  int32_t token[TOKENS], position[TOKENS], sequence[TOKENS], row[TOKENS];
  int step = 0;
  for (;;) {
    int count = 0, s, p;
    while (count < TOKENS && next(step, &s, &p)) {
      token[count] = idAt(s, p);
      position[count] = p;
      sequence[count] = s;
      row[count] = count;
      ++count;
      ++step;
    }
    if (!count)
      return all;
    bitnet_batch batch = {.num_tokens = (uint32_t)count,
                          .num_logits = (uint32_t)count,
                          .token = token,
                          .position = position,
                          .sequence = sequence,
                          .logits_token = row};
    model->step(model, &context, &batch, logits, &team, 0);
    for (int i = 0; i < count; ++i)
      memcpy(all + (size_t)(sequence[i] * LENGTH + position[i]) *
                       model->vocab_size,
             logits + (size_t)i * model->logits_stride,
             sizeof(float) * model->vocab_size);
  }
}

/* Sequence 0 from beginning to end, then sequence 1. */
static int alone(int step, int *sequence, int *position) {
  *sequence = step / LENGTH;
  *position = step % LENGTH;
  return step < 2 * LENGTH;
}

/* One token of each of the three in turn. */
static int mixed(int step, int *sequence, int *position) {
  *sequence = SEQUENCES - 1 - step % SEQUENCES;
  *position = step / SEQUENCES;
  return step < SEQUENCES * LENGTH;
}

int main(int argc, char **argv) {
  struct stat status;
  int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  if (file < 0 || fstat(file, &status) != 0)
    return 1;
  const uint8_t *weights =
      mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (weights == MAP_FAILED)
    return 1;
  const float *a = runBatches(weights, 0, alone);
  const float *b = runBatches(weights, 1, mixed);
  size_t count = (size_t)2 * LENGTH * story_model.vocab_size, equal = 0;
  int finite = 1;
  for (size_t i = 0; i < count; ++i) {
    equal += memcmp(&a[i], &b[i], sizeof(float)) == 0;
    finite &= a[i] - a[i] == 0;
  }
  printf("%zu of %zu logits equal, %s\n", equal, count,
         finite ? "all finite" : "not all finite");
  return equal != count || !finite;
}
