/* Plays the runtime bundle without a libc: the exit code is the model's check.
 */
#include "model.h"

void _start(void);
void _start(void) {
  long status = program_model.check(&program_model);
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(60L), "D"(status) : "memory");
#elif defined(__aarch64__)
  register long x0 __asm__("x0") = status;
  register long x8 __asm__("x8") = 93;
  __asm__ volatile("svc 0" : : "r"(x0), "r"(x8) : "memory");
#elif defined(__riscv)
  register long a0 __asm__("a0") = status;
  register long a7 __asm__("a7") = 93;
  __asm__ volatile("ecall" : : "r"(a0), "r"(a7) : "memory");
#endif
  for (;;) {
  }
}
