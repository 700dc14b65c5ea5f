//===- GgufImport.cpp - Importing a GGUF file -----------------------------===//
//
// One file holds everything: configuration and tokenizer as keys, and the
// tensors. What differs between architectures is one row of a table.
//
//===----------------------------------------------------------------------===//
#include "GgufKeys.h"
#include "GgufTensors.h"
#include "ModelImport.h"
#include "gguf/MappedFile.h"
#include "gguf/Vocabulary.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace bitnetc {

namespace {

struct Architecture {
  StringRef name; ///< general.architecture, and what its keys start with.
  bool subNorms;
  bool headNorm;
  Activation activation;
  bool permuted; ///< Rows of q and k are in the order of interleaved rope.
  bool master;   ///< Ternary by definition: floats are master weights.
};

constexpr Architecture architectures[] = {
    {"llama", false, false, Activation::SiLU, true, false},
    {"qwen3", false, true, Activation::SiLU, false, false},
    {"bitnet", true, false, Activation::SiLU, false, true},
    {"bitnet-b1.58", true, false, Activation::ReLU2, false, true},
    {"bitnet-25", true, false, Activation::ReLU2, false, true},
};

Expected<const Architecture *> findArchitecture(const gguf::File &file,
                                                StringRef path) {
  GgufKeys general(file, path, "");
  std::string name = general.string("general.architecture");
  if (general.has("split.count") &&
      general.integer("split.count", 0, INT64_MAX) > 1)
    general.fail("split.count", "the model is split over several files; join "
                                "them into one first");
  if (Error error = general.finish())
    return error;
  std::string known;
  for (const Architecture &row : architectures) {
    if (row.name == name)
      return &row;
    known += (known.empty() ? "\"" : ", \"") + row.name.str() + "\"";
  }
  return fileError(path, "key \"general.architecture\": expected one of " +
                             known + ", found \"" + name + "\"");
}

void readShape(GgufKeys &k, Model &m) {
  m.hiddenSize = k.integer("embedding_length", 1, limits::width);
  m.intermediateSize =
      k.integer("feed_forward_length", 1, limits::intermediate);
  m.numLayers = k.integer("block_count", 1, limits::layers);
  m.numHeads = k.integer("attention.head_count", 1, limits::heads);
  m.numKVHeads =
      k.integer("attention.head_count_kv", 1, limits::heads, m.numHeads);
  if (!k.has("attention.key_length") && m.hiddenSize % m.numHeads)
    k.fail("attention.key_length", "is missing, and embedding_length is not a "
                                   "multiple of attention.head_count");
  m.headDim = k.integer("attention.key_length", 1, limits::headDim,
                        std::max<int64_t>(1, m.hiddenSize / m.numHeads));
  if (k.integer("attention.value_length", 1, limits::headDim, m.headDim) !=
      m.headDim)
    k.fail("attention.value_length",
           "other than attention.key_length is not supported yet");
  m.maxPosition = k.integer("context_length", 1, limits::positions);
  m.normEps = float(k.number("attention.layer_norm_rms_epsilon", 0, 1));
}

void readRope(GgufKeys &k, Model &m) {
  m.rope = RopeKind::Half;
  m.ropeTheta = k.number("rope.freq_base", 1, 1e12, 10000.0);
  int64_t dimensions =
      k.integer("rope.dimension_count", 1, limits::headDim, m.headDim);
  if (dimensions != m.headDim)
    k.fail("rope.dimension_count", "expected the head's " + Twine(m.headDim) +
                                       ", found " + Twine(dimensions));
  // Older files have the factor alone.
  double factor = k.number("rope.scale_linear", 1e-6, 1e6, 1.0);
  factor = k.number("rope.scaling.factor", 0, 1e6, factor);
  std::string type =
      k.string("rope.scaling.type", factor == 1 ? "none" : "linear");
  if (type != "none" && type != "linear" && type != "yarn")
    k.fail("rope.scaling.type",
           "expected \"none\", \"linear\" or \"yarn\", found \"" + type + "\"");
  if (k.number("rope.scaling.attn_factor", 0, 1e6, 1.0) != 1)
    k.fail("rope.scaling.attn_factor", "other than 1 is not supported yet");
  std::optional<RopeScaling> scaling;
  k.ignore("rope.scaling.original_context_length");
  if (type == "yarn") {
    int64_t original = k.integer("rope.scaling.original_context_length", 1,
                                 limits::positions, m.maxPosition);
    scaling.emplace();
    scaling->kind = RopeScaling::Kind::Yarn;
    scaling->factor = factor;
    scaling->originalMaxPosition = original;
    scaling->betaFast = k.number("rope.scaling.yarn_beta_fast", 1e-6, 1e6, 32);
    scaling->betaSlow = k.number("rope.scaling.yarn_beta_slow", 1e-6, 1e6, 1);
    for (StringRef name :
         {"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor"})
      if (k.number(name, -1e6, 1e6, 1.0) != 1)
        k.fail(name, "other than 1 is not supported yet");
    if (factor < 1)
      k.fail("rope.scaling.factor", "yarn needs at least 1");
  }
  setRopeFrequencies(m, scaling);
  // 0 is written for "not scaled".
  if (type == "linear" && factor != 0 && factor != 1)
    for (float &frequency : m.ropeInvFreq)
      frequency /= float(factor);
}

/// Keys that change nothing here, or only with values that are refused.
void readRest(GgufKeys &k) {
  for (StringRef name : {"rope.scaling.finetuned", "tensor_data_layout",
                         "attention.layer_norm_epsilon"})
    k.ignore(name);
  for (StringRef name : {"expert_count", "expert_used_count",
                         "attention.sliding_window", "pooling_type"})
    if (k.integer(name, 0, INT64_MAX, 0) != 0)
      k.fail(name, "other than 0 is not supported");
  if (!k.boolean("attention.causal", true))
    k.fail("attention.causal", "attention to later tokens is not supported");
  if (k.boolean("use_parallel_residual", false))
    k.fail("use_parallel_residual", "is not supported");
}

/// The embedding has a row for each token; the other counts must agree.
Error readVocabSize(Model &m, const gguf::File &file, GgufKeys &k,
                    StringRef path) {
  for (const gguf::Tensor &tensor : file.tensors)
    if (tensor.name == "token_embd.weight" && tensor.shape.size() == 2)
      m.vocabSize = int64_t(std::min<uint64_t>(tensor.shape[0], INT64_MAX));
  if (m.vocabSize > limits::vocab)
    return fileError(path,
                     "tensor \"token_embd.weight\": " + Twine(m.vocabSize) +
                         " tokens, above the limit of " + Twine(limits::vocab));
  int64_t named = k.integer("vocab_size", 1, limits::vocab, m.vocabSize);
  if (m.vocabSize && named != m.vocabSize)
    k.fail("vocab_size", "expected the " + Twine(m.vocabSize) +
                             " rows of token_embd.weight, found " +
                             Twine(named));
  return Error::success();
}

Error readTokens(Model &m, const gguf::File &file, StringRef path) {
  if (!gguf::hasVocabulary(file))
    return Error::success();
  gguf::Vocabulary vocabulary;
  std::string error;
  if (!gguf::readVocabulary(file, vocabulary, error))
    return fileError(path, error);
  if (int64_t(vocabulary.tokens.size()) != m.vocabSize)
    return fileError(path, "key \"tokenizer.ggml.tokens\": expected the " +
                               Twine(m.vocabSize) +
                               " tokens that token_embd.weight has rows for, "
                               "found " +
                               Twine(vocabulary.tokens.size()));
  m.tokenizerFile = path.str();
  m.bosToken = vocabulary.addBos ? vocabulary.bos : -1;
  m.eosTokens = vocabulary.stops;
  struct {
    const char *name;
    int32_t id;
  } const tokens[] = {{"bos_token", vocabulary.bos},
                      {"eos_token", vocabulary.eos},
                      {"unk_token", vocabulary.unknown}};
  for (auto [name, id] : tokens)
    if (id >= 0)
      m.templateTokens[name] = std::string(vocabulary.tokens[id]);
  if (vocabulary.chatTemplate)
    m.chatTemplate = std::string(*vocabulary.chatTemplate);
  return Error::success();
}

} // namespace

Expected<Model> importGguf(StringRef path, const ImportOptions &options) {
  gguf::MappedFile mapped;
  gguf::File file;
  std::string reason;
  if (!mapped.open(path.str(), reason) ||
      !gguf::parse(mapped.bytes(), file, reason))
    return fileError(path, reason);
  auto architecture = findArchitecture(file, path);
  if (!architecture)
    return architecture.takeError();
  const Architecture &row = **architecture;

  Model model;
  model.name = sys::path::stem(path).str();
  model.attentionSubNorm = model.ffnSubNorm = row.subNorms;
  model.headNorm = row.headNorm;
  model.activation = row.activation;
  GgufKeys keys(file, path, row.name.str() + ".");
  readShape(keys, model);
  if (Error error = readVocabSize(model, file, keys, path))
    return error;
  readRope(keys, model);
  readRest(keys);
  if (Error error = keys.finish())
    return error;

  if (Error error = addGgufTensors(model, file, path, row.permuted))
    return error;
  for (auto &[name, tensor] : model.tensors)
    tensor.i2sLayout = options.i2sLayout;
  if (Error error = setGgufQuantization(model, mapped, row.master))
    return error;
  if (Error error = readTokens(model, file, path))
    return error;
  return model;
}

} // namespace bitnetc
