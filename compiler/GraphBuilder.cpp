//===- GraphBuilder.cpp - From a model description to the dialect ---------===//
//
// Says in the dialect what spec A5 and D say in words. Features of the model
// are orthogonal: each adds or leaves out its own operations here, and no model
// family is known by name.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "dialect/Dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;
// Quantisers and activations have the same names in the description and in the
// dialect; unqualified names are the dialect's.
using bitnetc::Model;
using bitnetc::Quantization;
using bitnetc::ScaleKind;
using bitnetc::WeightReader;

namespace {
class GraphBuilder {
public:
  GraphBuilder(MLIRContext &context, const Model &model, WeightReader &reader)
      : model(model), reader(reader), b(&context),
        loc(FileLineColLoc::get(&context, model.path, 0, 0)) {}

  llvm::Expected<OwningOpRef<ModuleOp>> build();

private:
  RankedTensorType rows(int64_t columns) {
    return RankedTensorType::get({ShapedType::kDynamic, columns},
                                 b.getF32Type());
  }

  // Weights are added to the record that is open; the reference is returned.
  SymbolRefAttr addWeight(StringRef name, WeightQuant quant,
                          ArrayRef<int64_t> shape, int64_t scaleRows,
                          bool positive, StringRef source, int64_t group = 0,
                          bool halfScales = false);
  SymbolRefAttr addVector(StringRef name, int64_t size, StringRef source);
  SymbolRefAttr addQuantized(StringRef name, int64_t n, int64_t k,
                             StringRef source, const Quantization &quant);
  /// Embedding or head: of few bits, or int8 rows.
  SymbolRefAttr addTokens(StringRef name, StringRef source,
                          const std::optional<Quantization> &quant);

  struct NormForm {
    float eps;
    bool centred, gain, bias;
  };
  /// Those of the layer that are no linear's own.
  NormForm layerForm() const {
    return {model.normEps, model.layerNorm, true, model.normBias};
  }
  Value norm(StringRef name, Value input, StringRef source, NormForm form);
  Value linear(StringRef name, Value input, int64_t n, StringRef source,
               bool shifted = false);
  Value headNormIfAny(StringRef name, Value input, StringRef source);
  Value ropeIfAny(Value input);

  void buildStep();
  void buildLayer();
  DictionaryAttr describe();

  const Model &model;
  WeightReader &reader;
  OpBuilder b;
  Location loc;
  RecordOp record; ///< That new weights go to.
  SymbolRefAttr ropeTable;
  llvm::Error error = llvm::Error::success();
};
} // namespace

SymbolRefAttr GraphBuilder::addWeight(StringRef name, WeightQuant quant,
                                      ArrayRef<int64_t> shape,
                                      int64_t scaleRows, bool positive,
                                      StringRef source, int64_t group,
                                      bool halfScales) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(&record.getBody().front());
  auto weight = WeightOp::create(
      b, loc, b.getStringAttr(name),
      WeightQuantAttr::get(b.getContext(), quant),
      b.getDenseI64ArrayAttr(shape), b.getI64IntegerAttr(scaleRows),
      b.getI64IntegerAttr(group), halfScales ? b.getUnitAttr() : UnitAttr(),
      positive ? b.getUnitAttr() : UnitAttr(), b.getStringAttr(source),
      LayoutAttr(), IntegerAttr(), IntegerAttr());
  return SymbolRefAttr::get(record.getSymNameAttr(),
                            {FlatSymbolRefAttr::get(weight.getSymNameAttr())});
}

/// "a.{}.b" with the instance's number.
static std::string instanceName(StringRef source, int64_t instance) {
  auto [before, after] = source.split("{}");
  if (before.size() == source.size())
    return source.str();
  return (before + Twine(instance) + after).str();
}

SymbolRefAttr GraphBuilder::addVector(StringRef name, int64_t size,
                                      StringRef source) {
  bool positive = true;
  for (int64_t i = 0; i < static_cast<int64_t>(record.getCount()); ++i) {
    auto values = reader.readFloat(instanceName(source, i));
    if (!values) {
      error = llvm::joinErrors(std::move(error), values.takeError());
      break;
    }
    positive &= llvm::all_of(*values, [](float value) { return value > 0; });
    auto bad = llvm::find_if(*values,
                             [](float value) { return !std::isfinite(value); });
    if (bad != values->end()) {
      error = llvm::joinErrors(
          std::move(error),
          llvm::createStringError(model.path + ": tensor \"" +
                                  instanceName(source, i) + "\": value " +
                                  llvm::Twine(bad - values->begin()) +
                                  " is not finite"));
      break;
    }
  }
  return addWeight(name, WeightQuant::Float, {size}, 1, positive, source);
}

SymbolRefAttr GraphBuilder::addQuantized(StringRef name, int64_t n, int64_t k,
                                         StringRef source,
                                         const Quantization &quant) {
  WeightQuant kind = quant.weight == bitnetc::WeightQuant::Binary
                         ? WeightQuant::Binary
                         : WeightQuant::Ternary;
  int64_t scaleRows = quant.scale == ScaleKind::Tensor ? 1 : n;
  bool groups = quant.scale == ScaleKind::Group;
  return addWeight(name, kind, {n, k}, scaleRows, false, source,
                   groups ? quant.group : 0, groups && quant.halfScales);
}

SymbolRefAttr
GraphBuilder::addTokens(StringRef name, StringRef source,
                        const std::optional<Quantization> &quant) {
  int64_t n = model.vocabSize, k = model.hiddenSize;
  if (quant)
    return addQuantized(name, n, k, source, *quant);
  return addWeight(name, WeightQuant::Int8, {n, k}, n, false,
                   (source + ".weight").str());
}

Value GraphBuilder::norm(StringRef name, Value input, StringRef source,
                         NormForm form) {
  int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(1);
  SymbolRefAttr gain, bias;
  if (form.gain)
    gain = addVector(name, size, (source + ".weight").str());
  if (form.bias)
    bias = addVector((name + "_bias").str(), size, (source + ".bias").str());
  return RMSNormOp::create(b, loc, input.getType(), input,
                           /*unscaled=*/UnitAttr(),
                           form.centred ? b.getUnitAttr() : UnitAttr(), gain,
                           bias, b.getF32FloatAttr(form.eps));
}

namespace {
/// How a linear reads its input.
struct InputForm {
  InputQuant kind = InputQuant::Int16;
  CodeRange range = CodeRange::Signed127;
  bool byGroup = false, tokenScale = false;
};
} // namespace

/// Of the linear ("q_proj") of a layer; without a name, of a head.
static InputForm formOf(const Quantization &quant, StringRef linear = "",
                        bool shifted = false) {
  // Kernels take 16 columns at a time.
  const bool byGroup = quant.group && quant.group % 16 == 0;
  auto bits = [&](InputQuant kind) -> InputForm {
    return {kind, CodeRange::Signed127, false, quant.tokenScale};
  };
  switch (inputOf(quant, linear)) {
  case bitnetc::InputQuant::Sign:
    return bits(InputQuant::Sign);
  case bitnetc::InputQuant::Bit:
    return bits(InputQuant::Bit);
  case bitnetc::InputQuant::Ternary:
    return bits(InputQuant::Ternary);
  case bitnetc::InputQuant::None: // Refused for the linears of layers.
  case bitnetc::InputQuant::Int16:
    return {InputQuant::Int16, CodeRange::Signed127, byGroup};
  case bitnetc::InputQuant::Int8Groups:
    return {InputQuant::Int8, CodeRange::Signed127, byGroup};
  case bitnetc::InputQuant::Int8:
    break;
  }
  return {InputQuant::Int8, shifted ? CodeRange::Shifted128
                            : quant.range == bitnetc::CodeRange::Signed128
                                ? CodeRange::Signed128
                                : CodeRange::Signed127};
}

Value GraphBuilder::linear(StringRef name, Value input, int64_t n,
                           StringRef source, bool shifted) {
  if (model.linearNorm)
    input = norm((name + "_norm").str(), input, (source + ".norm").str(),
                 {model.linearNormEps, model.linearLayerNorm,
                  model.linearNormGain, model.normBias});
  int64_t k = cast<RankedTensorType>(input.getType()).getDimSize(1);
  InputForm form = formOf(model.quant, name, shifted);
  return LinearOp::create(b, loc, rows(n), input,
                          addQuantized(name, n, k, source, model.quant),
                          form.kind, form.range, form.byGroup, form.tokenScale);
}

Value GraphBuilder::headNormIfAny(StringRef name, Value input,
                                  StringRef source) {
  if (!model.headNorm)
    return input;
  SymbolRefAttr gain = addVector(name, model.headDim, source);
  return HeadNormOp::create(b, loc, input.getType(), input, gain,
                            b.getF32FloatAttr(model.normEps),
                            b.getI64IntegerAttr(model.headDim));
}

Value GraphBuilder::ropeIfAny(Value input) {
  if (model.rope == bitnetc::RopeKind::None)
    return input;
  return RopeOp::create(b, loc, input.getType(), input, ropeTable,
                        model.rope == bitnetc::RopeKind::Half
                            ? mlir::bitnet::RopeKind::Half
                            : mlir::bitnet::RopeKind::Interleaved,
                        model.headDim);
}

static mlir::bitnet::KVForm formOf(bitnetc::KVForm form) {
  switch (form) {
  case bitnetc::KVForm::F16:
    return mlir::bitnet::KVForm::F16;
  case bitnetc::KVForm::I8:
    return mlir::bitnet::KVForm::I8;
  case bitnetc::KVForm::B1:
    return mlir::bitnet::KVForm::B1;
  }
  llvm_unreachable("form of the KV cache");
}

static const char *kLayer = "model.layers.{}.";

void GraphBuilder::buildLayer() {
  int64_t hidden = model.hiddenSize;
  int64_t qSize = model.numHeads * model.headDim;
  int64_t kvSize = model.numKVHeads * model.headDim;
  auto source = [](const char *suffix) { return std::string(kLayer) + suffix; };

  auto function = func::FuncOp::create(
      b, loc, "layer_step", b.getFunctionType({rows(hidden)}, {rows(hidden)}));
  function.setPrivate();
  b.setInsertionPointToStart(function.addEntryBlock());
  Value h = function.getArgument(0);

  Value n = model.blockNorms
                ? norm("attn_norm", h, source("input_layernorm"), layerForm())
                : h;
  Value q = linear("q_proj", n, qSize, source("self_attn.q_proj"));
  Value k = linear("k_proj", n, kvSize, source("self_attn.k_proj"));
  Value v = linear("v_proj", n, kvSize, source("self_attn.v_proj"));
  q = headNormIfAny("q_norm", q, source("self_attn.q_norm.weight"));
  k = headNormIfAny("k_norm", k, source("self_attn.k_norm.weight"));
  q = ropeIfAny(q);
  k = ropeIfAny(k);
  mlir::bitnet::KVForm form = formOf(model.kvForm);
  KVAppendOp::create(b, loc, k, v, model.headDim, form);
  SymbolRefAttr scoreScale;
  if (model.scoreScale)
    scoreScale = addVector("score_scale", model.numHeads,
                           source("self_attn.score_scale"));
  Value o =
      AttentionOp::create(b, loc, q.getType(), q, model.numHeads,
                          model.numKVHeads, model.headDim, form, scoreScale);
  if (model.attentionSubNorm)
    o = norm("attn_sub_norm", o, source("self_attn.attn_sub_norm"),
             layerForm());
  o = linear("o_proj", o, hidden, source("self_attn.o_proj"));
  h = AddOp::create(b, loc, h.getType(), h, o);

  Value m =
      model.blockNorms
          ? norm("ffn_norm", h, source("post_attention_layernorm"), layerForm())
          : h;
  auto act = model.activation == bitnetc::Activation::SiLU
                 ? ActivationKind::SiLU
                 : ActivationKind::ReLU2;
  Value f;
  if (model.gatedFFN) {
    Value gate = linear("gate_proj", m, model.intermediateSize,
                        source("mlp.gate_proj"), model.shiftedGate);
    Value up =
        linear("up_proj", m, model.intermediateSize, source("mlp.up_proj"));
    gate = ActivationOp::create(b, loc, gate.getType(), gate, act);
    f = MulOp::create(b, loc, gate.getType(), gate, up);
  } else {
    f = linear("up_proj", m, model.intermediateSize, source("mlp.up_proj"));
    f = ActivationOp::create(b, loc, f.getType(), f, act);
  }
  if (model.ffnSubNorm)
    f = norm("ffn_sub_norm", f, source("mlp.ffn_sub_norm"), layerForm());
  Value down = linear("down_proj", f, hidden, source("mlp.down_proj"));
  h = AddOp::create(b, loc, h.getType(), h, down);
  func::ReturnOp::create(b, loc, h);
}

/// The embedding is stored once, also where the head is tied to it: half of all
/// bytes that a token reads are the head's. Floats become int8 rows; what is of
/// few bits stays so, exactly.
void GraphBuilder::buildStep() {
  auto type = rows(model.hiddenSize);
  SymbolRefAttr embed =
      addTokens("embed", "model.embed_tokens", model.embedding);
  SymbolRefAttr head =
      model.tiedHead ? embed : addTokens("head", "lm_head", model.head);
  if (model.rope != bitnetc::RopeKind::None)
    ropeTable =
        addWeight("rope", WeightQuant::Float,
                  {model.maxPosition, model.headDim}, 1, false, "@rope");

  auto function = func::FuncOp::create(
      b, loc, "step", b.getFunctionType({}, {rows(model.vocabSize)}));
  b.setInsertionPointToStart(function.addEntryBlock());
  Value h = EmbedOp::create(b, loc, type, embed);
  h = RepeatOp::create(b, loc, type, "layer_step", h, model.numLayers);
  h = GatherLogitsOp::create(b, loc, type, h);
  NormForm form = layerForm();
  form.bias &= form.centred;
  h = norm("final_norm", h, "model.norm", form);
  if (model.headInputNorm)
    h = norm("head_norm", h, "lm_head.norm",
             {model.headInputNormEps, model.linearLayerNorm,
              model.linearNormGain, model.normBias});
  auto quant = model.tiedHead ? model.embedding : model.head;
  InputForm input = quant ? formOf(*quant) : InputForm();
  Value logits =
      LinearOp::create(b, loc, rows(model.vocabSize), h, head, input.kind,
                       input.range, input.byGroup, input.tokenScale);
  func::ReturnOp::create(b, loc, logits);
  b.setInsertionPointAfter(function);
}

/// Shapes and defaults that the descriptor of the ABI repeats.
DictionaryAttr GraphBuilder::describe() {
  auto number = [&](int64_t value) { return b.getI64IntegerAttr(value); };
  SmallVector<int32_t> eos(model.eosTokens.begin(), model.eosTokens.end());
  return b.getDictionaryAttr({
      b.getNamedAttr("name", b.getStringAttr(model.name)),
      b.getNamedAttr("vocab_size", number(model.vocabSize)),
      b.getNamedAttr("hidden_size", number(model.hiddenSize)),
      b.getNamedAttr("intermediate_size", number(model.intermediateSize)),
      b.getNamedAttr("num_layers", number(model.numLayers)),
      b.getNamedAttr("num_heads", number(model.numHeads)),
      b.getNamedAttr("num_kv_heads", number(model.numKVHeads)),
      b.getNamedAttr("head_dim", number(model.headDim)),
      b.getNamedAttr("max_position", number(model.maxPosition)),
      b.getNamedAttr("bos_token", number(model.bosToken)),
      b.getNamedAttr("eos_tokens", b.getDenseI32ArrayAttr(eos)),
  });
}

/// What the description can say and no kernel can compute.
static const char *unsupported(const Model &model) {
  if (model.activation == bitnetc::Activation::GELU)
    return "hidden_act gelu";
  if (model.quant.weight == bitnetc::WeightQuant::Float)
    return "float weights in linear layers";
  for (const bitnetc::LinearShape &linear : bitnetc::layerLinears(model))
    if (inputOf(model.quant, linear.name) == bitnetc::InputQuant::None)
      return "linear layers with unquantised input";
  return nullptr;
}

llvm::Expected<OwningOpRef<ModuleOp>> GraphBuilder::build() {
  if (const char *what = unsupported(model))
    return llvm::createStringError("%s: %s cannot be compiled yet",
                                   model.path.c_str(), what);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  (*module)->setAttr("bitnet.model", describe());
  b.setInsertionPointToEnd(module->getBody());
  auto newRecord = [&](StringRef name, int64_t count) {
    record = RecordOp::create(b, loc, name, count, {}, {});
    record.getBody().emplaceBlock();
  };
  newRecord("globals", 1);
  buildStep();
  newRecord("layer", model.numLayers);
  buildLayer();
  if (error)
    return std::move(error);
  return std::move(module);
}

llvm::Expected<OwningOpRef<ModuleOp>>
bitnetc::buildGraph(MLIRContext &context, const Model &model,
                    WeightReader &reader) {
  context.loadDialect<BitNetDialect, func::FuncDialect>();
  return GraphBuilder(context, model, reader).build();
}
