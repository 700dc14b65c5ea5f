//===- Convert.cpp - Any model as a model.json directory ------------------===//
//
// The safetensors file is planned first, since its header says where everything
// lies, then written from front to back, a tensor or some rows at a time.
// Tensors in a form that model.json describes are copied as they are. The
// others come from GGUF files: matrices become codes and scales, blocks that
// stand for floats become the narrowest float type that holds all of them.
//
//===----------------------------------------------------------------------===//
#include "Convert.h"
#include "ModelImport.h"
#include "Safetensors.h"
#include "WeightEncode.h"
#include "gguf/MappedFile.h"
#include "gguf/TokenizerFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace llvm;

namespace bitnetc {

namespace {

std::string inside(StringRef directory, StringRef name) {
  SmallString<128> path = directory;
  sys::path::append(path, name);
  return path.str().str();
}

Error writeText(StringRef path, StringRef text) {
  std::error_code code;
  raw_fd_ostream out(path, code);
  if (!code) {
    out << text;
    out.close();
    code = out.error();
    out.clear_error();
  }
  return code ? fileError(path, "cannot be written: " + code.message())
              : Error::success();
}

/// One tensor of the new file.
struct Entry {
  enum Source { Bytes, Floats, Matrix, Scales };
  std::string name;
  Source source;
  DType dtype;
  std::vector<int64_t> shape;

  uint64_t bytes() const {
    uint64_t count = dtypeBytes(dtype);
    for (int64_t extent : shape)
      count *= uint64_t(extent);
    return count;
  }
};

class TensorWriter {
public:
  TensorWriter(const Model &model, StringRef path,
               function_ref<void(uint64_t, uint64_t)> progress)
      : model(model), reader(model), path(path), progress(progress) {}

  Error run();

private:
  Error plan();
  Expected<DType> narrowest(const std::string &name, const TensorRef &ref);
  Error eachBlock(const std::string &name, const TensorRef &ref,
                  function_ref<Error(ArrayRef<float>)> use);
  Error write(const Entry &entry, raw_fd_ostream &out);
  Error copyBytes(const std::string &name, const TensorRef &ref,
                  raw_fd_ostream &out);
  Error writeMatrix(StringRef name, raw_fd_ostream &out);
  void put(raw_fd_ostream &out, ArrayRef<uint8_t> bytes) {
    out.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    progress(done += bytes.size(), total);
  }

  const Model &model;
  WeightReader reader;
  StringRef path;
  function_ref<void(uint64_t, uint64_t)> progress;
  std::vector<Entry> entries;
  std::vector<float> scales; ///< Of the matrix that was written last.
  uint64_t done = 0, total = 0;
};
} // namespace

/// Rows that are in memory at a time.
static constexpr int64_t kRowsAtATime = 1024;

Error TensorWriter::eachBlock(const std::string &name, const TensorRef &ref,
                              function_ref<Error(ArrayRef<float>)> use) {
  if (ref.shape.size() != 2) {
    auto values = reader.readFloat(name);
    return values ? use(*values) : values.takeError();
  }
  for (int64_t row = 0; row < ref.shape[0]; row += kRowsAtATime) {
    auto values =
        reader.readRows(name, row, std::min(ref.shape[0], row + kRowsAtATime));
    if (!values)
      return values.takeError();
    if (Error error = use(*values))
      return error;
  }
  return Error::success();
}

Expected<DType> TensorWriter::narrowest(const std::string &name,
                                        const TensorRef &ref) {
  bool half = true, brain = true;
  Error error = eachBlock(name, ref, [&](ArrayRef<float> values) {
    half = half && fits(values, DType::F16);
    brain = brain && fits(values, DType::BF16);
    return Error::success();
  });
  if (error)
    return error;
  return half ? DType::F16 : brain ? DType::BF16 : DType::F32;
}

Error TensorWriter::plan() {
  std::set<std::string> skipped(model.unusedTensors.begin(),
                                model.unusedTensors.end());
  std::vector<std::string> matrices = {"model.embed_tokens"};
  if (!model.tiedHead)
    matrices.push_back("lm_head");
  for (int64_t i = 0; i < model.numLayers; ++i)
    for (const LinearShape &l : layerLinears(model))
      matrices.push_back(layerName(i, l.name));
  for (const std::string &name : matrices) {
    auto source = quantizedSource(model, name);
    if (!source || source->quant.packing != Packing::Gguf)
      continue;
    const Quantization &q = source->quant;
    skipped.insert(name + ".weight");
    skipped.insert(name + ".weight_scale");
    std::vector<int64_t> shape = {(source->rows + 3) / 4, source->cols};
    if (q.weight == WeightQuant::Binary)
      shape = {source->rows, (source->cols + 7) / 8};
    entries.push_back({name + ".weight", Entry::Matrix, DType::U8, shape});
    shape = {1};
    if (q.scale == ScaleKind::Row)
      shape = {source->rows};
    if (q.scale == ScaleKind::Group)
      shape = {source->rows, source->cols / q.group};
    entries.push_back({name + ".weight_scale", Entry::Scales,
                       q.halfScales ? DType::F16 : DType::F32, shape});
  }
  for (const auto &[name, ref] : model.tensors) {
    if (skipped.count(name))
      continue;
    if (ref.format == gguf::Format::None) {
      entries.push_back({name, Entry::Bytes, ref.dtype, ref.shape});
      continue;
    }
    auto dtype = narrowest(name, ref);
    if (!dtype)
      return dtype.takeError();
    entries.push_back({name, Entry::Floats, *dtype, ref.shape});
  }
  for (const Entry &entry : entries)
    total += entry.bytes();
  return Error::success();
}

Error TensorWriter::copyBytes(const std::string &name, const TensorRef &ref,
                              raw_fd_ostream &out) {
  auto fail = [&](const Twine &message) {
    return fileError(ref.file, "tensor \"" + name + "\": " + message);
  };
  auto file = sys::fs::openNativeFileForRead(ref.file);
  if (!file)
    return fail("cannot be read: " + toString(file.takeError()));
  scope_exit close([&] { sys::fs::closeFile(*file); });
  std::vector<uint8_t> block;
  for (uint64_t at = 0; at < ref.bytes; at += block.size()) {
    block.resize(std::min<uint64_t>(ref.bytes - at, 4 << 20));
    auto count = sys::fs::readNativeFileSlice(
        *file,
        MutableArrayRef(reinterpret_cast<char *>(block.data()), block.size()),
        ref.offset + at);
    if (!count)
      return fail("cannot be read: " + toString(count.takeError()));
    if (!*count)
      return fail("lies outside the file");
    block.resize(*count);
    put(out, block);
  }
  return Error::success();
}

/// Linears of layers may share a mean and are read as a whole; the codes of an
/// embedding would be a byte an element, so that it is read in parts. A part of
/// Hugging Face's packing has rows of each of the four slices.
Error TensorWriter::writeMatrix(StringRef name, raw_fd_ostream &out) {
  const QuantizedSource source = *quantizedSource(model, name);
  const bool bits = source.quant.weight == WeightQuant::Binary;
  if (name.starts_with("model.layers.")) {
    auto matrix = reader.readLinear(name);
    if (!matrix)
      return matrix.takeError();
    put(out, bits ? encodeBits(*matrix) : encode2Bit(*matrix));
    scales = std::move(matrix->scale);
    return Error::success();
  }
  const int64_t slices = bits ? 1 : 4;
  const int64_t slice = (source.rows + slices - 1) / slices;
  const bool oneScale = source.quant.scale == ScaleKind::Tensor;
  const int64_t groups = source.quant.scale == ScaleKind::Group
                             ? source.cols / source.quant.group
                             : 1;
  scales.assign(oneScale ? 0 : size_t(source.rows * groups), 0);
  for (int64_t first = 0; first < slice; first += kRowsAtATime) {
    const int64_t count = std::min(slice - first, kRowsAtATime);
    QuantizedMatrix part;
    part.rows = slices * count;
    part.cols = source.cols;
    part.codes.resize(size_t(part.rows * part.cols));
    for (int64_t i = 0; i < slices; ++i) {
      const int64_t begin = std::min(source.rows, i * slice + first);
      const int64_t end = std::min(source.rows, i * slice + first + count);
      if (begin == end)
        continue; // The last slice is shorter.
      auto matrix = reader.readLinear(name, begin, end);
      if (!matrix)
        return matrix.takeError();
      llvm::copy(matrix->codes, part.codes.begin() + i * count * part.cols);
      // A part of zeros does not know the scale of the matrix.
      if (oneScale && !scales.empty() && scales[0] != 0)
        continue;
      if (oneScale)
        scales = matrix->scale;
      else
        llvm::copy(matrix->scale, scales.begin() + begin * groups);
    }
    put(out, bits ? encodeBits(part) : encode2Bit(part));
  }
  return Error::success();
}

Error TensorWriter::write(const Entry &entry, raw_fd_ostream &out) {
  switch (entry.source) {
  case Entry::Bytes:
    return copyBytes(entry.name, model.tensors.at(entry.name), out);
  case Entry::Floats:
    return eachBlock(entry.name, model.tensors.at(entry.name),
                     [&](ArrayRef<float> values) {
                       put(out, narrow(values, entry.dtype));
                       return Error::success();
                     });
  case Entry::Matrix:
    return writeMatrix(StringRef(entry.name).drop_back(strlen(".weight")), out);
  case Entry::Scales:
    put(out, narrow(scales, entry.dtype));
    return Error::success();
  }
  llvm_unreachable("every source has a case");
}

Error TensorWriter::run() {
  if (Error error = plan())
    return error;
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t end = 0;
  for (const Entry &entry : entries) {
    header[entry.name] = {{"dtype", dtypeName(entry.dtype).str()},
                          {"shape", entry.shape},
                          {"data_offsets", {end, end + entry.bytes()}}};
    end += entry.bytes();
  }
  std::string text = header.dump();
  text.append(-text.size() % 8, ' ');
  char length[8];
  support::endian::write64le(length, text.size());

  std::error_code code;
  raw_fd_ostream out(path, code);
  if (code)
    return fileError(path, "cannot be written: " + code.message());
  out.write(length, sizeof length) << text;
  for (const Entry &entry : entries) {
    const uint64_t before = done;
    if (Error error = write(entry, out))
      return error;
    if (done - before != entry.bytes())
      return fileError(model.path, "tensor \"" + entry.name + "\": expected " +
                                       Twine(entry.bytes()) + " bytes, found " +
                                       Twine(done - before));
  }
  out.close();
  if ((code = out.error())) {
    out.clear_error();
    return fileError(path, "cannot be written: " + code.message());
  }
  return Error::success();
}

/// The files that hold the tensors of `model` under the very names that
/// model.json wants, as absolute paths.
static Expected<std::vector<std::string>> originalFiles(const Model &model) {
  std::set<std::string> skipped(model.unusedTensors.begin(),
                                model.unusedTensors.end());
  std::map<std::string, std::map<std::string, TensorRef>> files;
  std::vector<std::string> names;
  for (const auto &[name, ref] : model.tensors) {
    if (skipped.count(name))
      continue;
    if (gguf::isGguf(ref.file))
      return fileError(ref.file, "a model.json cannot point into a GGUF file; "
                                 "convert without --link");
    auto [file, isNew] = files.try_emplace(ref.file);
    if (isNew) {
      auto tensors = readSafetensors(ref.file);
      if (!tensors)
        return tensors.takeError();
      file->second = std::move(*tensors);
      SmallString<128> path(ref.file);
      sys::fs::make_absolute(path);
      names.push_back(path.str().str());
    }
    auto found = file->second.find(name);
    if (found == file->second.end() || found->second.offset != ref.offset)
      return fileError(ref.file, "tensor \"" + name +
                                     "\" has another name there; convert "
                                     "without --link");
  }
  return names;
}

/// Puts the tokenizer into `directory`; returns its name there.
static Expected<std::string> writeTokenizer(const Model &model,
                                            StringRef directory) {
  if (model.tokenizerFile.empty())
    return "";
  const std::string &from = model.tokenizerFile;
  if (gguf::isGguf(from)) {
    gguf::MappedFile mapped;
    gguf::File file;
    std::string reason;
    if (!mapped.open(from, reason) ||
        !gguf::parse(mapped.bytes(), file, reason))
      return fileError(from, reason);
    const std::string name = "tokenizer.gguf";
    if (Error error =
            writeText(inside(directory, name), gguf::tokenizerFile(file)))
      return error;
    return name;
  }
  // What is beside a SentencePiece model says whether texts begin with bos.
  std::string config =
      inside(sys::path::parent_path(from), "tokenizer_config.json");
  std::vector<std::string> files = {from};
  if (sys::fs::exists(config))
    files.push_back(config);
  for (const std::string &file : files) {
    std::string to = inside(directory, sys::path::filename(file));
    if (std::error_code code = sys::fs::copy_file(file, to))
      return fileError(file,
                       "cannot be copied to " + to + ": " + code.message());
  }
  return sys::path::filename(from).str();
}

Error writeModelDirectory(const Model &model, StringRef directory,
                          const ConvertOptions &options,
                          function_ref<void(uint64_t, uint64_t)> progress) {
  std::vector<std::string> tensors = {"model.safetensors"};
  std::string tokenizer;
  if (options.link) {
    auto files = originalFiles(model);
    if (!files)
      return files.takeError();
    tensors = std::move(*files);
    if (!model.tokenizerFile.empty()) {
      SmallString<128> path(model.tokenizerFile);
      sys::fs::make_absolute(path);
      tokenizer = path.str().str();
    }
  } else {
    auto name = writeTokenizer(model, directory);
    if (!name)
      return name.takeError();
    tokenizer = std::move(*name);
    std::string file = inside(directory, tensors.front());
    if (Error error = TensorWriter(model, file, progress).run())
      return error;
  }
  std::string chatTemplate;
  if (model.chatTemplate) {
    chatTemplate = "chat_template.jinja";
    if (Error error =
            writeText(inside(directory, chatTemplate), *model.chatTemplate))
      return error;
  }
  return writeText(inside(directory, "model.json"),
                   modelJsonText(model, tensors, tokenizer, chatTemplate));
}

} // namespace bitnetc
