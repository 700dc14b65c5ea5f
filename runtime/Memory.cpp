//===- Memory.cpp - Large blocks from the system --------------------------===//

#include "runtime/Memory.h"
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace bitnet {

static constexpr uint64_t hugePageBytes = 2 << 20;

Memory::~Memory() {
  if (begin)
    munmap(begin, length);
}

bool Memory::allocate(uint64_t bytes, const char *what, std::string *error) {
  if (begin)
    munmap(begin, length);
  begin = nullptr;
  length = bytes ? bytes : 1;
  void *mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    *error = std::string("cannot reserve ") + std::to_string(length >> 20) +
             " MiB for " + what + ": " + strerror(errno);
    length = 0;
    return false;
  }
  begin = static_cast<uint8_t *>(mapped);
  adviseHugePages(begin, length);
  return true;
}

void adviseHugePages(const void *begin, uint64_t bytes) {
  // A block of a few huge pages would only waste the rest of the last one.
  // Failure is normal (kernels without huge pages) and harmless.
  if (bytes < 4 * hugePageBytes)
    return;
  auto address = reinterpret_cast<uintptr_t>(begin);
  uintptr_t first =
      (address + hugePageBytes - 1) / hugePageBytes * hugePageBytes;
  uintptr_t last = (address + bytes) / hugePageBytes * hugePageBytes;
  madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
}

} // namespace bitnet
