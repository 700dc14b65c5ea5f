//===- HuggingFace.cpp - Importing a Hugging Face directory ---------------===//
//
// config.json + model.safetensors (or shards with an index), as written by
// transformers with quantization_config.quant_method "bitnet". What differs
// between model families is one row of a table: sub-norms and the defaults that
// transformers' config classes fill in for absent fields.
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
  bool subNorms;
  double ropeTheta;
  double normEps;
  Activation activation;
};

constexpr Family families[] = {
    {"bitnet", true, 500000.0, 1e-5, Activation::ReLU2},
    {"llama", false, 10000.0, 1e-6, Activation::SiLU},
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
  std::string known;
  for (const Family &family : families) {
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
  if (!c.has("head_dim") && m.hiddenSize % m.numHeads)
    c.fail("head_dim", "is missing, and hidden_size is not a multiple of "
                       "num_attention_heads");
  m.headDim = c.integer("head_dim", 1, limits::headDim,
                        std::max<int64_t>(1, m.hiddenSize / m.numHeads));
  m.maxPosition =
      c.integer("max_position_embeddings", 1, limits::positions, 2048);
  m.normEps = float(c.number("rms_norm_eps", 0, 1, family.normEps));
  m.attentionSubNorm = m.ffnSubNorm = family.subNorms;
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
void refuseUnsupported(JsonFields &c, JsonFields &quant) {
  for (StringRef name : {"attention_bias", "mlp_bias"})
    if (c.boolean(name, false))
      c.fail(name, "linears with a bias are not supported yet");
  if (c.number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
    c.fail("partial_rotary_factor", "is not supported yet");
  if (quant.boolean("use_rms_norm", false))
    quant.fail("use_rms_norm",
               "linears with an RMSNorm of their own are not supported yet");
}

/// "bitlinear" divides by weight_scale, "autobitlinear" multiplies. The config
/// names the scale convention; whether weights are packed is seen from the
/// tensors, which cannot lie about it.
Error setQuantization(Model &m, LinearClass linearClass, StringRef configFile) {
  Quantization &q = m.quant;
  q.weight = WeightQuant::Ternary;
  q.input = InputQuant::Int8;
  q.scale = ScaleKind::Tensor;
  q.scaleOp = linearClass == LinearClass::BitLinear ? ScaleOp::Divide
                                                    : ScaleOp::Multiply;
  q.packing = Packing::HF2Bit;
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

/// Shard names come from a file that is not trusted: only plain names beside
/// the index are followed.
bool isPlainName(StringRef name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\\');
}

Error addShards(Model &m, StringRef directory, StringRef index) {
  auto document = readJsonFile(index);
  if (!document)
    return document.takeError();
  JsonFields fields(*document, index, JsonFields::Mode::Lenient);
  const Json *map = fields.raw("weight_map");
  if (!map || !map->is_object())
    fields.fail("weight_map", "expected an object of tensor and file names");
  if (Error error = fields.finish())
    return error;
  std::set<std::string> files;
  for (auto &item : map->items()) {
    const Json &file = item.value();
    if (!file.is_string() || !isPlainName(file.get_ref<const std::string &>()))
      return fileError(index, "tensor \"" + item.key() +
                                  "\": expected the name of a file beside the "
                                  "index");
    files.insert(file.get<std::string>());
  }
  for (const std::string &file : files)
    if (Error error = addSafetensors(m, inside(directory, file)))
      return error;
  for (auto &item : map->items()) {
    std::string file = inside(directory, item.value().get<std::string>());
    auto it = m.tensors.find(item.key());
    if (it == m.tensors.end() || it->second.file != file)
      return fileError(index,
                       "tensor \"" + item.key() + "\" is not in " + file);
  }
  return Error::success();
}

Error addTensors(Model &m, StringRef directory) {
  std::string single = inside(directory, "model.safetensors");
  if (sys::fs::exists(single))
    return addSafetensors(m, single);
  std::string index = inside(directory, "model.safetensors.index.json");
  if (sys::fs::exists(index))
    return addShards(m, directory, index);
  return fileError(directory, "holds neither model.safetensors nor "
                              "model.safetensors.index.json");
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
  JsonFields quant = config.object("quantization_config");
  quant.choice<Word>("quant_method", quantMethods);
  auto linearClass = quant.choice<LinearClass>("linear_class", linearClasses,
                                               LinearClass::BitLinear);
  quant.choice<Mode>("quantization_mode", modes, Mode::Offline);
  refuseUnsupported(config, quant);
  if (Error error = config.finish())
    return error;

  if (Error error = addTensors(model, directory))
    return error;
  if (Error error = setQuantization(model, linearClass, file))
    return error;
  if (Error error = importHuggingFaceTokenizer(model, directory, config))
    return error;
  return model;
}

} // namespace bitnetc
