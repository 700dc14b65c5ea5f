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

/// File names in the description, before they are resolved and read.
struct Files {
  std::vector<std::string> tensors;
  std::string tokenizer, chatTemplate;
  std::optional<RopeScaling> scaling;
  std::vector<double> invFreq;
  double magnitude = 1;
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
  m.layerNorm = choose(norm, "kind", normKinds) == NormKind::Layer;
  m.normEps = float(norm.number("eps", 0, 1));
  m.normBias = norm.boolean("bias", false);
  m.blockNorms = norm.boolean("blocks", true);
  JsonFields subNorms = f.object("sub_norms");
  m.attentionSubNorm = subNorms.boolean("attention");
  m.ffnSubNorm = subNorms.boolean("ffn");
  m.headNorm = subNorms.boolean("heads", false);
  m.linearNorm = subNorms.boolean("linears", false);
  m.linearNormEps = float(subNorms.number("linears_eps", 0, 1, 1e-6));
  m.linearLayerNorm = choose(subNorms, "linears_kind", normKinds,
                             std::optional(NormKind::RMS)) == NormKind::Layer;
  m.linearNormGain = subNorms.boolean("linears_gain", true);
  m.headInputNorm = subNorms.boolean("head", false);
  m.headInputNormEps = float(subNorms.number("head_eps", 0, 1, 1e-6));
  m.activation = f.choice("hidden_act", activationChoices());
  m.gatedFFN = f.boolean("gated_ffn");
  JsonFields rope = f.object("rope");
  m.rope = choose(rope, "kind", ropeKinds);
  m.ropeTheta = rope.number("theta", 1, 1e12, 10000.0);
  bool scaled = rope.has("scaling");
  JsonFields scaling = rope.object("scaling", /*required=*/false);
  auto kind =
      choose(scaling, "rope_type", scalingTypes,
             scaled ? std::nullopt : std::optional(RopeScaling::Kind::Llama3));
  if (scaled)
    files.scaling = readRopeScaling(scaling, kind, m.maxPosition);
  files.invFreq = rope.numbers("inv_freq", 0, 1e12);
  files.magnitude = rope.number("magnitude", 1e-6, 1e6, 1);
  const int64_t frequencies = m.rope == RopeKind::None ? 0 : m.headDim / 2;
  if (!files.invFreq.empty() && scaled)
    rope.fail("inv_freq", "stands in place of scaling; both are there");
  if (files.invFreq.empty() && files.magnitude != 1)
    rope.fail("magnitude", "is for \"inv_freq\" only");
  if (!files.invFreq.empty() && int64_t(files.invFreq.size()) != frequencies)
    rope.fail("inv_freq", "expected " + Twine(frequencies) +
                              " frequencies, found " +
                              Twine(files.invFreq.size()));
  m.tiedHead = f.boolean("tie_word_embeddings");
  m.kvForm = choose(f, "kv_cache", kvForms, std::optional(KVForm::F16));
  m.scoreScale = f.boolean("score_scale", false);
  if (m.scoreScale && m.kvForm != KVForm::B1)
    f.fail("score_scale", "is for \"b1\" as kv_cache only");
}

Quantization readQuantizer(JsonFields &q, bool &shiftedGate) {
  Quantization quant;
  quant.weight = choose(q, "weight", weightQuants);
  quant.input = choose(q, "activation", inputQuants);
  JsonFields own = q.object("activations", /*required=*/false);
  for (StringRef linear : linearNames) {
    const bool given = own.has(linear);
    InputQuant input =
        choose(own, linear, inputQuants, std::optional(quant.input));
    if (given)
      quant.inputs[linear.str()] = input;
  }
  quant.tokenScale = q.boolean("token_scale", false);
  quant.range = choose(q, "activation_range", codeRanges,
                       std::optional(CodeRange::Signed127));
  quant.scale = choose(q, "scale", scaleKinds);
  quant.group = q.integer("group_size", 8, limits::intermediate, 0);
  quant.scaleOp = choose(q, "scale_op", scaleOps);
  quant.overColumns = q.boolean("scale_over_columns", false);
  quant.packing = choose(q, "packing", packings);
  quant.centred = q.boolean("centred", false);
  shiftedGate = q.boolean("shifted_gate", false);

  auto any = [&](bool (*is)(InputQuant)) {
    return is(quant.input) || any_of(make_second_range(quant.inputs), is);
  };
  struct Rule {
    bool broken;
    StringRef field, message;
  };
  using Q = WeightQuant;
  const bool groups = quant.scale == ScaleKind::Group;
  const bool master = quant.packing == Packing::Master;
  const bool exact =
      quant.packing == Packing::Exact || quant.packing == Packing::Mlx;
  const Rule rules[] = {
      {groups && !quant.group, "group_size",
       "is missing, and scales are for groups"},
      {!groups && quant.group, "group_size", "is for \"group\" scales only"},
      {quant.group % 8 != 0, "group_size", "must be a multiple of 8"},
      {any([](InputQuant i) { return i == InputQuant::Int8Groups; }) &&
           (!groups || quant.group % 16 != 0),
       "activation",
       "\"int8_groups\" is for \"group\" scales, of a multiple of 16 columns"},
      {groups && any(isBits) && quant.group % 64 != 0, "group_size",
       "must be a multiple of 64 with activations of bits"},
      {quant.centred && !master, "centred",
       "is for weights in \"master\" packing only"},
      {quant.range != CodeRange::Signed127 && quant.input != InputQuant::Int8,
       "activation_range", "is for \"int8\" activations only"},
      {quant.packing == Packing::Bits && quant.weight != Q::Binary, "packing",
       "\"bits\" holds binary weights only"},
      {quant.packing == Packing::HF2Bit && quant.weight != Q::Ternary,
       "packing", "\"hf_2bit\" holds ternary weights only"},
      {exact && !groups, "scale",
       "must be \"group\" with this packing, whose groups have the scale in "
       "them"},
      {(master || exact) && quant.scaleOp == ScaleOp::Divide, "scale_op",
       "there is no stored scale to divide by"},
      {quant.weight == Q::Float &&
           any([](InputQuant i) { return i != InputQuant::None; }),
       "activation", "must be \"none\" with float weights"},
  };
  for (const Rule &rule : rules)
    if (rule.broken)
      q.fail(rule.field, rule.message);
  return quant;
}

void readQuantization(JsonFields &f, Model &m) {
  JsonFields q = f.object("quantization");
  m.quant = readQuantizer(q, m.shiftedGate);
  if (m.shiftedGate &&
      (m.quant.input != InputQuant::Int8 ||
       inputOf(m.quant, "gate_proj") != InputQuant::Int8 || !m.gatedFFN))
    q.fail("shifted_gate", "is for \"int8\" activations of a gated_ffn only");
  if (m.quant.inputs.count("gate_proj") && !m.gatedFFN)
    q.fail("activations", "gate_proj is for a gated_ffn only");
  for (auto [name, to] : {std::pair("embedding_quantization", &m.embedding),
                          std::pair("head_quantization", &m.head)}) {
    const bool given = f.has(name);
    JsonFields own = f.object(name, /*required=*/false);
    bool shifted = false;
    if (given)
      *to = readQuantizer(own, shifted);
    if (shifted)
      own.fail("shifted_gate", "is for the linears of layers only");
    if (*to && !(*to)->inputs.empty())
      own.fail("activations", "is for the linears of layers only");
  }
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
  // With a scaling of each kind and all quantisers present, so that its fields
  // are asked for.
  std::vector<AcceptedField> all;
  for (const Choice<RopeScaling::Kind> &kind : scalingTypes) {
    Json document = {{"rope", {{"scaling", {{"rope_type", kind.word.str()}}}}},
                     {"embedding_quantization", Json::object()},
                     {"head_quantization", Json::object()}};
    JsonFields fields(document, "", JsonFields::Mode::Strict);
    Model model;
    readFields(fields, model);
    consumeError(fields.finish());
    append_range(all, fields.accepted());
  }
  return all;
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
  if (!files.invFreq.empty()) {
    model.ropeInvFreq.assign(files.invFreq.begin(), files.invFreq.end());
    model.ropeMagnitude = float(files.magnitude);
  }
  for (const std::string &name : files.tensors)
    if (Error error = addSafetensors(model, beside(file, name)))
      return error;
  setHalfScales(model);
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
