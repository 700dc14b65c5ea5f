//===- ModelJson.cpp - The reader of model.json ---------------------------===//
//
// model.json is this project's own normalised description, so it is strict:
// unknown fields and values are errors. compiler/model.schema.json says the
// same to editors and validators; a test compares the two.
//
//===----------------------------------------------------------------------===//
#include "ModelImport.h"
#include "ModelJsonWords.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace bitnetc {

namespace {
/// Version of the format that this reader understands.
constexpr int64_t formatVersion = 1;

enum class Word { Only };
constexpr Choice<Word> formats[] = {{"bitnetc-model", Word::Only}};
constexpr Choice<Word> normKinds[] = {{"rms_norm", Word::Only}};
constexpr Choice<Word> cacheForms[] = {{"f16", Word::Only}};
constexpr Choice<Word> scalingTypes[] = {{"llama3", Word::Only}};

/// File names in the description, before they are resolved and read.
struct Files {
  std::vector<std::string> tensors;
  std::string tokenizer, chatTemplate;
  std::optional<RopeScaling> scaling;
  std::vector<double> invFreq;
};

template <typename E, size_t N>
E choose(JsonFields &f, StringRef name, const Choice<E> (&choices)[N],
         std::optional<E> fallback = {}) {
  return f.choice<E>(name, choices, fallback);
}

void readShape(JsonFields &f, Model &m) {
  m.vocabSize = f.integer("vocab_size", 1, limits::vocab);
  m.hiddenSize = f.integer("hidden_size", 1, limits::width);
  m.intermediateSize = f.integer("intermediate_size", 1, limits::intermediate);
  m.numLayers = f.integer("num_hidden_layers", 1, limits::layers);
  m.numHeads = f.integer("num_attention_heads", 1, limits::heads);
  m.numKVHeads = f.integer("num_key_value_heads", 1, limits::heads);
  m.headDim = f.integer("head_dim", 1, limits::headDim);
  m.maxPosition = f.integer("max_position_embeddings", 1, limits::positions);
}

void readFeatures(JsonFields &f, Model &m, Files &files) {
  JsonFields norm = f.object("norm");
  choose(norm, "kind", normKinds);
  m.normEps = float(norm.number("eps", 0, 1));
  m.normBias = norm.boolean("bias", false);
  JsonFields subNorms = f.object("sub_norms");
  m.attentionSubNorm = subNorms.boolean("attention");
  m.ffnSubNorm = subNorms.boolean("ffn");
  m.headNorm = subNorms.boolean("heads", false);
  m.linearNorm = subNorms.boolean("linears", false);
  m.linearNormEps = float(subNorms.number("linears_eps", 0, 1, 1e-6));
  m.activation = f.choice("hidden_act", activationChoices());
  m.gatedFFN = f.boolean("gated_ffn");
  JsonFields rope = f.object("rope");
  m.rope = choose(rope, "kind", ropeKinds);
  m.ropeTheta = rope.number("theta", 1, 1e12, 10000.0);
  bool scaled = rope.has("scaling");
  JsonFields scaling = rope.object("scaling", /*required=*/false);
  choose(scaling, "rope_type", scalingTypes,
         scaled ? std::nullopt : std::optional(Word::Only));
  if (scaled)
    files.scaling = readRopeScaling(scaling);
  files.invFreq = rope.numbers("inv_freq", 0, 1e12);
  if (!files.invFreq.empty() && scaled)
    rope.fail("inv_freq", "stands in place of scaling; both are there");
  if (!files.invFreq.empty() &&
      (m.rope == RopeKind::None ||
       int64_t(files.invFreq.size()) != m.headDim / 2))
    rope.fail("inv_freq",
              "expected " +
                  Twine(m.rope == RopeKind::None ? 0 : m.headDim / 2) +
                  " frequencies, found " + Twine(files.invFreq.size()));
  m.tiedHead = f.boolean("tie_word_embeddings");
  choose(f, "kv_cache", cacheForms, std::optional(Word::Only));
}

void readQuantization(JsonFields &f, Model &m) {
  JsonFields q = f.object("quantization");
  m.quant.weight = choose(q, "weight", weightQuants);
  m.quant.input = choose(q, "activation", inputQuants);
  m.quant.scale = choose(q, "scale", scaleKinds);
  m.quant.group = q.integer("group_size", 4, limits::intermediate, 0);
  m.quant.scaleOp = choose(q, "scale_op", scaleOps);
  m.quant.packing = choose(q, "packing", packings);
  m.quant.centred = q.boolean("centred", false);

  struct Rule {
    bool broken;
    StringRef field, message;
  };
  using Q = WeightQuant;
  const bool groups = m.quant.scale == ScaleKind::Group;
  const Rule rules[] = {
      {groups && !m.quant.group, "group_size",
       "is missing, and scales are for groups"},
      {!groups && m.quant.group, "group_size", "is for \"group\" scales only"},
      {m.quant.group % 4 != 0, "group_size", "must be a multiple of 4"},
      {groups && m.quant.input != InputQuant::Int8, "scale",
       "\"group\" is for \"int8\" activations only"},
      {m.quant.centred &&
           (m.quant.weight != Q::Binary || m.quant.packing != Packing::Master),
       "centred", "is for binary weights in \"master\" packing only"},
      {m.quant.packing == Packing::Bits && m.quant.weight != Q::Binary,
       "packing", "\"bits\" holds binary weights only"},
      {m.quant.packing == Packing::HF2Bit && m.quant.weight != Q::Ternary,
       "packing", "\"hf_2bit\" holds ternary weights only"},
      {m.quant.packing == Packing::Master && m.quant.scaleOp == ScaleOp::Divide,
       "scale_op", "\"master\" weights have no stored scale to divide by"},
      {m.quant.weight == Q::Float && m.quant.input != InputQuant::None,
       "activation", "must be \"none\" with float weights"},
  };
  for (const Rule &rule : rules)
    if (rule.broken)
      q.fail(rule.field, rule.message);
}

void readTokens(JsonFields &f, Model &m, Files &files) {
  files.tensors = f.strings("tensors");
  files.tokenizer = f.string("tokenizer", "");
  files.chatTemplate = f.string("chat_template", "");
  JsonFields texts = f.object("template_tokens", /*required=*/false);
  for (StringRef name : templateTokenNames()) {
    bool given = texts.has(name);
    std::string text = texts.string(name, "");
    if (given)
      m.templateTokens[name.str()] = text;
  }
  JsonFields generation = f.object("generation", /*required=*/false);
  m.bosToken =
      int32_t(generation.integer("bos_token_id", 0, m.vocabSize - 1, -1));
  for (int64_t id : generation.integers("eos_token_id", 0, m.vocabSize - 1))
    m.eosTokens.push_back(int32_t(id));
}

/// The whole document, as one list of fields.
Files readFields(JsonFields &f, Model &m) {
  Files files;
  choose(f, "format", formats);
  f.integer("version", formatVersion, formatVersion);
  m.name = f.string("name");
  readShape(f, m);
  readFeatures(f, m, files);
  readQuantization(f, m);
  readTokens(f, m, files);
  return files;
}

/// Scales that all are f16 numbers stay so in the program.
bool allScalesHalf(const Model &m) {
  for (int64_t i = 0; i < m.numLayers; ++i)
    for (const LinearShape &linear : layerLinears(m)) {
      auto it = m.tensors.find(layerName(i, linear.name + ".weight_scale"));
      if (it == m.tensors.end() || it->second.dtype != DType::F16)
        return false;
    }
  return true;
}

/// `name` relative to the directory of `file`.
std::string beside(StringRef file, StringRef name) {
  if (sys::path::is_absolute(name))
    return name.str();
  SmallString<128> path = sys::path::parent_path(file);
  sys::path::append(path, name);
  return path.str().str();
}
} // namespace

std::vector<AcceptedField> modelJsonFields() {
  // With an (invalid) scaling present, so that its fields are asked for.
  Json document = {{"rope", {{"scaling", Json::object()}}}};
  JsonFields fields(document, "", JsonFields::Mode::Strict);
  Model model;
  readFields(fields, model);
  consumeError(fields.finish());
  return fields.accepted();
}

Expected<Model> readModelJson(StringRef file) {
  auto document = readJsonFile(file);
  if (!document)
    return document.takeError();
  JsonFields fields(*document, file, JsonFields::Mode::Strict);
  Model model;
  Files files = readFields(fields, model);
  if (Error error = fields.finish())
    return error;

  setRopeFrequencies(model, files.scaling);
  if (!files.invFreq.empty())
    model.ropeInvFreq.assign(files.invFreq.begin(), files.invFreq.end());
  for (const std::string &name : files.tensors)
    if (Error error = addSafetensors(model, beside(file, name)))
      return error;
  model.quant.halfScales = model.quant.scale == ScaleKind::Group &&
                           model.quant.scaleOp == ScaleOp::Multiply &&
                           allScalesHalf(model);
  if (!files.tokenizer.empty()) {
    model.tokenizerFile = beside(file, files.tokenizer);
    if (!sys::fs::exists(model.tokenizerFile))
      return fileError(model.tokenizerFile,
                       "no such file (field \"tokenizer\" of " + file + ")");
  }
  if (!files.chatTemplate.empty()) {
    auto text = readTextFile(beside(file, files.chatTemplate));
    if (!text)
      return text.takeError();
    model.chatTemplate = std::move(*text);
  }
  return model;
}

} // namespace bitnetc
