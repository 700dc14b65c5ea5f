/* What programs/model.c and its two users agree on. */
#include <stdint.h>

struct test_model {
  uint64_t magic;
  uint64_t weights_begin, weights_end; /* field offset 8 */
  int (*check)(const struct test_model *);
};

extern const struct test_model program_model;
