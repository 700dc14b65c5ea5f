//===- reference-eval.cpp - The interpreter on the command line -----------===//
//
// Runs a real model in the reference interpreter over all ids in one batch and
// prints the hash that a compiled program prints for `eval --logits-hash`.
//
//   bitnet-reference MODEL_PATH --ids FILE [--fused] [--kv-i8]
//
//===----------------------------------------------------------------------===//

#include "compiler/Reference.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

static llvm::cl::opt<std::string> modelPath(llvm::cl::Positional,
                                            llvm::cl::Required,
                                            llvm::cl::desc("model"));
static llvm::cl::opt<std::string>
    idsFile("ids", llvm::cl::Required,
            llvm::cl::desc("JSON array of token ids"));
static llvm::cl::opt<bool>
    fused("fused", llvm::cl::desc("Run the fusing pipeline first"));
static llvm::cl::opt<bool> kvI8("kv-i8",
                                llvm::cl::desc("Keep keys and values in i8"));

static llvm::Error run() {
  auto buffer = llvm::MemoryBuffer::getFile(idsFile);
  if (!buffer)
    return llvm::createStringError(idsFile + ": " +
                                   buffer.getError().message());
  auto ids = llvm::json::parse<std::vector<int32_t>>((*buffer)->getBuffer());
  if (!ids)
    return ids.takeError();
  bitnetc::ImportOptions options;
  if (kvI8)
    options.kvForm = bitnetc::KVForm::I8;
  auto model = bitnetc::importModel(modelPath, options);
  if (!model)
    return model.takeError();
  bitnetc::Reference reference(*model);
  if (llvm::Error error = reference.build(fused))
    return error;
  auto hash = reference.run(*ids, model->numLayers);
  if (!hash)
    return hash.takeError();
  llvm::outs() << llvm::format(
      "{\n \"tokens\": %d,\n \"logits_hash\": \"%016llx\"\n}\n",
      static_cast<int>(ids->size()), static_cast<unsigned long long>(*hash));
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv,
                                    "Runs a model in the interpreter\n");
  if (llvm::Error error = run()) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  return 0;
}
