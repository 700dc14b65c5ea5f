/* Plays a program with a real libc: the segment of the weights must not disturb
 * .bss, thread-local data or the heap, which starts behind it. */
#include "model.h"
#include <stdlib.h>
#include <string.h>

static char zeros[100000];
static _Thread_local int counter = 7;

int main(void) {
  for (size_t i = 0; i < sizeof zeros; ++i)
    if (zeros[i])
      return 20;
  if (counter != 7)
    return 21;
  char *heap = malloc(1000);
  if (!heap)
    return 22;
  memset(heap, 1, 1000);
  free(heap);
  return program_model.check(&program_model);
}
