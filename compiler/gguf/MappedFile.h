//===- MappedFile.h - A file as read-only memory ----------------*- C++ -*-===//
//
// Models are larger than memory may be: only the pages that are read count.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUF_MAPPEDFILE_H
#define BITNETC_COMPILER_GGUF_MAPPEDFILE_H

#include <string>
#include <string_view>

namespace bitnetc::gguf {

class MappedFile {
public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  /// On failure returns false with the system's reason.
  bool open(const std::string &path, std::string &error);
  std::string_view bytes() const { return view; }
  /// Lets go of the pages that were read; they are read again when needed.
  void release() const;

private:
  std::string_view view;
};

/// Whether the file at `path` starts as a GGUF file does.
bool isGguf(const std::string &path);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_MAPPEDFILE_H
