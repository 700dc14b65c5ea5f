/* Memory as a step wants it, for the small programs here: aligned and zeroed.
 */
#ifndef BITNET_TEST_ALLOCATE_H
#define BITNET_TEST_ALLOCATE_H

#include "bitnet_abi.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(size_t size) {
  void *memory = aligned_alloc(BITNET_ALIGNMENT, (size / BITNET_ALIGNMENT + 1) *
                                                     BITNET_ALIGNMENT);
  if (!memory)
    exit(1);
  memset(memory, 0, size);
  return memory;
}

#endif /* BITNET_TEST_ALLOCATE_H */
