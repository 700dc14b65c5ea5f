//===- ModelJsonWriter.cpp - The writer of model.json ---------------------===//
//
// What ModelJson.cpp reads, from what it reads it into. Weights of GGUF files
// are described in the packing that Convert.cpp gives them.
//
//===----------------------------------------------------------------------===//
#include "Convert.h"
#include "ModelImport.h"
#include "ModelJsonWords.h"
#include <charconv>
#include <cmath>

using namespace llvm;

namespace bitnetc {

namespace {
using Ordered = nlohmann::ordered_json;

/// The shortest decimal that reads as this float: 1e-5, not 9.99999975e-6.
double shortest(float value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double number = 0;
  std::from_chars(text, end, number);
  return float(number) == value ? number : double(value);
}

Ordered ropeJson(const Model &m) {
  Ordered rope = {{"kind", word(ropeKinds, m.rope)}};
  if (m.rope == RopeKind::None)
    return rope;
  Model plain = m;
  setRopeFrequencies(plain, std::nullopt);
  if (plain.ropeInvFreq == m.ropeInvFreq && m.ropeMagnitude == 1) {
    rope["theta"] = m.ropeTheta;
    return rope;
  }
  for (float frequency : m.ropeInvFreq)
    rope["inv_freq"].push_back(shortest(frequency));
  if (m.ropeMagnitude != 1)
    rope["magnitude"] = shortest(m.ropeMagnitude);
  return rope;
}

Ordered quantizationJson(const Quantization &q) {
  Packing packing = q.packing;
  if (packing == Packing::Gguf)
    packing = q.weight == WeightQuant::Binary ? Packing::Bits : Packing::HF2Bit;
  Ordered json = {{"weight", word(weightQuants, q.weight)},
                  {"activation", word(inputQuants, q.input)}};
  for (auto &[linear, input] : q.inputs)
    json["activations"][linear] = word(inputQuants, input);
  if (q.tokenScale)
    json["token_scale"] = true;
  json["scale"] = word(scaleKinds, q.scale);
  if (q.scale == ScaleKind::Group)
    json["group_size"] = q.group;
  json["scale_op"] = word(scaleOps, q.scaleOp);
  json["packing"] = word(packings, packing);
  if (q.range != CodeRange::Signed127)
    json["activation_range"] = word(codeRanges, q.range);
  if (q.overColumns)
    json["scale_over_columns"] = true;
  if (q.centred)
    json["centred"] = true;
  return json;
}

std::string normKind(bool layerNorm) {
  return word(normKinds, layerNorm ? NormKind::Layer : NormKind::RMS);
}
} // namespace

std::string modelJsonText(const Model &m,
                          const std::vector<std::string> &tensors,
                          StringRef tokenizer, StringRef chatTemplate) {
  std::string act;
  for (const Choice<Activation> &choice : activationChoices())
    if (choice.value == m.activation)
      act = choice.word.str();
  Ordered json = {{"format", "bitnetc-model"},
                  {"version", 1},
                  {"name", m.name},
                  {"vocab_size", m.vocabSize},
                  {"hidden_size", m.hiddenSize},
                  {"intermediate_size", m.intermediateSize},
                  {"num_hidden_layers", m.numLayers},
                  {"num_attention_heads", m.numHeads},
                  {"num_key_value_heads", m.numKVHeads},
                  {"head_dim", m.headDim},
                  {"max_position_embeddings", m.maxPosition},
                  {"norm",
                   {{"kind", normKind(m.layerNorm)},
                    {"eps", shortest(m.normEps)},
                    {"bias", m.normBias},
                    {"blocks", m.blockNorms}}},
                  {"sub_norms",
                   {{"attention", m.attentionSubNorm},
                    {"ffn", m.ffnSubNorm},
                    {"heads", m.headNorm},
                    {"linears", m.linearNorm},
                    {"linears_eps", shortest(m.linearNormEps)},
                    {"linears_kind", normKind(m.linearLayerNorm)},
                    {"linears_gain", m.linearNormGain},
                    {"head", m.headInputNorm},
                    {"head_eps", shortest(m.headInputNormEps)}}},
                  {"hidden_act", act},
                  {"gated_ffn", m.gatedFFN},
                  {"rope", ropeJson(m)},
                  {"tie_word_embeddings", m.tiedHead},
                  {"quantization", quantizationJson(m.quant)},
                  {"tensors", tensors}};
  if (m.shiftedGate)
    json["quantization"]["shifted_gate"] = true;
  if (m.embedding)
    json["embedding_quantization"] = quantizationJson(*m.embedding);
  if (m.head && !m.tiedHead)
    json["head_quantization"] = quantizationJson(*m.head);
  if (!tokenizer.empty())
    json["tokenizer"] = tokenizer.str();
  if (!chatTemplate.empty())
    json["chat_template"] = chatTemplate.str();
  if (!m.templateTokens.empty())
    json["template_tokens"] = m.templateTokens;
  Ordered generation = Ordered::object();
  if (m.bosToken >= 0)
    generation["bos_token_id"] = m.bosToken;
  if (!m.eosTokens.empty())
    generation["eos_token_id"] = m.eosTokens;
  if (!generation.empty())
    json["generation"] = generation;
  json["kv_cache"] = word(kvForms, m.kvForm);
  if (m.scoreScale)
    json["score_scale"] = true;
  return json.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

} // namespace bitnetc
