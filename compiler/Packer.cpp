//===- Packer.cpp - Writes the packed weights of a model ------------------===//
//
// PackedFile is a file that only grows and hashes what goes in; packInstance
// puts codes and scales at the places that the record names. Instead of into a
// file they can go into a comparison with one.
//
//===----------------------------------------------------------------------===//

#include "Packer.h"

#include "WeightSource.h"
#include "dialect/Layouts.h"
#include "dialect/ScalarMath.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <future>

using namespace mlir;
using namespace mlir::bitnet;
using namespace bitnetc;
using llvm::createStringError;
using llvm::Error;

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

namespace {
/// Takes the packed weights from front to back.
class Sink {
public:
  virtual ~Sink() = default;
  virtual uint64_t position() const = 0;
  virtual void append(Bytes bytes) = 0;

  void padTo(uint64_t end) {
    constexpr uint64_t kStep = 1 << 20;
    while (position() < end)
      append(Bytes(std::min(kStep, end - position())));
  }
};

/// Hashing costs as much as reading and packing together, so it is done beside
/// them, one block behind.
class PackedFile final : public Sink {
public:
  PackedFile(StringRef path, uint64_t total, PackProgress progress,
             std::error_code &code)
      : stream(path, code), total(total), progress(progress) {}
  ~PackedFile() override { settle(); }

  uint64_t position() const override { return written; }

  void append(Bytes bytes) override {
    settle();
    written += bytes.size();
    block = std::move(bytes);
    pending = std::async(std::launch::async, [this] {
      sha.update(block);
      stream.write(reinterpret_cast<const char *>(block.data()), block.size());
    });
    progress(written, total);
  }

  Error finish(std::array<uint8_t, 32> &sha256) {
    settle();
    stream.close();
    if (std::error_code code = stream.error()) {
      stream.clear_error();
      return llvm::errorCodeToError(code);
    }
    sha256 = sha.final();
    return Error::success();
  }

private:
  void settle() {
    if (pending.valid())
      pending.get();
  }

  llvm::raw_fd_ostream stream;
  llvm::SHA256 sha;
  Bytes block;
  std::future<void> pending;
  uint64_t written = 0, total;
  PackProgress progress;
};

/// Finds the first byte that is another one in `packed`.
class Comparison final : public Sink {
public:
  Comparison(ArrayRef<uint8_t> packed, uint64_t begin)
      : packed(packed), at(begin) {}

  uint64_t position() const override { return at; }

  void append(Bytes bytes) override {
    for (size_t i = 0; i < bytes.size() && !difference; ++i)
      if (at + i >= packed.size() || packed[at + i] != bytes[i])
        difference = at + i;
    at += bytes.size();
  }

  std::optional<uint64_t> difference;

private:
  ArrayRef<uint8_t> packed;
  uint64_t at;
};
} // namespace

//===----------------------------------------------------------------------===//
// Records
//===----------------------------------------------------------------------===//

/// The scales as they lie in memory (dialect/Layouts.h): one; one for each row;
/// or, with groups, blocks of 64 rows, group by group. Pads are zero.
static llvm::Expected<Bytes> packScales(WeightOp weight,
                                        std::vector<float> scales) {
  int64_t rows = weight.getScaleRows(), groups = weight.getGroups();
  if (scales.size() == 1)
    scales.resize(rows * groups, scales[0]);
  if (static_cast<int64_t>(scales.size()) != rows * groups)
    return createStringError("cannot pack " + weight.getSource() +
                             ": expected " + Twine(rows * groups) +
                             " scales, found " + Twine(scales.size()));
  if (rows == 1)
    return toBytes(scales);
  std::vector<float> placed(llvm::alignTo(rows, kRowPad) * groups);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < groups; ++g)
      placed[(r / kRowPad * groups + g) * kRowPad + r % kRowPad] =
          scales[r * groups + g];
  if (!weight.getHalfScales())
    return toBytes(placed);
  Bytes bytes(placed.size() * 2);
  for (size_t i = 0; i < placed.size(); ++i) {
    uint16_t half = f32ToF16(placed[i]);
    if (f16ToF32(half) != placed[i])
      return createStringError("cannot pack " + weight.getSource() +
                               ": a scale is not an f16 number");
    std::memcpy(&bytes[i * 2], &half, 2);
  }
  return bytes;
}

namespace {
/// The codes or the scales of a weight: one range of a record instance.
struct Segment {
  uint64_t offset;
  WeightOp weight;
  bool isScales;
};
} // namespace

static std::vector<Segment> segmentsOf(RecordOp record) {
  std::vector<Segment> segments;
  for (WeightOp weight : record.getBody().getOps<WeightOp>()) {
    segments.push_back({static_cast<uint64_t>(*weight.getOffset()), weight,
                        /*isScales=*/false});
    if (weight.getScaleOffset())
      segments.push_back({static_cast<uint64_t>(*weight.getScaleOffset()),
                          weight, /*isScales=*/true});
  }
  llvm::sort(segments, [](const Segment &a, const Segment &b) {
    return a.offset < b.offset;
  });
  return segments;
}

static Error packInstance(RecordOp record, ArrayRef<Segment> segments,
                          int64_t instance, const Model &model,
                          WeightReader &reader, Sink &file) {
  uint64_t base = *record.getOffset() + instance * *record.getStride();
  // What was made with the other segment of its weight and waits for its turn.
  llvm::DenseMap<Operation *, std::vector<Bytes>> waitingCodes;
  llvm::DenseMap<Operation *, std::vector<float>> waitingScales;

  for (Segment segment : segments) {
    if (file.position() > base + segment.offset)
      return createStringError("weight @" + segment.weight.getSymName() +
                               " overlaps the one before it");
    file.padTo(base + segment.offset);
    WeightSource source(segment.weight, instance, model, reader);
    Operation *key = segment.weight;

    if (!segment.isScales) {
      auto waiting = waitingCodes.find(key);
      if (waiting != waitingCodes.end()) {
        for (Bytes &block : waiting->second)
          file.append(std::move(block));
        waitingCodes.erase(waiting);
        continue;
      }
      auto scales =
          source.pack([&](Bytes block) { file.append(std::move(block)); });
      if (!scales)
        return scales.takeError();
      waitingScales[key] = std::move(*scales);
      continue;
    }

    if (!waitingScales.count(key)) {
      std::vector<Bytes> &blocks = waitingCodes[key];
      auto scales =
          source.pack([&](Bytes block) { blocks.push_back(std::move(block)); });
      if (!scales)
        return scales.takeError();
      waitingScales[key] = std::move(*scales);
    }
    auto bytes = packScales(segment.weight, std::move(waitingScales[key]));
    if (!bytes)
      return bytes.takeError();
    file.append(std::move(*bytes));
  }
  if (file.position() > base + *record.getStride())
    return createStringError("record @" + record.getSymName() +
                             " is larger than its stride");
  return Error::success();
}

llvm::Expected<std::vector<PackedDifference>>
bitnetc::comparePacked(ModuleOp module, const Model &model,
                       WeightReader &reader, ArrayRef<uint8_t> packed) {
  std::vector<PackedDifference> differences;
  for (RecordOp record : module.getOps<RecordOp>()) {
    std::vector<Segment> segments = segmentsOf(record);
    for (int64_t i = 0; i < static_cast<int64_t>(record.getCount()); ++i) {
      const uint64_t base = *record.getOffset() + i * *record.getStride();
      Comparison comparison(packed, base);
      if (Error error =
              packInstance(record, segments, i, model, reader, comparison))
        return error;
      if (!comparison.difference)
        continue;
      const uint64_t place = *comparison.difference - base;
      const Segment *found = &segments.front();
      for (const Segment &segment : segments)
        if (segment.offset <= place)
          found = &segment;
      differences.push_back(
          {record.getSymName().str(), i,
           WeightSource(found->weight, i, model, reader).name(),
           found->isScales, place - found->offset});
    }
  }
  return differences;
}

uint64_t bitnetc::packedSize(ModuleOp module) {
  uint64_t end = 0;
  for (RecordOp record : module.getOps<RecordOp>())
    end = std::max<uint64_t>(end, record.getOffset().value_or(0) +
                                      record.getStride().value_or(0) *
                                          record.getCount());
  return llvm::alignTo(end, 64);
}

Error bitnetc::packWeights(ModuleOp module, const Model &model,
                           WeightReader &reader, StringRef outputFile,
                           std::array<uint8_t, 32> &sha256,
                           PackProgress progress) {
  auto fail = [&](Error error) {
    return createStringError(outputFile + ": " +
                             llvm::toString(std::move(error)));
  };
  std::vector<RecordOp> records(module.getOps<RecordOp>().begin(),
                                module.getOps<RecordOp>().end());
  for (RecordOp record : records) {
    if (!record.getOffset() || !record.getStride())
      return createStringError("record @" + record.getSymName() +
                               " has no place");
    for (WeightOp weight : record.getBody().getOps<WeightOp>())
      if (!weight.getLayout() || !weight.getOffset())
        return createStringError("weight @" + weight.getSymName() +
                                 " has no layout");
  }
  llvm::sort(records, [](RecordOp a, RecordOp b) {
    return *a.getOffset() < *b.getOffset();
  });

  std::error_code code;
  uint64_t total = packedSize(module);
  PackedFile file(outputFile, total, progress, code);
  if (code)
    return fail(llvm::errorCodeToError(code));
  for (RecordOp record : records) {
    std::vector<Segment> segments = segmentsOf(record);
    for (int64_t i = 0; i < static_cast<int64_t>(record.getCount()); ++i)
      if (Error error = packInstance(record, segments, i, model, reader, file))
        return error;
  }
  file.padTo(total);
  if (Error error = file.finish(sha256))
    return fail(std::move(error));
  return Error::success();
}
