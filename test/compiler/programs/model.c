/* Plays the object that the compiler generates: a constant descriptor with a
 * place for the weights' addresses. The weights of the test start and end with
 * eight known bytes; check says whether they are where they should be. */
#include "model.h"

static int check(const struct test_model *model) {
  /* Through volatile: the compiler must not believe the zeros below. */
  const volatile uint64_t *field = &model->weights_begin;
  uint64_t begin = field[0], end = field[1];
  if (begin == 0 && end == 0)
    return 2;
  if (begin % (2 << 20) || end - begin < 16)
    return 3;
  if (*(const volatile uint64_t *)begin != 0x1122334455667788u)
    return 4;
  if (*(const volatile uint64_t *)(end - 8) != 0x99aabbccddeeff00u)
    return 5;
  return 0;
}

/* Not called by anyone: the link drops it. */
int unused_function(void);
int unused_function(void) { return 77; }

const struct test_model program_model = {42, 0, 0, check};
