//===- HuggingFaceLinears.cpp - How a directory quantises -----------------===//
//
// One row of a table for each code that somebody trained with. The config names
// the code; whether weights are packed, and which norms there are, is seen from
// the tensors, which cannot lie about it.
//
//===----------------------------------------------------------------------===//
#include "HuggingFaceLinears.h"
#include "ModelImport.h"
#include "WeightDecode.h"
#include "WeightReader.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;

namespace bitnetc {

namespace {

struct FormRow {
  LinearForm form;
  WeightQuant weight;
  ScaleOp scaleOp;
  Packing packing;
  InputQuant input;
  CodeRange range;
  bool centred;
  /// SimpleRMSNorm, x / (sqrt(K) |x|), before each linear: no tensor tells.
  bool simpleNorm;
  bool shiftedGate;
};

constexpr FormRow forms[] = {
    {LinearForm::BitLinear, WeightQuant::Ternary, ScaleOp::Divide,
     Packing::HF2Bit, InputQuant::Int8, CodeRange::Signed127, false, false,
     false},
    {LinearForm::AutoBitLinear, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::HF2Bit, InputQuant::Int8, CodeRange::Signed127, false, false,
     false},
    {LinearForm::OneBitLLM, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::Master, InputQuant::Int8, CodeRange::Signed127, false, false,
     false},
    {LinearForm::BitLlama1b, WeightQuant::Binary, ScaleOp::Multiply,
     Packing::Master, InputQuant::Int8, CodeRange::Signed128, true, false,
     true},
    {LinearForm::BitLlama158b, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::Master, InputQuant::Int8, CodeRange::Signed128, false, false,
     false},
    {LinearForm::Kyegomez, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::Master, InputQuant::Int8, CodeRange::Signed127, true, true,
     false},
    {LinearForm::BitLlama2c, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::Master, InputQuant::Int8, CodeRange::Signed127, false, true,
     false},
    // These know no quantised activations: see InputQuant.
    {LinearForm::Mlx, WeightQuant::Ternary, ScaleOp::Multiply, Packing::Mlx,
     InputQuant::Int16, CodeRange::Signed127, false, false, false},
    {LinearForm::Floats, WeightQuant::Ternary, ScaleOp::Multiply,
     Packing::Exact, InputQuant::Int16, CodeRange::Signed127, false, false,
     false},
};

/// |x| of SimpleRMSNorm is at least 1e-12, which is this mean square at a width
/// of 1000; where it matters, everything is zero.
constexpr float simpleNormEps = 1e-27f;

constexpr Choice<LinearForm> linearClasses[] = {
    {"bitlinear", LinearForm::BitLinear},
    {"autobitlinear", LinearForm::AutoBitLinear},
    {"kyegomez", LinearForm::Kyegomez},
    {"bitllama2.c", LinearForm::BitLlama2c},
};
constexpr Choice<LinearForm> bitnetTypes[] = {
    {"1b", LinearForm::BitLlama1b}, {"1.58b", LinearForm::BitLlama158b}};
enum class Mode { Offline, Online };
constexpr Choice<Mode> modes[] = {{"offline", Mode::Offline},
                                  {"online", Mode::Online}};
enum class Word { Only };
constexpr Choice<Word> quantMethods[] = {{"bitnet", Word::Only}};
constexpr Choice<Word> mlxModes[] = {{"affine", Word::Only}};

/// Tensors that mean the same under different names: how they may end, and the
/// end that the rest of the compiler knows.
struct Renaming {
  StringRef from, to;
};
constexpr Renaming renamings[] = {
    {".self_attn.inner_attn_ln.weight", ".self_attn.attn_sub_norm.weight"},
    {".mlp.ffn_layernorm.weight", ".mlp.ffn_sub_norm.weight"},
    {"_proj.rms_norm.weight", "_proj.norm.weight"},
    {"_proj.layernorm.weight", "_proj.norm.weight"},
    {"_proj.layernorm.bias", "_proj.norm.bias"},
    {"_proj.layer_norm.weight", "_proj.norm.weight"},
    {"_proj.layer_norm.bias", "_proj.norm.bias"},
    {"lm_head.layernorm.weight", "lm_head.norm.weight"},
    {"lm_head.layernorm.bias", "lm_head.norm.bias"},
    {"lm_head.layer_norm.weight", "lm_head.norm.weight"},
    {"lm_head.layer_norm.bias", "lm_head.norm.bias"},
};

Error renameTensors(Model &m, const LinearConfig &config) {
  std::map<std::string, TensorRef> renamed;
  for (auto &[name, tensor] : m.tensors) {
    std::string to = name;
    // Where the config says that there are none, these are left over.
    bool kept =
        config.norm == false && StringRef(name).ends_with(".rms_norm.weight");
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

bool has(const Model &m, const Twine &name) {
  return m.tensors.count(name.str());
}

/// Other code than transformers' has these norms without saying so in the
/// config: the tensors tell.
void setNorms(Model &m, const LinearConfig &config, const FormRow &row) {
  std::string probe = layerName(0, "self_attn.q_proj.norm");
  m.linearNorm = config.norm.value_or(false) || row.simpleNorm ||
                 has(m, probe + ".weight");
  m.linearNormEps = float(config.normEps);
  if (row.simpleNorm) {
    m.linearNormGain = false;
    m.linearNormEps = simpleNormEps;
  }
  // Of the two norms with a gain only LayerNorm has a bias.
  m.linearLayerNorm = m.normBias = has(m, probe + ".bias");
  // Those who normalise in the linear may not do so before it.
  if (m.linearNorm)
    m.blockNorms = has(m, layerName(0, "input_layernorm.weight"));
}

//===----------------------------------------------------------------------===//
// Floats that are of few bits already
//===----------------------------------------------------------------------===//

/// Groups of columns that are looked for, the largest first.
constexpr int64_t exactGroups[] = {128, 64, 32};
constexpr int64_t probedRows = 16;

/// How the floats of a matrix are -s, 0 and s; none if the first rows are not.
Expected<std::optional<Quantization>>
exactQuantization(const Model &m, WeightReader &reader, StringRef name) {
  std::string weight = (name + ".weight").str();
  auto it = m.tensors.find(weight);
  if (it == m.tensors.end() || it->second.shape.size() != 2 ||
      !isFloat(it->second.dtype))
    return std::nullopt;
  const int64_t rows = it->second.shape[0], cols = it->second.shape[1];
  Quantization q;
  q.input = InputQuant::Int16;
  q.scale = ScaleKind::Group;
  q.packing = Packing::Exact;
  q.weight = WeightQuant::Binary;
  std::vector<int8_t> codes(cols);
  for (int64_t first = 0; first < rows; first += probedRows) {
    auto values =
        reader.readRows(weight, first, std::min(rows, first + probedRows));
    if (!values)
      return values.takeError();
    ArrayRef<float> w = *values;
    auto allExact = [&](int64_t group, bool zeros) {
      if (cols % group)
        return false;
      for (size_t at = 0; at < w.size(); at += group)
        if (!exactCodes(w.slice(at, group), zeros, codes.data()))
          return false;
      return true;
    };
    if (first == 0) {
      const int64_t *group = find_if(
          exactGroups, [&](int64_t size) { return allExact(size, true); });
      if (group == std::end(exactGroups))
        return std::nullopt;
      q.group = *group;
    }
    // The first zero among others tells; a binary matrix is read to its end.
    if (!allExact(q.group, /*zeros=*/false)) {
      q.weight = WeightQuant::Ternary;
      return q;
    }
  }
  return q;
}

Error setExact(Model &m, StringRef configFile) {
  WeightReader reader(m);
  std::string probe = layerName(0, "self_attn.q_proj");
  for (auto [name, to] : {std::pair<StringRef, std::optional<Quantization> *>(
                              "model.embed_tokens", &m.embedding),
                          {"lm_head", &m.head}}) {
    auto quant = exactQuantization(m, reader, name);
    if (!quant)
      return quant.takeError();
    *to = *quant;
  }
  auto quant = exactQuantization(m, reader, probe);
  if (!quant)
    return quant.takeError();
  if (*quant) {
    m.quant = **quant;
    return Error::success();
  }
  // Says where it is not: the first group of the commonest size.
  m.quant.scale = ScaleKind::Group;
  const int64_t cols = m.tensors.at(probe + ".weight").shape.back();
  const int64_t *group =
      find_if(exactGroups, [&](int64_t size) { return cols % size == 0; });
  m.quant.group = group == std::end(exactGroups) ? cols : *group;
  auto matrix = reader.readLinear(probe, 0, probedRows);
  return fileError(configFile,
                   "field \"quantization_config\": is missing, and the weights "
                   "are not those of a 1-bit model: " +
                       toString(matrix.takeError()));
}

void setMlx(Model &m, const LinearConfig &config) {
  Quantization &q = m.quant;
  q.weight = config.bits == 1 ? WeightQuant::Binary : WeightQuant::Ternary;
  q.scale = ScaleKind::Group;
  q.group = config.group;
  if (has(m, "model.embed_tokens.scales"))
    m.embedding = q;
  if (has(m, "lm_head.scales"))
    m.head = q;
}

/// The head of BitLlama is a linear like the others of its "1b", with the
/// default eps.
void setQuantizedHead(Model &m) {
  if (!has(m, "lm_head.norm.weight"))
    return;
  m.headInputNorm = true;
  m.headInputNormEps = 1e-6f;
  m.head = m.quant;
  m.head->weight = WeightQuant::Binary;
  m.head->centred = true;
}

} // namespace

LinearConfig readLinearConfig(JsonFields &c, LinearCode code) {
  LinearConfig linears;
  if (code == LinearCode::BitLlama) {
    linears.form = c.choice<LinearForm>("bitnet_type", bitnetTypes);
    c.integer("bits", 8, 8, 8);
    linears.normEps = c.number("rms_norm_eps", 0, 1, 1e-6);
    return linears;
  }
  if (code == LinearCode::OneBitLLM && !c.has("quantization_config")) {
    linears.form = LinearForm::OneBitLLM;
    c.integer("weight_bits", 1, 1, 1);
    c.integer("input_bits", 8, 8, 8);
    return linears;
  }
  // mlx_lm writes the same object under both names.
  if (c.has("quantization")) {
    linears.form = LinearForm::Mlx;
    for (StringRef name : {"quantization", "quantization_config"}) {
      if (!c.has(name))
        continue;
      JsonFields quant = c.object(name);
      linears.bits = quant.integer("bits", 1, 2);
      linears.group = quant.integer("group_size", 32, limits::intermediate);
      if (linears.group % 32)
        quant.fail("group_size", "must be a multiple of 32");
      quant.choice<Word>("mode", mlxModes, Word::Only);
    }
    return linears;
  }
  if (!c.has("quantization_config")) {
    linears.form = LinearForm::Floats;
    return linears;
  }
  JsonFields quant = c.object("quantization_config");
  quant.choice<Word>("quant_method", quantMethods);
  linears.form = quant.choice<LinearForm>("linear_class", linearClasses,
                                          LinearForm::BitLinear);
  quant.choice<Mode>("quantization_mode", modes, Mode::Offline);
  quant.raw("modules_to_not_convert");
  if (quant.has("use_rms_norm"))
    linears.norm = quant.boolean("use_rms_norm");
  linears.normEps = quant.number("rms_norm_eps", 0, 1, 1e-6);
  return linears;
}

Error setLinears(Model &m, const LinearConfig &config, StringRef configFile) {
  const FormRow &row =
      *find_if(forms, [&](const FormRow &r) { return r.form == config.form; });
  if (Error error = renameTensors(m, config))
    return error;
  Quantization &q = m.quant;
  q.weight = row.weight;
  q.input = row.input;
  q.scaleOp = row.scaleOp;
  q.packing = row.packing;
  q.range = row.range;
  q.centred = row.centred;
  q.overColumns = row.simpleNorm;
  m.shiftedGate = row.shiftedGate;
  if (config.form == LinearForm::BitLlama2c)
    m.rope = RopeKind::Interleaved;
  setNorms(m, config, row);

  std::string probe = layerName(0, "self_attn.q_proj.weight");
  auto it = m.tensors.find(probe);
  bool floats = it != m.tensors.end() && isFloat(it->second.dtype);
  if (!floats && config.form == LinearForm::Floats)
    return fileError(configFile, "field \"quantization_config\": is missing");
  if (floats && config.form == LinearForm::BitLinear)
    return fileError(configFile, "linear_class \"bitlinear\" expects packed U8 "
                                 "weights, but tensor \"" +
                                     probe + "\" is " +
                                     dtypeName(it->second.dtype));
  if (floats && config.form == LinearForm::AutoBitLinear)
    q.packing = Packing::Master;
  if (config.form == LinearForm::Mlx)
    setMlx(m, config);
  if (config.form == LinearForm::Floats)
    if (Error error = setExact(m, configFile))
      return error;
  if (config.form == LinearForm::BitLlama1b ||
      config.form == LinearForm::BitLlama158b)
    setQuantizedHead(m);
  setHalfScales(m);
  return Error::success();
}

} // namespace bitnetc
