//===- MappedFile.cpp - A file as read-only memory ------------------------===//

#include "MappedFile.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bitnetc::gguf {

MappedFile::~MappedFile() {
  if (!view.empty())
    munmap(const_cast<char *>(view.data()), view.size());
}

void MappedFile::release() const {
  if (!view.empty())
    madvise(const_cast<char *>(view.data()), view.size(), MADV_DONTNEED);
}

bool MappedFile::open(const std::string &path, std::string &error) {
  auto fail = [&](int fd) {
    error = std::string("cannot be read: ") + std::strerror(errno);
    if (fd >= 0)
      close(fd);
    return false;
  };
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(fd);
  struct stat status{};
  if (fstat(fd, &status) != 0)
    return fail(fd);
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return fail(fd);
  }
  if (size_t size = static_cast<size_t>(status.st_size)) {
    void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
      return fail(fd);
    view = {static_cast<const char *>(memory), size};
  }
  close(fd);
  return true;
}

bool isGguf(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return false;
  char magic[4];
  bool same = read(fd, magic, 4) == 4 && std::memcmp(magic, "GGUF", 4) == 0;
  close(fd);
  return same;
}

} // namespace bitnetc::gguf
