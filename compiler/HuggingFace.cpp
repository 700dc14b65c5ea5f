//===- HuggingFace.cpp - Importing a Hugging Face directory ---------------===//
//
// config.json + model.safetensors (or shards with an index), as written by
// transformers with quantization_config.quant_method "bitnet". What differs
// between model families is one row of a table: norms inside the blocks and the
// defaults that transformers' config classes fill in for absent fields.
//
//===----------------------------------------------------------------------===//
#include "ModelImport.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace bitnetc {

namespace {

/// A family of models and its defaults in transformers.
struct Family {
  StringRef modelType;
  /// If not empty: known by this entry of "architectures", whatever the
  /// model_type. Its code quantises master weights without being told to.
  StringRef architecture;
  bool subNorms;
  bool headNorm;
  int64_t headDim; ///< 0: what the heads share of hidden_size.
  double ropeTheta;
  double normEps;
  Activation activation;
};

constexpr Family families[] = {
    {"llama", "BitnetForCausalLM", true, false, 0, 10000.0, 1e-6,
     Activation::SiLU},
    {"bitnet", "", true, false, 0, 500000.0, 1e-5, Activation::ReLU2},
    {"llama", "", false, false, 0, 10000.0, 1e-6, Activation::SiLU},
    {"qwen3", "", false, true, 128, 10000.0, 1e-6, Activation::SiLU},
};

/// Tensors that mean the same under different names: how they may end, and the
/// end that the rest of the compiler knows.
struct Renaming {
  StringRef from, to;
};
constexpr Renaming renamings[] = {
    {".self_attn.inner_attn_ln.weight", ".self_attn.attn_sub_norm.weight"},
    {".mlp.ffn_layernorm.weight", ".mlp.ffn_sub_norm.weight"},
    {"_proj.rms_norm.weight", "_proj.norm.weight"},
};

enum class LinearClass { BitLinear, AutoBitLinear };
enum class Mode { Offline, Online };
constexpr Choice<LinearClass> linearClasses[] = {
    {"bitlinear", LinearClass::BitLinear},
    {"autobitlinear", LinearClass::AutoBitLinear},
};
constexpr Choice<Mode> modes[] = {{"offline", Mode::Offline},
                                  {"online", Mode::Online}};
enum class Word { Only };
constexpr Choice<Word> quantMethods[] = {{"bitnet", Word::Only}};

std::string inside(StringRef directory, StringRef name) {
  SmallString<128> path = directory;
  sys::path::append(path, name);
  return path.str().str();
}

const Family *findFamily(JsonFields &config) {
  std::string type = config.string("model_type");
  const Json *names = config.raw("architectures");
  std::string known;
  for (const Family &family : families) {
    if (!family.architecture.empty()) {
      // (is_contained would take the list for a set of keys.)
      if (names && names->is_array() &&
          find(*names, Json(family.architecture.str())) != names->end())
        return &family;
      continue;
    }
    if (family.modelType == type)
      return &family;
    known += (known.empty() ? "\"" : ", \"") + family.modelType.str() + "\"";
  }
  config.fail("model_type",
              "expected one of " + known + ", found \"" + type + "\"");
  return nullptr;
}

void readShape(JsonFields &c, const Family &family, Model &m) {
  m.vocabSize = c.integer("vocab_size", 1, limits::vocab);
  m.hiddenSize = c.integer("hidden_size", 1, limits::width);
  m.intermediateSize = c.integer("intermediate_size", 1, limits::intermediate);
  m.numLayers = c.integer("num_hidden_layers", 1, limits::layers);
  m.numHeads = c.integer("num_attention_heads", 1, limits::heads);
  m.numKVHeads = c.integer("num_key_value_heads", 1, limits::heads, m.numHeads);
  if (!c.has("head_dim") && !family.headDim && m.hiddenSize % m.numHeads)
    c.fail("head_dim", "is missing, and hidden_size is not a multiple of "
                       "num_attention_heads");
  int64_t share = std::max<int64_t>(1, m.hiddenSize / m.numHeads);
  m.headDim = c.integer("head_dim", 1, limits::headDim,
                        family.headDim ? family.headDim : share);
  m.maxPosition =
      c.integer("max_position_embeddings", 1, limits::positions, 2048);
  m.normEps = float(c.number("rms_norm_eps", 0, 1, family.normEps));
  m.attentionSubNorm = m.ffnSubNorm = family.subNorms;
  m.headNorm = family.headNorm;
  m.activation = c.choice<Activation>("hidden_act", activationChoices(),
                                      family.activation);
  m.tiedHead = c.boolean("tie_word_embeddings", false);
}

/// transformers 5 puts theta and scaling together into rope_parameters.
void readRope(JsonFields &c, const Family &family, Model &m) {
  m.rope = RopeKind::Half;
  bool together = c.has("rope_parameters");
  StringRef name = together ? "rope_parameters" : "rope_scaling";
  double theta = c.number("rope_theta", 1, 1e12, family.ropeTheta);
  std::optional<RopeScaling> scaling;
  if (c.has(name)) {
    JsonFields s = c.object(name);
    if (together)
      theta = s.number("rope_theta", 1, 1e12, theta);
    std::string type =
        s.string("rope_type", s.string("type", together ? "default" : ""));
    if (type == "llama3")
      scaling = readRopeScaling(s);
    else if (type != "default")
      s.fail("rope_type",
             "expected \"llama3\" or \"default\", found \"" + type + "\"");
  }
  m.ropeTheta = theta;
  setRopeFrequencies(m, scaling);
}

/// Switches of transformers that change the computation and are not done here.
void refuseUnsupported(JsonFields &c) {
  for (StringRef name : {"attention_bias", "mlp_bias"})
    if (c.boolean(name, false))
      c.fail(name, "linears with a bias are not supported yet");
  if (c.number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
    c.fail("partial_rotary_factor", "is not supported yet");
  if (c.boolean("use_sliding_window", false))
    c.fail("use_sliding_window", "is not supported yet");
}

/// What quantization_config says.
struct QuantConfig {
  bool absent = false;
  LinearClass linearClass = LinearClass::BitLinear;
  std::optional<bool> linearNorm; ///< use_rms_norm
  double linearNormEps = 1e-6;
};

QuantConfig readQuantConfig(JsonFields &c, const Family &family) {
  QuantConfig q;
  q.absent = !family.architecture.empty() && !c.has("quantization_config");
  if (q.absent) {
    c.integer("weight_bits", 1, 1, 1);
    c.integer("input_bits", 8, 8, 8);
    return q;
  }
  JsonFields quant = c.object("quantization_config");
  quant.choice<Word>("quant_method", quantMethods);
  q.linearClass = quant.choice<LinearClass>("linear_class", linearClasses,
                                            LinearClass::BitLinear);
  quant.choice<Mode>("quantization_mode", modes, Mode::Offline);
  if (quant.has("use_rms_norm"))
    q.linearNorm = quant.boolean("use_rms_norm");
  q.linearNormEps = quant.number("rms_norm_eps", 0, 1, 1e-6);
  return q;
}

/// Other code than transformers' has these norms without saying so in the
/// config: the tensors tell.
void setLinearNorm(Model &m, const QuantConfig &config) {
  m.linearNorm = config.linearNorm.value_or(false) ||
                 m.tensors.count(layerName(0, "self_attn.q_proj.norm.weight"));
  m.linearNormEps = float(config.linearNormEps);
}

/// "bitlinear" divides by weight_scale, "autobitlinear" multiplies. The config
/// names the scale convention; whether weights are packed is seen from the
/// tensors, which cannot lie about it.
Error setQuantization(Model &m, const QuantConfig &config,
                      StringRef configFile) {
  Quantization &q = m.quant;
  const LinearClass linearClass = config.linearClass;
  q.weight = WeightQuant::Ternary;
  q.input = InputQuant::Int8;
  q.scale = ScaleKind::Tensor;
  q.scaleOp = linearClass == LinearClass::BitLinear ? ScaleOp::Divide
                                                    : ScaleOp::Multiply;
  q.packing = Packing::HF2Bit;
  if (config.absent) {
    q.scaleOp = ScaleOp::Multiply;
    q.packing = Packing::Master;
    return Error::success();
  }
  std::string probe = layerName(0, "self_attn.q_proj.weight");
  auto it = m.tensors.find(probe);
  if (it == m.tensors.end() || !isFloat(it->second.dtype))
    return Error::success();
  if (linearClass == LinearClass::BitLinear)
    return fileError(
        configFile, "linear_class \"bitlinear\" expects packed U8 weights, but "
                    "tensor \"" +
                        probe + "\" is " + dtypeName(it->second.dtype));
  q.packing = Packing::Master;
  return Error::success();
}

Error addTensors(Model &m, StringRef directory) {
  std::string single = inside(directory, "model.safetensors");
  if (sys::fs::exists(single))
    return addSafetensors(m, single);
  std::string index = inside(directory, "model.safetensors.index.json");
  if (sys::fs::exists(index))
    return addShardedSafetensors(m, index);
  return fileError(directory, "holds neither model.safetensors nor "
                              "model.safetensors.index.json");
}

Error renameTensors(Model &m, const QuantConfig &config) {
  std::map<std::string, TensorRef> renamed;
  for (auto &[name, tensor] : m.tensors) {
    std::string to = name;
    // Where the config says that there are none, these are left over.
    bool kept = config.linearNorm == false &&
                StringRef(name).ends_with(".rms_norm.weight");
    for (const Renaming &r : renamings)
      if (!kept && StringRef(name).ends_with(r.from))
        to = (StringRef(name).drop_back(r.from.size()) + r.to).str();
    if (!renamed.try_emplace(to, tensor).second)
      return fileError(tensor.file, "tensor \"" + name +
                                        "\" is there under another name too");
  }
  m.tensors = std::move(renamed);
  return Error::success();
}

} // namespace

Expected<Model> importHuggingFace(StringRef directory) {
  std::string file = inside(directory, "config.json");
  auto document = readJsonFile(file);
  if (!document)
    return document.takeError();
  JsonFields config(*document, file, JsonFields::Mode::Lenient);

  Model model;
  SmallString<128> absolute = directory;
  sys::fs::make_absolute(absolute);
  sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  model.name = sys::path::filename(absolute).str();

  const Family *family = findFamily(config);
  if (!family)
    return config.finish();
  readShape(config, *family, model);
  readRope(config, *family, model);
  QuantConfig quant = readQuantConfig(config, *family);
  refuseUnsupported(config);
  if (Error error = config.finish())
    return error;

  if (Error error = addTensors(model, directory))
    return error;
  if (Error error = renameTensors(model, quant))
    return error;
  setLinearNorm(model, quant);
  if (Error error = setQuantization(model, quant, file))
    return error;
  if (Error error = importHuggingFaceTokenizer(model, directory, config))
    return error;
  return model;
}

} // namespace bitnetc
