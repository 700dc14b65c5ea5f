//===- Fuzz.cpp - What the fuzz targets share -----------------------------===//

#include "Fuzz.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace bitnetc::fuzz {

[[noreturn]] static void giveUp(const char *what) {
  perror(what);
  _Exit(1); // Nothing is wrong with the input.
}

MemoryFile::MemoryFile() : descriptor(memfd_create("input", 0)) {
  if (descriptor < 0)
    giveUp("memfd_create");
  name = "/proc/self/fd/" + std::to_string(descriptor);
}

void MemoryFile::write(std::string_view bytes) {
  if (ftruncate(descriptor, 0) ||
      pwrite(descriptor, bytes.data(), bytes.size(), 0) !=
          static_cast<ssize_t>(bytes.size()))
    giveUp("write");
}

Folder::Folder()
    : path((fs::temp_directory_path() / "bitnetc-fuzz-XXXXXX").string()) {
  if (!mkdtemp(path.data()))
    giveUp(path.c_str());
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void Folder::write(const std::string &name, std::string_view bytes) const {
  std::ofstream(file(name), std::ios::binary) << bytes;
}

void Folder::remove(const std::string &name) const {
  std::error_code ignored;
  fs::remove(file(name), ignored);
}

void Folder::link(const std::string &name, const std::string &example) const {
  remove(name);
  fs::create_symlink(fs::path(BITNETC_EXAMPLES) / example, file(name));
}

} // namespace bitnetc::fuzz
