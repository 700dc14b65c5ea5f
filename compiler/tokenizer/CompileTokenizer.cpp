//===- CompileTokenizer.cpp - Tokenizer file to blob ----------------------===//

#include "CompileTokenizer.h"
#include "GgufVocab.h"
#include "TokenizerSpec.h"
#include "compiler/gguf/MappedFile.h"
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace bitnetc {

namespace fs = std::filesystem;

static bool readWhole(const fs::path &path, std::string &text) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream stream;
  stream << file.rdbuf();
  text = stream.str();
  return file.good();
}

/// A tiktoken vocabulary: lines of base64, space, rank.
static bool looksLikeTiktoken(const std::string &text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const size_t space = text.find(' ');
  return space != std::string::npos && space > 0 && space < end &&
         text.find_first_not_of("0123456789\r", space + 1) == end;
}

/// Whether tokenizer_config.json beside a SentencePiece model wants bos before
/// a text; Llama's convention is yes.
static bool wantsBos(const fs::path &directory) {
  std::string text;
  if (!readWhole(directory / "tokenizer_config.json", text))
    return true;
  auto config =
      nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object())
    return true;
  auto found = config.find("add_bos_token");
  return found == config.end() || !found->is_boolean() || found->get<bool>();
}

static bool readSpec(fs::path &path, TokenizerSpec &spec, std::string &error) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const fs::path directory = path;
    std::string vocab, merges;
    if (path = directory / "tokenizer.json"; fs::exists(path, ignored)) {
    } else if (path = directory / "tokenizer.model";
               fs::exists(path, ignored)) {
    } else if (path = directory / "tokenizer.gguf"; fs::exists(path, ignored)) {
    } else if (path = directory / "vocab.json";
               readWhole(path, vocab) &&
               readWhole(directory / "merges.txt", merges)) {
      return readVocabAndMerges(vocab, merges, spec, error);
    } else {
      path = directory;
      error = "it holds neither tokenizer.json nor tokenizer.model";
      return false;
    }
  }
  if (gguf::isGguf(path.string()))
    return readGgufVocab(path.string(), spec, error);
  std::string text;
  if (!readWhole(path, text)) {
    error = "cannot read it";
    return false;
  }
  if (path.extension() == ".json")
    return readTokenizerJson(text, spec, error);
  if (looksLikeTiktoken(text))
    return readTiktoken(text, spec, error);
  return readSentencePiece(text, wantsBos(path.parent_path()), spec, error);
}

CompiledTokenizer compileTokenizerFile(const std::string &name) {
  CompiledTokenizer result;
  TokenizerSpec spec;
  fs::path path(name);
  std::string error;
  if (!readSpec(path, spec, error) ||
      !writeTokenizerBlob(spec, result.blob, error)) {
    result.blob.clear();
    result.error = path.string() + ": " + error;
  }
  result.tokens = spec.tokens.size();
  return result;
}

} // namespace bitnetc
