//===- ModelVerify.cpp - What every imported model must satisfy -----------===//
//
// The one place that knows which tensors an architecture has. Passes and
// packers behind it never meet a missing tensor, a wrong shape or a size that
// the kernels cannot tile.
//
//===----------------------------------------------------------------------===//
#include "ModelImport.h"
#include "llvm/ADT/Twine.h"
#include <set>

using namespace llvm;

namespace bitnetc {

std::vector<LinearShape> layerLinears(const Model &m) {
  int64_t q = m.numHeads * m.headDim, kv = m.numKVHeads * m.headDim;
  std::vector<LinearShape> linears = {
      {"self_attn.q_proj", q, m.hiddenSize},
      {"self_attn.k_proj", kv, m.hiddenSize},
      {"self_attn.v_proj", kv, m.hiddenSize},
      {"self_attn.o_proj", m.hiddenSize, q},
  };
  if (m.gatedFFN)
    linears.push_back({"mlp.gate_proj", m.intermediateSize, m.hiddenSize});
  linears.push_back({"mlp.up_proj", m.intermediateSize, m.hiddenSize});
  linears.push_back({"mlp.down_proj", m.hiddenSize, m.intermediateSize});
  return linears;
}

InputQuant inputOf(const Quantization &quant, StringRef linear) {
  auto own = quant.inputs.find(linear.rsplit('.').second.empty()
                                   ? linear.str()
                                   : linear.rsplit('.').second.str());
  return own == quant.inputs.end() ? quant.input : own->second;
}

std::optional<QuantizedSource> quantizedSource(const Model &m, StringRef name) {
  if (name == "model.embed_tokens" || name == "lm_head") {
    const auto &quant = name == "lm_head" ? m.head : m.embedding;
    if (!quant)
      return std::nullopt;
    return QuantizedSource{m.vocabSize, m.hiddenSize, *quant};
  }
  // "model.layers.0.mlp.up_proj" ends in the name of a linear of the layer,
  // which knows the rows: a packed tensor alone does not.
  for (const LinearShape &linear : layerLinears(m))
    if (name.ends_with("." + linear.name))
      return QuantizedSource{linear.rows, linear.cols, m.quant};
  return std::nullopt;
}

std::vector<NormShape> layerNorms(const Model &m) {
  std::vector<NormShape> norms;
  if (m.blockNorms)
    norms.push_back({"input_layernorm", m.hiddenSize});
  if (m.headNorm) {
    norms.push_back({"self_attn.q_norm", m.headDim, false});
    norms.push_back({"self_attn.k_norm", m.headDim, false});
  }
  if (m.attentionSubNorm)
    norms.push_back({"self_attn.attn_sub_norm", m.numHeads * m.headDim});
  if (m.blockNorms)
    norms.push_back({"post_attention_layernorm", m.hiddenSize});
  if (m.ffnSubNorm)
    norms.push_back({"mlp.ffn_sub_norm", m.intermediateSize});
  if (m.linearNorm)
    for (const LinearShape &linear : layerLinears(m))
      norms.push_back(
          {linear.name + ".norm", linear.cols, true, m.linearNormGain});
  return norms;
}

namespace {

Error verifySizes(const Model &m) {
  auto error = [&](const Twine &message) { return fileError(m.path, message); };
  // A gate's codes that count from its row's minimum would make something of
  // the zeros that fill up the last 16 columns. Otherwise packed columns go by
  // fours.
  struct Tiled {
    StringRef field;
    int64_t value, unit;
  };
  const Tiled tiled[] = {{"head_dim", m.headDim, 16},
                         {"hidden_size", m.hiddenSize, m.shiftedGate ? 16 : 4},
                         {"intermediate_size", m.intermediateSize, 4}};
  for (const Tiled &t : tiled)
    if (t.value <= 0 || t.value % t.unit)
      return error(t.field + " must be a positive multiple of " +
                   Twine(t.unit) + ", found " + Twine(t.value));
  if (m.numKVHeads <= 0 || m.numHeads % m.numKVHeads)
    return error("num_attention_heads (" + Twine(m.numHeads) +
                 ") must be a multiple of num_key_value_heads (" +
                 Twine(m.numKVHeads) + ")");
  if (m.kvForm == KVForm::I8 && m.headDim > limits::codedHeadDim)
    return error("head_dim must be at most " + Twine(limits::codedHeadDim) +
                 " for a KV cache in i8, found " + Twine(m.headDim));
  auto groupsFit = [&](const Quantization &quant, const Twine &name,
                       int64_t cols) -> Error {
    if (quant.scale != ScaleKind::Group || cols % quant.group == 0)
      return Error::success();
    return error("scales for groups of " + Twine(quant.group) +
                 " columns do not divide the " + Twine(cols) + " columns of " +
                 name);
  };
  for (const LinearShape &linear : layerLinears(m))
    if (Error e = groupsFit(m.quant, linear.name, linear.cols))
      return e;
  for (StringRef name : {"model.embed_tokens", "lm_head"})
    if (auto source = quantizedSource(m, name))
      if (Error e = groupsFit(source->quant, name, source->cols))
        return e;
  if (m.numHeads * m.headDim > limits::width)
    return error("num_attention_heads * head_dim is " +
                 Twine(m.numHeads * m.headDim) + ", above the limit of " +
                 Twine(limits::width));
  return Error::success();
}

class TensorCheck {
public:
  explicit TensorCheck(const Model &model) : model(model) {}

  /// A tensor of floats, or of blocks that stand for them, of one of the
  /// shapes.
  Error floats(const std::string &name,
               std::vector<std::vector<int64_t>> shapes) {
    return check(name, "F32, F16 or BF16", hasFloatValues, shapes);
  }

  Error linear(const std::string &name, const QuantizedSource &l) {
    const Quantization &q = l.quant;
    std::string weight = name + ".weight";
    if (q.packing == Packing::Master || q.packing == Packing::Exact)
      return floats(weight, {{l.rows, l.cols}});
    if (q.packing == Packing::Mlx) {
      auto isU32 = [](const TensorRef &t) { return t.dtype == DType::U32; };
      int64_t bits = q.weight == WeightQuant::Binary ? 1 : 2;
      if (l.cols * bits % 32)
        return fileError(model.path, "\"mlx\" packing needs a multiple of " +
                                         Twine(32 / bits) + " columns, " +
                                         name + " has " + Twine(l.cols));
      if (Error error =
              check(weight, "U32", isU32, {{l.rows, l.cols * bits / 32}}))
        return error;
      for (StringRef end : {".scales", ".biases"})
        if (Error error =
                floats(name + end.str(), {{l.rows, l.cols / q.group}}))
          return error;
      return Error::success();
    }
    if (q.packing == Packing::Gguf) { // The importer has checked the types.
      if (Error error = floats(weight, {{l.rows, l.cols}}))
        return error;
      bool scaled = model.tensors.count(name + ".weight_scale");
      return scaled ? floats(name + ".weight_scale", {{1}, {}})
                    : Error::success();
    }
    auto isU8 = [](const TensorRef &t) { return t.dtype == DType::U8; };
    bool bits = q.packing == Packing::Bits;
    if (Error error =
            check(weight, "U8", isU8,
                  bits ? std::vector<int64_t>{l.rows, (l.cols + 7) / 8}
                       : std::vector<int64_t>{(l.rows + 3) / 4, l.cols}))
      return error;
    std::vector<std::vector<int64_t>> scale = {{1}, {}};
    if (q.scale == ScaleKind::Row)
      scale = {{l.rows}, {l.rows, 1}};
    if (q.scale == ScaleKind::Group)
      scale = {{l.rows, l.cols / q.group}};
    return floats(name + ".weight_scale", scale);
  }

  bool used(const std::string &name) const { return names.count(name); }

private:
  Error check(const std::string &name, StringRef dtypes,
              function_ref<bool(const TensorRef &)> accepts,
              ArrayRef<std::vector<int64_t>> shapes) {
    names.insert(name);
    auto it = model.tensors.find(name);
    if (it == model.tensors.end())
      return fileError(model.path, "tensor \"" + name + "\" is missing");
    const TensorRef &tensor = it->second;
    if (accepts(tensor) && is_contained(shapes, tensor.shape))
      return Error::success();
    return fileError(tensor.file, "tensor \"" + name + "\": expected " +
                                      dtypes + " of shape " +
                                      shapeText(shapes[0]) + ", found " +
                                      typeName(tensor) + " of shape " +
                                      shapeText(tensor.shape));
  }

  const Model &model;
  std::set<std::string> names;
};

/// Tensors that say nothing: tables that the code computes anyway, and the head
/// of a model whose embedding is the head.
bool isHarmless(const Model &m, StringRef name) {
  return name.ends_with(".rotary_emb.inv_freq") ||
         (m.tiedHead && name.starts_with("lm_head."));
}

/// A tensor that is not used would change what a layer computes: dropping it
/// silently would compile a different model.
Error verifyLeftover(const Model &m, const std::string &name) {
  for (int64_t i = 0; i < m.numLayers; ++i) {
    StringRef rest = name;
    if (!rest.consume_front(layerName(i, "")))
      continue;
    if (rest.ends_with("norm.weight") || rest.ends_with("_ln.weight"))
      return fileError(m.path, "tensor \"" + name +
                                   "\": a norm that this kind of model does "
                                   "not have");
    for (const LinearShape &l : layerLinears(m))
      if (rest == l.name + ".bias")
        return fileError(m.path, "tensor \"" + name +
                                     "\": linears with a bias are not "
                                     "supported yet");
  }
  return fileError(m.tensors.at(name).file,
                   "tensor \"" + name +
                       "\": is not understood, and could change the model");
}

} // namespace

Error verifyModel(Model &m) {
  if (Error error = verifySizes(m))
    return error;

  TensorCheck check(m);
  auto matrix = [&](const std::string &name) {
    if (auto source = quantizedSource(m, name))
      return check.linear(name, *source);
    return check.floats(name + ".weight", {{m.vocabSize, m.hiddenSize}});
  };
  if (Error error = matrix("model.embed_tokens"))
    return error;
  if (Error error = check.floats("model.norm.weight", {{m.hiddenSize}}))
    return error;
  if (m.layerNorm && m.normBias)
    if (Error error = check.floats("model.norm.bias", {{m.hiddenSize}}))
      return error;
  if (!m.tiedHead)
    if (Error error = matrix("lm_head"))
      return error;
  if (m.headInputNorm) {
    if (m.linearNormGain)
      if (Error error = check.floats("lm_head.norm.weight", {{m.hiddenSize}}))
        return error;
    if (m.normBias)
      if (Error error = check.floats("lm_head.norm.bias", {{m.hiddenSize}}))
        return error;
  }
  for (int64_t i = 0; i < m.numLayers; ++i) {
    for (const NormShape &norm : layerNorms(m)) {
      std::string name = layerName(i, norm.name);
      if (norm.gain)
        if (Error error = check.floats(name + ".weight", {{norm.width}}))
          return error;
      if (m.normBias && norm.beforeLinear)
        if (Error error = check.floats(name + ".bias", {{norm.width}}))
          return error;
    }
    if (m.scoreScale)
      if (Error error = check.floats(layerName(i, "self_attn.score_scale"),
                                     {{m.numHeads}}))
        return error;
    for (const LinearShape &linear : layerLinears(m))
      if (Error error = check.linear(layerName(i, linear.name),
                                     {linear.rows, linear.cols, m.quant}))
        return error;
  }

  m.unusedTensors.clear();
  for (auto &[name, tensor] : m.tensors) {
    if (check.used(name))
      continue;
    if (!isHarmless(m, name))
      return verifyLeftover(m, name);
    m.unusedTensors.push_back(name);
  }
  return Error::success();
}

} // namespace bitnetc
