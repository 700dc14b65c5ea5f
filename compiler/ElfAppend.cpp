//===- ElfAppend.cpp - Appending weights to a linked program --------------===//
//
// Weights go behind a finished link: .incbin and data arrays need the whole
// size in memory and fail above 2 GiB, this needs neither. The file becomes
//
//   program as linked | pad to 2 MiB | weights | section names | section
//   headers
//
// A note segment gives its program header to the weights (the note itself stays
// where it is, in its section), and a section header over the weights tells
// strip and objcopy to carry them along. The segment lies far above the code,
// so that its size has no influence on relocations, and 2 MiB-aligned in file
// and memory, so that the kernel can map it with huge pages.
//
//===----------------------------------------------------------------------===//
#include "Link.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

using namespace llvm;
using ELFT = object::ELF64LE;

namespace bitnetc {

namespace {
constexpr uint64_t weightsAddress = 0x1'0000'0000;
constexpr uint64_t weightsAlignment = 2 << 20;
constexpr StringRef sectionName = ".bitnet.weights";

/// What is to be written, worked out before anything is.
struct Plan {
  ELFT::Ehdr header;
  std::vector<ELFT::Phdr> segments;
  std::vector<ELFT::Shdr> sections;
  std::string sectionNames;
  uint64_t fieldOffset = 0;   ///< Of the {begin, end} pair in the file.
  uint64_t weightsOffset = 0; ///< In the file.
};

Error fileError(StringRef file, const Twine &message) {
  return createStringError(inconvertibleErrorCode(), file + ": " + message);
}
Error systemError(StringRef file) {
  return fileError(file, std::generic_category().message(errno));
}

Expected<uint64_t> findSymbol(const object::ELFFile<ELFT> &elf,
                              ELFT::ShdrRange sections, StringRef symbol) {
  for (const ELFT::Shdr &section : sections) {
    if (section.sh_type != ELF::SHT_SYMTAB)
      continue;
    auto symbols = elf.symbols(&section);
    if (!symbols)
      return symbols.takeError();
    auto strings = elf.getStringTableForSymtab(section, sections);
    if (!strings)
      return strings.takeError();
    for (const ELFT::Sym &candidate : *symbols) {
      auto name = candidate.getName(*strings);
      if (!name)
        return name.takeError();
      if (*name == symbol && candidate.st_shndx != ELF::SHN_UNDEF)
        return uint64_t(candidate.st_value);
    }
  }
  return createStringError(inconvertibleErrorCode(),
                           "symbol \"" + symbol + "\" is not defined");
}

/// Hands a note's program header to the weights. Loadable segments must stay in
/// rising order of addresses: the kernel takes the extent of the program from
/// the first and the last of them.
Error planSegment(Plan &plan, uint64_t size) {
  auto isFree = [](const ELFT::Phdr &p) {
    return p.p_type == ELF::PT_NOTE || p.p_type == ELF::PT_NULL;
  };
  auto victim = find_if(plan.segments, isFree);
  if (victim == plan.segments.end())
    return createStringError("has no note segment to replace");
  plan.segments.erase(victim);
  auto last = plan.segments.end();
  for (auto it = plan.segments.begin(); it != plan.segments.end(); ++it) {
    if (it->p_type != ELF::PT_LOAD)
      continue;
    last = it;
    if (it->p_vaddr >= weightsAddress ||
        it->p_memsz > weightsAddress - it->p_vaddr)
      return createStringError("already has a segment above 4 GiB");
  }
  if (last == plan.segments.end())
    return createStringError("has no loadable segment");
  ELFT::Phdr load = {};
  load.p_type = ELF::PT_LOAD;
  load.p_flags = ELF::PF_R;
  load.p_offset = plan.weightsOffset;
  load.p_vaddr = weightsAddress;
  load.p_paddr = weightsAddress;
  load.p_filesz = size;
  load.p_memsz = size;
  load.p_align = weightsAlignment;
  plan.segments.insert(last + 1, load);
  return Error::success();
}

Error planSections(Plan &plan, uint64_t size) {
  uint32_t names = plan.header.e_shstrndx;
  if (names >= plan.sections.size() ||
      plan.sections.size() + 1 >= ELF::SHN_LORESERVE)
    return createStringError("has no usable section headers");
  ELFT::Shdr section = {};
  section.sh_name = plan.sectionNames.size();
  section.sh_type = ELF::SHT_PROGBITS;
  section.sh_flags = ELF::SHF_ALLOC;
  section.sh_addr = weightsAddress;
  section.sh_offset = plan.weightsOffset;
  section.sh_size = size;
  section.sh_addralign = weightsAlignment;
  plan.sections.push_back(section);
  plan.sectionNames += sectionName.str() + '\0';

  uint64_t end = alignTo(plan.weightsOffset + size, 8);
  plan.sections[names].sh_offset = end;
  plan.sections[names].sh_size = plan.sectionNames.size();
  plan.header.e_shoff = alignTo(end + plan.sectionNames.size(), 8);
  plan.header.e_shnum = plan.sections.size();
  return Error::success();
}

Error planField(Plan &plan, StringRef image, uint64_t address) {
  for (const ELFT::Phdr &p : plan.segments) {
    if (p.p_type != ELF::PT_LOAD || address < p.p_vaddr || p.p_filesz < 16 ||
        address - p.p_vaddr > p.p_filesz - 16)
      continue;
    plan.fieldOffset = address - p.p_vaddr + p.p_offset;
    if (plan.fieldOffset > image.size() - 16)
      return createStringError("is truncated");
    for (char byte : image.substr(plan.fieldOffset, 16))
      if (byte)
        return createStringError("has weights already");
    return Error::success();
  }
  return createStringError(
      "the place for the weights' addresses is not in initialised data");
}

Expected<Plan> planAppend(StringRef image, StringRef symbol,
                          uint64_t fieldOffset, uint64_t size) {
  if (!image.starts_with(StringRef(ELF::ElfMagic)) || image.size() < 64 ||
      image[ELF::EI_CLASS] != ELF::ELFCLASS64 ||
      image[ELF::EI_DATA] != ELF::ELFDATA2LSB)
    return createStringError("is not a 64-bit little-endian ELF file");
  auto elf = object::ELFFile<ELFT>::create(image);
  if (!elf)
    return elf.takeError();
  if (elf->getHeader().e_type != ELF::ET_EXEC)
    return createStringError("is not linked at a fixed address");
  auto segments = elf->program_headers();
  if (!segments)
    return segments.takeError();
  auto sections = elf->sections();
  if (!sections)
    return sections.takeError();
  if (sections->empty())
    return createStringError("has no section headers");
  auto names = elf->getSectionStringTable(*sections);
  if (!names)
    return names.takeError();
  auto address = findSymbol(*elf, *sections, symbol);
  if (!address)
    return address.takeError();

  Plan plan;
  plan.header = elf->getHeader();
  plan.segments.assign(segments->begin(), segments->end());
  plan.sections.assign(sections->begin(), sections->end());
  plan.sectionNames = names->str();
  // The table may come without the end of its last string.
  if (plan.sectionNames.empty() || plan.sectionNames.back())
    plan.sectionNames += '\0';
  plan.weightsOffset = alignTo(image.size(), weightsAlignment);
  if (Error error = planField(plan, image, *address + fieldOffset))
    return error;
  if (Error error = planSegment(plan, size))
    return error;
  if (Error error = planSections(plan, size))
    return error;
  return plan;
}

Error writeAt(int fd, StringRef file, const void *data, size_t size,
              uint64_t offset) {
  const char *bytes = static_cast<const char *>(data);
  while (size) {
    ssize_t n = ::pwrite(fd, bytes, size, off_t(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return systemError(file);
    bytes += n;
    size -= size_t(n);
    offset += uint64_t(n);
  }
  return Error::success();
}

/// Copies [begin, end) of one file to another, a huge page at a time: a file
/// system with large folios keeps what is written so in huge pages of its
/// cache, and a program that maps the file reads its weights through them. The
/// kernel's own copies (copy_file_range) go by smaller pieces.
Error copyRange(int from, StringRef fromFile, int to, StringRef toFile,
                uint64_t begin, uint64_t end, uint64_t target) {
  std::vector<char> block(weightsAlignment);
  while (begin < end) {
    uint64_t piece = std::min(weightsAlignment - target % weightsAlignment, end - begin);
    uint64_t got = 0;
    while (got < piece) {
      ssize_t n =
          ::pread(from, block.data() + got, piece - got, off_t(begin + got));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return systemError(fromFile);
      if (n == 0)
        return fileError(fromFile, "became shorter while it was copied");
      got += uint64_t(n);
    }
    if (Error error = writeAt(to, toFile, block.data(), piece, target))
      return error;
    begin += piece;
    target += piece;
  }
  return Error::success();
}

/// Copies all of a file of `size` bytes; holes stay holes.
Error copyFile(int from, StringRef fromFile, int to, StringRef toFile,
               uint64_t size, uint64_t target) {
  uint64_t at = 0;
  while (at < size) {
    uint64_t begin = at, end = size;
#ifdef SEEK_DATA
    off_t data = ::lseek(from, off_t(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break; // Only a hole is left.
    if (data >= 0) {
      begin = uint64_t(data);
      off_t hole = ::lseek(from, data, SEEK_HOLE);
      if (hole > data)
        end = std::min(size, uint64_t(hole));
    }
#endif
    if (Error error =
            copyRange(from, fromFile, to, toFile, begin, end, target + begin))
      return error;
    at = end;
  }
  return Error::success();
}

} // namespace

Error appendWeights(StringRef program, StringRef weights, StringRef symbol,
                    uint64_t fieldOffset) {
  const std::string programFile = program.str(), weightsFile = weights.str();
  int from = ::open(weightsFile.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0)
    return systemError(weightsFile);
  scope_exit closeFrom([&] { ::close(from); });
  off_t length = ::lseek(from, 0, SEEK_END);
  if (length < 0)
    return systemError(weightsFile);
  if (length == 0)
    return fileError(weightsFile, "is empty");
  uint64_t size = uint64_t(length);

  Plan plan;
  {
    auto buffer = MemoryBuffer::getFile(programFile, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!buffer)
      return fileError(programFile, buffer.getError().message());
    auto planned =
        planAppend((*buffer)->getBuffer(), symbol, fieldOffset, size);
    if (!planned)
      return fileError(programFile, toString(planned.takeError()));
    plan = std::move(*planned);
  }

  int to = ::open(programFile.c_str(), O_RDWR | O_CLOEXEC);
  if (to < 0)
    return systemError(programFile);
  scope_exit closeTo([&] {
    if (to >= 0)
      ::close(to);
  });
  if (::ftruncate(to, off_t(plan.weightsOffset + size)))
    return systemError(programFile);
  if (Error error = copyFile(from, weightsFile, to, programFile, size,
                             plan.weightsOffset))
    return error;

  struct Piece {
    const void *data;
    size_t bytes;
    uint64_t offset;
  };
  const support::ulittle64_t field[2] = {
      support::ulittle64_t(weightsAddress),
      support::ulittle64_t(weightsAddress + size)};
  const uint32_t names = plan.header.e_shstrndx;
  const Piece pieces[] = {
      {field, sizeof field, plan.fieldOffset},
      {plan.sectionNames.data(), plan.sectionNames.size(),
       plan.sections[names].sh_offset},
      {plan.sections.data(), plan.sections.size() * sizeof(ELFT::Shdr),
       plan.header.e_shoff},
      {plan.segments.data(), plan.segments.size() * sizeof(ELFT::Phdr),
       plan.header.e_phoff},
      {&plan.header, sizeof plan.header, 0},
  };
  for (const Piece &piece : pieces)
    if (Error error =
            writeAt(to, programFile, piece.data, piece.bytes, piece.offset))
      return error;
  // A full disk may only show here.
  int status = ::close(to);
  to = -1;
  return status ? systemError(programFile) : Error::success();
}

} // namespace bitnetc
