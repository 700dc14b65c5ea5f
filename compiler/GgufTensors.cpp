//===- GgufTensors.cpp - Tensors of GGUF files by other names -------------===//
//
// The rest of the compiler knows tensors by Hugging Face's names. A tensor that
// no row of the tables names would change what the model computes, so it is an
// error.
//
//===----------------------------------------------------------------------===//
#include "GgufTensors.h"
#include "GgufWeights.h"
#include "ModelImport.h"
#include "llvm/ADT/Twine.h"
#include <cmath>

using namespace llvm;

namespace bitnetc {

namespace {

struct NameRow {
  StringRef gguf, huggingFace;
};
constexpr NameRow globals[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};
/// After "blk.N." and "model.layers.N.".
constexpr NameRow parts[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"attn_sub_norm", "self_attn.attn_sub_norm"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_sub_norm", "mlp.ffn_sub_norm"},
    {"ffn_down", "mlp.down_proj"},
};
constexpr NameRow suffixes[] = {{"weight", "weight"},
                                {"scale", "weight_scale"}};

StringRef translate(ArrayRef<NameRow> rows, StringRef name) {
  for (const NameRow &row : rows)
    if (row.gguf == name)
      return row.huggingFace;
  return "";
}
StringRef translateBack(ArrayRef<NameRow> rows, StringRef name) {
  for (const NameRow &row : rows)
    if (row.huggingFace == name)
      return row.gguf;
  return name;
}

Error tensorError(StringRef path, StringRef name, const Twine &message) {
  return fileError(path, "tensor \"" + name + "\": " + message);
}

/// "blk.3.attn_q.weight" in Hugging Face's words, or "".
std::string layerTensor(const Model &m, StringRef name) {
  if (!name.consume_front("blk."))
    return "";
  auto [number, rest] = name.split('.');
  auto [part, suffix] = rest.rsplit('.');
  int64_t layer = 0;
  if (number.getAsInteger(10, layer) || layer < 0 || layer >= m.numLayers ||
      Twine(layer).str() != number)
    return "";
  StringRef to = translate(parts, part), end = translate(suffixes, suffix);
  if (to.empty() || end.empty())
    return "";
  if ((part == "attn_sub_norm" && !m.attentionSubNorm) ||
      (part == "ffn_sub_norm" && !m.ffnSubNorm) ||
      ((part == "attn_q_norm" || part == "attn_k_norm") && !m.headNorm))
    return "";
  return layerName(layer, (to + "." + end).str());
}

Expected<TensorRef> reference(const gguf::Tensor &tensor, StringRef path) {
  TensorRef ref;
  ref.file = path.str();
  ref.offset = tensor.offset;
  ref.bytes = tensor.bytes;
  ref.shape.assign(tensor.shape.begin(), tensor.shape.end());
  switch (tensor.type->format) {
  case gguf::Format::F32:
    ref.dtype = DType::F32;
    break;
  case gguf::Format::F16:
    ref.dtype = DType::F16;
    break;
  case gguf::Format::BF16:
    ref.dtype = DType::BF16;
    break;
  case gguf::Format::None:
    return tensorError(
        path, StringRef(tensor.name),
        "type " + gguf::describe(*tensor.type) +
            " is not supported; expected F32, F16, BF16, Q8_0, Q4_K, Q6_K, "
            "or a ternary or binary type");
  default:
    ref.dtype = DType::U8;
    ref.format = tensor.type->format;
  }
  return ref;
}

/// Llama 3's stretching of rope comes as divisors of the frequencies.
Error applyRopeFactors(Model &m, const gguf::Tensor &tensor, StringRef path) {
  StringRef name(tensor.name);
  if (tensor.type->format != gguf::Format::F32 ||
      tensor.shape != std::vector<uint64_t>{m.ropeInvFreq.size()})
    return tensorError(path, name,
                       "expected F32 of shape [" + Twine(m.ropeInvFreq.size()) +
                           "], one factor a frequency");
  Model holder;
  holder.path = path.str();
  auto ref = reference(tensor, path);
  if (!ref)
    return ref.takeError();
  holder.tensors[name.str()] = *ref;
  auto factors = WeightReader(holder).readFloat(name);
  if (!factors)
    return factors.takeError();
  for (size_t i = 0; i < factors->size(); ++i) {
    if (!std::isfinite((*factors)[i]) || (*factors)[i] <= 0)
      return tensorError(path, name, "factor " + Twine(i) + " is not positive");
    m.ropeInvFreq[i] /= (*factors)[i];
  }
  return Error::success();
}

/// verifyModel checks this too, but in words of another format.
Error checkPresent(const Model &m, StringRef path) {
  auto missing = [&](const Twine &name) {
    return fileError(path, "tensor \"" + name + "\" is missing");
  };
  for (StringRef name : {"model.embed_tokens.weight", "model.norm.weight"})
    if (!m.tensors.count(name.str()))
      return missing(translateBack(globals, name));
  for (int64_t i = 0; i < m.numLayers; ++i) {
    std::vector<std::string> names;
    for (const NormShape &norm : layerNorms(m))
      names.push_back(norm.name);
    for (const LinearShape &linear : layerLinears(m))
      names.push_back(linear.name);
    for (const std::string &name : names)
      if (!m.tensors.count(layerName(i, name + ".weight")))
        return missing("blk." + Twine(i) + "." + translateBack(parts, name) +
                       ".weight");
  }
  return Error::success();
}

} // namespace

Error addGgufTensors(Model &m, const gguf::File &file, StringRef path,
                     bool permuted) {
  for (const gguf::Tensor &tensor : file.tensors) {
    StringRef name(tensor.name);
    if (name == "rope_freqs.weight") {
      if (Error error = applyRopeFactors(m, tensor, path))
        return error;
      continue;
    }
    if (name.ends_with(".bias"))
      return tensorError(path, name, "biases are not supported yet");
    std::string to = translate(globals, name).str();
    if (to.empty())
      to = layerTensor(m, name);
    if (to.empty())
      return tensorError(path, name,
                         "is not understood, and could change the model");
    auto ref = reference(tensor, path);
    if (!ref)
      return ref.takeError();
    if (permuted && ref->shape.size() == 2 &&
        (name.ends_with(".attn_q.weight") || name.ends_with(".attn_k.weight")))
      ref->interleavedHead = m.headDim;
    m.tensors[to] = std::move(*ref);
  }
  m.tiedHead = !m.tensors.count("lm_head.weight");
  return checkPresent(m, path);
}

/// Reads the scales of a matrix, which lie all over it, and lets go of them.
static Expected<GgufMatrixKind> kindOf(const TensorRef &ref,
                                       const gguf::MappedFile &mapped) {
  auto kind = ggufMatrixKind(
      ref,
      reinterpret_cast<const uint8_t *>(mapped.bytes().data()) + ref.offset);
  mapped.release();
  return kind;
}

/// llama.cpp's own 1-bit types say nothing about activations: models in them
/// were trained with floats, whose outliers 8 bits a token would drown in.
static bool weightsOnly(const TensorRef &ref) {
  return is_contained({gguf::Format::Q1_0, gguf::Format::Q1_0G32,
                       gguf::Format::Q2_0, gguf::Format::Q2_0G128},
                      ref.format);
}

/// Embedding or head: of few bits, if its type is.
static Expected<std::optional<Quantization>>
tokenQuantization(const Model &m, StringRef name,
                  const gguf::MappedFile &mapped) {
  auto it = m.tensors.find((name + ".weight").str());
  if (it == m.tensors.end() || it->second.shape.size() != 2 ||
      !hasFewBits(it->second))
    return std::nullopt;
  const TensorRef &ref = it->second;
  auto kind = kindOf(ref, mapped);
  if (!kind)
    return tensorError(ref.file, translateBack(globals, it->first),
                       toString(kind.takeError()));
  Quantization q;
  q.weight = kind->weight;
  q.input = InputQuant::Int16;
  q.scale = kind->scale;
  q.packing = Packing::Gguf;
  if (kind->scale == ScaleKind::Group) {
    q.group = kind->group;
    q.halfScales = kind->halfScales;
  }
  return q;
}

Error setGgufQuantization(Model &m, const gguf::MappedFile &mapped,
                          bool mayBeMaster) {
  for (auto [name, to] : {std::pair("model.embed_tokens", &m.embedding),
                          std::pair("lm_head", &m.head)}) {
    auto quant = tokenQuantization(m, name, mapped);
    if (!quant)
      return quant.takeError();
    *to = *quant;
  }
  Quantization &q = m.quant;
  q.input = InputQuant::Int8;
  q.scale = ScaleKind::Tensor;
  q.scaleOp = ScaleOp::Multiply;
  q.packing = Packing::Gguf;
  // Groups of the smallest size that a matrix needs divide those of the others.
  bool allBinary = true, allHalf = true;
  for (int64_t i = 0; i < m.numLayers; ++i)
    for (const LinearShape &linear : layerLinears(m)) {
      const TensorRef &ref =
          m.tensors.at(layerName(i, linear.name + ".weight"));
      std::string name = ("blk." + Twine(i) + "." +
                          translateBack(parts, linear.name) + ".weight")
                             .str();
      if (ref.shape != std::vector<int64_t>{linear.rows, linear.cols})
        return tensorError(ref.file, name,
                           "expected shape " +
                               shapeText({linear.rows, linear.cols}) +
                               ", found " + shapeText(ref.shape));
      auto kind = kindOf(ref, mapped);
      if (!kind)
        return tensorError(ref.file, name, toString(kind.takeError()));
      if (kind->master && !mayBeMaster)
        return tensorError(ref.file, name,
                           "expected ternary or binary weights, found " +
                               typeName(ref) +
                               " with other values: this is not a 1-bit model");
      if (weightsOnly(ref))
        q.input = InputQuant::Int16;
      allBinary &= kind->weight == WeightQuant::Binary;
      allHalf &= kind->halfScales &&
                 !m.tensors.count(layerName(i, linear.name + ".weight_scale"));
      q.scale = std::max(q.scale, kind->scale);
      if (kind->scale == ScaleKind::Group)
        q.group = q.group ? std::min(q.group, kind->group) : kind->group;
    }
  q.halfScales = q.scale == ScaleKind::Group && allHalf;
  for (const LinearShape &linear : layerLinears(m))
    if (q.group && linear.cols % q.group)
      return tensorError(
          m.tensors.at(layerName(0, linear.name + ".weight")).file,
          ("blk.0." + translateBack(parts, linear.name) + ".weight").str(),
          "rows of " + Twine(linear.cols) +
              " cannot have scales for groups of " + Twine(q.group) +
              " columns, as other matrices of the model have");
  q.weight = allBinary ? WeightQuant::Binary : WeightQuant::Ternary;
  return Error::success();
}

} // namespace bitnetc
