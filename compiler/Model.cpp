//===- Model.cpp - Finding the importer; what importers share -------------===//
//
// importModel decides by the files that are there, not by the name of the
// path. The small tables of names that model.json, Hugging Face and safetensors
// have in common are here too.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "ModelImport.h"
#include "ModelJsonWords.h"
#include "Safetensors.h"
#include "gguf/MappedFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace llvm;

namespace bitnetc {

namespace {
struct DTypeRow {
  DType dtype;
  StringRef name;
  uint64_t bytes;
  bool isFloat;
};
constexpr DTypeRow dtypes[] = {
    {DType::F32, "F32", 4, true},         {DType::F16, "F16", 2, true},
    {DType::BF16, "BF16", 2, true},       {DType::I8, "I8", 1, false},
    {DType::U8, "U8", 1, false},          {DType::F64, "F64", 8, false},
    {DType::I16, "I16", 2, false},        {DType::U16, "U16", 2, false},
    {DType::I32, "I32", 4, false},        {DType::U32, "U32", 4, false},
    {DType::I64, "I64", 8, false},        {DType::U64, "U64", 8, false},
    {DType::Bool, "BOOL", 1, false},      {DType::F8E4M3, "F8_E4M3", 1, false},
    {DType::F8E5M2, "F8_E5M2", 1, false}, {DType::F8E8M0, "F8_E8M0", 1, false},
    {DType::C64, "C64", 8, false},
};

const DTypeRow &row(DType dtype) {
  for (const DTypeRow &r : dtypes)
    if (r.dtype == dtype)
      return r;
  llvm_unreachable("every dtype has a row");
}

constexpr Choice<Activation> activations[] = {
    {"silu", Activation::SiLU},
    {"relu2", Activation::ReLU2},
    {"gelu", Activation::GELU},
};
} // namespace

StringRef dtypeName(DType dtype) { return row(dtype).name; }
uint64_t dtypeBytes(DType dtype) { return row(dtype).bytes; }
bool isFloat(DType dtype) { return row(dtype).isFloat; }

StringRef typeName(const TensorRef &tensor) {
  return tensor.format == gguf::Format::None
             ? dtypeName(tensor.dtype)
             : StringRef(gguf::typeOf(tensor.format).name);
}
bool hasFloatValues(const TensorRef &tensor) {
  return tensor.format != gguf::Format::None || isFloat(tensor.dtype);
}

std::optional<DType> dtypeFromName(StringRef name) {
  for (const DTypeRow &r : dtypes)
    if (r.name == name)
      return r.dtype;
  return std::nullopt;
}

std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (int64_t extent : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

ArrayRef<StringRef> templateTokenNames() {
  static constexpr StringRef names[] = {"bos_token", "eos_token", "unk_token",
                                        "sep_token", "pad_token", "cls_token",
                                        "mask_token"};
  return names;
}

ArrayRef<Choice<Activation>> activationChoices() { return activations; }

RopeScaling readRopeScaling(JsonFields &fields, RopeScaling::Kind kind,
                            int64_t maxPosition) {
  RopeScaling s;
  s.kind = kind;
  s.factor = fields.number("factor", 1, 1e6);
  std::optional<int64_t> original;
  if (kind == RopeScaling::Kind::Yarn) {
    s.betaFast = fields.number("beta_fast", 1e-6, 1e6, 32);
    s.betaSlow = fields.number("beta_slow", 1e-6, 1e6, 1);
    if (fields.raw("attention_factor"))
      s.attentionFactor = fields.number("attention_factor", 1e-6, 1e6);
    original = maxPosition;
  } else {
    s.lowFreqFactor = fields.number("low_freq_factor", 1e-6, 1e6);
    s.highFreqFactor = fields.number("high_freq_factor", 1e-6, 1e6);
    if (s.highFreqFactor <= s.lowFreqFactor)
      fields.fail("high_freq_factor", "must be above low_freq_factor");
  }
  s.originalMaxPosition = fields.integer("original_max_position_embeddings", 1,
                                         limits::positions, original);
  return s;
}

static float scaleLlama3(float freq, const RopeScaling &s) {
  float old = float(s.originalMaxPosition);
  float lowWavelength = float(double(s.originalMaxPosition) / s.lowFreqFactor);
  float highWavelength =
      float(double(s.originalMaxPosition) / s.highFreqFactor);
  float wavelength = float(2 * M_PI) / freq;
  if (wavelength > lowWavelength)
    return freq / float(s.factor);
  if (wavelength < highWavelength)
    return freq;
  float smooth = (old / wavelength - float(s.lowFreqFactor)) /
                 float(s.highFreqFactor - s.lowFreqFactor);
  return (1.0f - smooth) * freq / float(s.factor) + smooth * freq;
}

/// Between the frequencies that turn betaFast and betaSlow times in the
/// original context, from kept to divided.
static float scaleYarn(float freq, float power, int64_t i, const Model &m,
                       const RopeScaling &s) {
  auto placeOf = [&](double turns) {
    return double(m.headDim) *
           std::log(double(s.originalMaxPosition) / (turns * 2 * M_PI)) /
           (2 * std::log(m.ropeTheta));
  };
  double low = std::max(std::floor(placeOf(s.betaFast)), 0.0);
  double high = std::min(std::ceil(placeOf(s.betaSlow)), double(m.headDim - 1));
  if (low == high)
    high += 0.001;
  float ramp =
      std::clamp((float(i) - float(low)) / float(high - low), 0.0f, 1.0f);
  float kept = 1.0f - ramp;
  float divided = 1.0f / (float(s.factor) * power);
  return divided * (1.0f - kept) + freq * kept;
}

/// As transformers computes them (modeling_rope_utils.py): tensors are f32 and
/// Python's scalars are rounded to f32 where they meet a tensor. The power is
/// taken in double and rounded, so that the host's powf does not matter.
void setRopeFrequencies(Model &model,
                        const std::optional<RopeScaling> &scaling) {
  model.ropeInvFreq.clear();
  model.ropeMagnitude = 1;
  if (model.rope == RopeKind::None)
    return;
  const bool yarn = scaling && scaling->kind == RopeScaling::Kind::Yarn;
  if (yarn)
    model.ropeMagnitude = float(scaling->attentionFactor.value_or(
        0.1 * std::log(scaling->factor) + 1.0));
  for (int64_t i = 0; i < model.headDim / 2; ++i) {
    float exponent = float(2 * i) / float(model.headDim);
    float power =
        float(std::pow(double(float(model.ropeTheta)), double(exponent)));
    float freq = 1.0f / power;
    if (scaling)
      freq = yarn ? scaleYarn(freq, power, i, model, *scaling)
                  : scaleLlama3(freq, *scaling);
    model.ropeInvFreq.push_back(freq);
  }
}

void setHalfScales(Model &m) {
  auto half = [&](const Quantization &q, const std::string &name) {
    StringRef end = q.packing == Packing::Exact ? ".weight"
                    : q.packing == Packing::Mlx ? ".biases"
                                                : ".weight_scale";
    auto it = m.tensors.find(name + end.str());
    return q.scale == ScaleKind::Group && q.scaleOp == ScaleOp::Multiply &&
           q.packing != Packing::Master && !q.overColumns &&
           it != m.tensors.end() && it->second.dtype == DType::F16;
  };
  m.quant.halfScales = true;
  for (int64_t i = 0; i < m.numLayers; ++i)
    for (const LinearShape &linear : layerLinears(m))
      m.quant.halfScales &= half(m.quant, layerName(i, linear.name));
  if (m.embedding)
    m.embedding->halfScales = half(*m.embedding, "model.embed_tokens");
  if (m.head)
    m.head->halfScales = half(*m.head, "lm_head");
}

std::string layerName(int64_t layer, StringRef name) {
  return ("model.layers." + Twine(layer) + "." + name).str();
}

Error addSafetensors(Model &model, StringRef file) {
  auto tensors = readSafetensors(file);
  if (!tensors)
    return tensors.takeError();
  for (auto &[name, tensor] : *tensors) {
    auto [it, inserted] = model.tensors.emplace(name, std::move(tensor));
    if (!inserted)
      return fileError(file, "tensor \"" + name + "\" is already in " +
                                 it->second.file);
  }
  return Error::success();
}

/// Shard names come from a file that is not trusted: only plain names beside
/// the index are followed.
static bool isPlainName(StringRef name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\\');
}

Error addShardedSafetensors(Model &m, StringRef index) {
  auto beside = [&](StringRef name) {
    SmallString<128> path = sys::path::parent_path(index);
    sys::path::append(path, name);
    return path.str().str();
  };
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
    if (Error error = addSafetensors(m, beside(file)))
      return error;
  for (auto &item : map->items()) {
    std::string file = beside(item.value().get<std::string>());
    auto it = m.tensors.find(item.key());
    if (it == m.tensors.end() || it->second.file != file)
      return fileError(index,
                       "tensor \"" + item.key() + "\" is not in " + file);
  }
  return Error::success();
}

/// Int8 for every group in place of int16, wherever there are groups.
static Error setInt8Groups(Model &model) {
  bool found = false;
  std::vector<Quantization *> all = {&model.quant};
  for (std::optional<Quantization> *own : {&model.embedding, &model.head})
    if (*own)
      all.push_back(&**own);
  for (Quantization *quant : all) {
    std::vector<InputQuant *> inputs = {&quant->input};
    for (auto &own : quant->inputs)
      inputs.push_back(&own.second);
    for (InputQuant *input : inputs) {
      if (*input != InputQuant::Int16 || !quant->group ||
          quant->group % 16 != 0)
        continue;
      *input = InputQuant::Int8Groups;
      found = true;
    }
  }
  if (found)
    return Error::success();
  return fileError(model.path,
                   "--activations is for models that quantise weights only, "
                   "and these in groups (of a multiple of 16 columns)");
}

/// F16 and I8 keep the same numbers more or less exactly; B1 is another
/// function.
static Error setKVForm(Model &model, KVForm form) {
  if (form != model.kvForm &&
      (form == KVForm::B1 || model.kvForm == KVForm::B1))
    return fileError(model.path,
                     "--kv=" + word(kvForms, form) +
                         " would change what the model computes, not "
                         "approximate it: its kv_cache is \"" +
                         word(kvForms, model.kvForm) +
                         "\" (a model trained with binary attention sets "
                         "kv_cache to \"b1\" in model.json)");
  model.kvForm = form;
  return Error::success();
}

Expected<Model> importModel(StringRef path, const ImportOptions &options) {
  auto import = [&]() -> Expected<Model> {
    if (!sys::fs::exists(path))
      return fileError(path, "no such file or directory");
    if (!sys::fs::is_directory(path)) {
      if (sys::path::extension(path) == ".json" &&
          sys::path::filename(path) != "config.json")
        return readModelJson(path);
      if (gguf::isGguf(path.str()))
        return importGguf(path, options);
      return fileError(path, "expected a model.json, a GGUF file, or a "
                             "directory with a model.json or a Hugging Face "
                             "config.json");
    }
    SmallString<128> file = path;
    sys::path::append(file, "model.json");
    if (sys::fs::exists(file))
      return readModelJson(file);
    file = path;
    sys::path::append(file, "config.json");
    if (sys::fs::exists(file))
      return importHuggingFace(path, options);
    return fileError(
        path, "holds neither a model.json nor a Hugging Face config.json");
  };

  auto model = import();
  if (!model)
    return model;
  model->path = path.str();
  if (options.weightsOnlyInput == InputQuant::Int8Groups)
    if (Error error = setInt8Groups(*model))
      return error;
  if (options.kvForm)
    if (Error error = setKVForm(*model, *options.kvForm))
      return error;
  if (Error error = verifyModel(*model))
    return error;
  return model;
}

} // namespace bitnetc
