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

std::vector<NormShape> layerNorms(const Model &m) {
  std::vector<NormShape> norms = {{"input_layernorm", m.hiddenSize}};
  if (m.headNorm) {
    norms.push_back({"self_attn.q_norm", m.headDim, false});
    norms.push_back({"self_attn.k_norm", m.headDim, false});
  }
  if (m.attentionSubNorm)
    norms.push_back({"self_attn.attn_sub_norm", m.numHeads * m.headDim});
  norms.push_back({"post_attention_layernorm", m.hiddenSize});
  if (m.ffnSubNorm)
    norms.push_back({"mlp.ffn_sub_norm", m.intermediateSize});
  if (m.linearNorm)
    for (const LinearShape &linear : layerLinears(m))
      norms.push_back({linear.name + ".norm", linear.cols});
  return norms;
}

namespace {

Error verifySizes(const Model &m) {
  auto error = [&](const Twine &message) { return fileError(m.path, message); };
  struct Tiled {
    StringRef field;
    int64_t value;
  };
  const Tiled tiled[] = {{"head_dim", m.headDim},
                         {"hidden_size", m.hiddenSize},
                         {"intermediate_size", m.intermediateSize}};
  for (const Tiled &t : tiled)
    if (t.value <= 0 || t.value % 16)
      return error(t.field + " must be a positive multiple of 16, found " +
                   Twine(t.value));
  if (m.numKVHeads <= 0 || m.numHeads % m.numKVHeads)
    return error("num_attention_heads (" + Twine(m.numHeads) +
                 ") must be a multiple of num_key_value_heads (" +
                 Twine(m.numKVHeads) + ")");
  if (m.quant.scale == ScaleKind::Group)
    for (const LinearShape &linear : layerLinears(m))
      if (linear.cols % m.quant.group)
        return error("scales for groups of " + Twine(m.quant.group) +
                     " columns do not divide the " + Twine(linear.cols) +
                     " columns of " + linear.name);
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

  Error linear(const std::string &name, const LinearShape &l) {
    const Quantization &q = model.quant;
    std::string weight = name + ".weight";
    if (q.packing == Packing::Master)
      return floats(weight, {{l.rows, l.cols}});
    if (q.packing == Packing::Gguf) { // The importer has checked the types.
      if (Error error = floats(weight, {{l.rows, l.cols}}))
        return error;
      bool scaled = model.tensors.count(name + ".weight_scale");
      return scaled ? floats(name + ".weight_scale", {{1}, {}})
                    : Error::success();
    }
    auto isU8 = [](const TensorRef &t) { return t.dtype == DType::U8; };
    bool bits = q.packing == Packing::Bits;
    if (Error error = check(
            weight, "U8", isU8,
            {{bits ? l.rows : (l.rows + 3) / 4, bits ? l.cols / 8 : l.cols}}))
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

/// Leftover tensors are harmless, except those that would change what a layer
/// computes: dropping them silently would compile a different model.
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
  return Error::success();
}

} // namespace

Error verifyModel(Model &m) {
  if (Error error = verifySizes(m))
    return error;

  TensorCheck check(m);
  if (Error error = check.floats("model.embed_tokens.weight",
                                 {{m.vocabSize, m.hiddenSize}}))
    return error;
  if (Error error = check.floats("model.norm.weight", {{m.hiddenSize}}))
    return error;
  if (!m.tiedHead)
    if (Error error =
            check.floats("lm_head.weight", {{m.vocabSize, m.hiddenSize}}))
      return error;
  for (int64_t i = 0; i < m.numLayers; ++i) {
    for (const NormShape &norm : layerNorms(m)) {
      std::string name = layerName(i, norm.name);
      if (Error error = check.floats(name + ".weight", {{norm.width}}))
        return error;
      if (m.normBias && norm.beforeLinear)
        if (Error error = check.floats(name + ".bias", {{norm.width}}))
          return error;
    }
    for (const LinearShape &linear : layerLinears(m))
      if (Error error = check.linear(layerName(i, linear.name), linear))
        return error;
  }

  m.unusedTensors.clear();
  for (auto &[name, tensor] : m.tensors) {
    if (check.used(name))
      continue;
    if (Error error = verifyLeftover(m, name))
      return error;
    m.unusedTensors.push_back(name);
  }
  return Error::success();
}

} // namespace bitnetc
