//===- ModelJsonTest.cpp - The reader of model.json -----------------------===//
//
// One correct document, and the many ways to be wrong: each error must name
// file and field or tensor, and say what was expected and what was found. All
// in one file because all begin with that document.
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"
#include "compiler/Model.h"
#include <cmath>

using namespace bitnetc;
using namespace bitnetc::test;

namespace {

class ModelJson : public testing::Test {
protected:
  llvm::Expected<Model> import() {
    dir.write("model.json", json);
    dir.write("model.safetensors", safetensors(tensors));
    return importModel(dir.path);
  }
  /// Expects an error with these parts, and the file's name.
  void refuse(const std::vector<std::string> &parts) {
    std::string message = messageOf(import());
    expectParts(message, {dir.path});
    expectParts(message, parts);
  }

  TempDir dir;
  Json json = tinyModelJson();
  std::vector<Tensor> tensors = tinyTensors();
};

TEST_F(ModelJson, ReadsEveryField) {
  json["norm"]["eps"] = 0.25;
  json["hidden_act"] = "relu2";
  json["generation"] = {{"bos_token_id", 3}, {"eos_token_id", {4, 5}}};
  json["kv_cache"] = "i8";
  json["tokenizer"] = "tokenizer.json";
  json["chat_template"] = "chat.jinja";
  dir.write("tokenizer.json", std::string("{}"));
  dir.write("chat.jinja", std::string("{{ messages }}"));
  Model m = valueOf(import());
  EXPECT_EQ(m.path, dir.path);
  EXPECT_EQ(m.name, "tiny");
  EXPECT_EQ(m.vocabSize, 8);
  EXPECT_EQ(m.hiddenSize, 16);
  EXPECT_EQ(m.intermediateSize, 32);
  EXPECT_EQ(m.numLayers, 1);
  EXPECT_EQ(m.numHeads, 1);
  EXPECT_EQ(m.numKVHeads, 1);
  EXPECT_EQ(m.headDim, 16);
  EXPECT_EQ(m.maxPosition, 64);
  EXPECT_EQ(m.normEps, 0.25f);
  EXPECT_FALSE(m.normBias);
  EXPECT_EQ(m.activation, Activation::ReLU2);
  EXPECT_TRUE(m.gatedFFN);
  EXPECT_TRUE(m.tiedHead);
  EXPECT_EQ(m.kvForm, KVForm::I8);
  EXPECT_EQ(m.rope, RopeKind::Half);
  EXPECT_EQ(m.ropeInvFreq.size(), 8u);
  EXPECT_EQ(m.ropeInvFreq[0], 1.0f);
  EXPECT_EQ(m.ropeInvFreq[2], float(1.0f / 10.0f));
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  EXPECT_EQ(m.quant.input, InputQuant::Int8);
  EXPECT_EQ(m.quant.scale, ScaleKind::Tensor);
  EXPECT_EQ(m.quant.scaleOp, ScaleOp::Divide);
  EXPECT_EQ(m.quant.packing, Packing::HF2Bit);
  EXPECT_EQ(m.tokenizerFile, dir.file("tokenizer.json"));
  EXPECT_EQ(m.chatTemplate, "{{ messages }}");
  EXPECT_EQ(m.bosToken, 3);
  EXPECT_EQ(m.eosTokens, (std::vector<int32_t>{4, 5}));
  EXPECT_EQ(m.tensors.size(), 18u);
  EXPECT_TRUE(m.unusedTensors.empty());
}

TEST_F(ModelJson, FileItselfAndDefaults) {
  valueOf(import());
  Model m = valueOf(importModel(dir.file("model.json")));
  EXPECT_EQ(m.bosToken, -1);
  EXPECT_TRUE(m.eosTokens.empty());
  EXPECT_TRUE(m.tokenizerFile.empty());
  EXPECT_FALSE(m.chatTemplate.has_value());
  json["generation"] = {{"eos_token_id", 7}};
  EXPECT_EQ(valueOf(import()).eosTokens, (std::vector<int32_t>{7}));
}

TEST_F(ModelJson, BinaryAttention) {
  json["kv_cache"] = "b1";
  Model m = valueOf(import());
  EXPECT_EQ(m.kvForm, KVForm::B1);
  EXPECT_FALSE(m.scoreScale);
  std::string name = "model.layers.0.self_attn.score_scale";
  json["score_scale"] = true;
  refuse({"\"" + name + "\" is missing"});
  tensors.push_back(floatTensor(name, {2}));
  refuse({"\"" + name + "\"", "expected F32", "[1]", "[2]"});
  tensorNamed(tensors, name) = floatTensor(name, {1});
  m = valueOf(import());
  EXPECT_TRUE(m.scoreScale);
  EXPECT_TRUE(m.unusedTensors.empty());
  json["score_scale"] = false;
  refuse({"\"" + name + "\"", "is not understood"});
}

/// A form that approximates another may stand in its place, binary attention
/// neither way.
TEST_F(ModelJson, FormOfTheCacheInPlaceOfTheModels) {
  struct Case {
    const char *own;
    KVForm form;
    const char *refusal; ///< Empty: fine.
  };
  const Case cases[] = {
      {"f16", KVForm::I8, ""},
      {"i8", KVForm::F16, ""},
      {"b1", KVForm::B1, ""},
      {"f16", KVForm::B1, "--kv=b1 would change what the model computes"},
      {"i8", KVForm::B1, "its kv_cache is \"i8\""},
      {"b1", KVForm::F16, "--kv=f16 would change what the model computes"},
      {"b1", KVForm::I8, "its kv_cache is \"b1\""},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(std::string(c.own) + " " + c.refusal);
    json["kv_cache"] = c.own;
    valueOf(import());
    ImportOptions options;
    options.kvForm = c.form;
    if (*c.refusal)
      expectParts(messageOf(importModel(dir.path, options)),
                  {dir.path, c.refusal, "trained with binary attention"});
    else
      EXPECT_EQ(valueOf(importModel(dir.path, options)).kvForm, c.form);
  }
}

TEST_F(ModelJson, TensorFilesElsewhere) {
  TempDir other;
  json["tensors"] = {other.write("weights.safetensors", safetensors(tensors))};
  dir.write("model.json", json);
  valueOf(importModel(dir.path));
}

TEST_F(ModelJson, ActivationsOfSingleLinears) {
  json["quantization"]["activations"] = {{"down_proj", "bit"},
                                         {"q_proj", "int16"}};
  json["quantization"]["token_scale"] = true;
  Model m = valueOf(import());
  EXPECT_TRUE(m.quant.tokenScale);
  EXPECT_EQ(inputOf(m.quant, "mlp.down_proj"), InputQuant::Bit);
  EXPECT_EQ(inputOf(m.quant, "q_proj"), InputQuant::Int16);
  EXPECT_EQ(inputOf(m.quant, "self_attn.k_proj"), InputQuant::Int8);
  json["gated_ffn"] = false;
  json["quantization"]["activations"] = {{"gate_proj", "bit"}};
  refuse({"\"quantization.activations\"", "gated_ffn only"});
}

TEST_F(ModelJson, BinaryRowsWithThresholds) {
  json["quantization"] = {{"weight", "binary"},
                          {"activation", "sign"},
                          {"scale", "row"},
                          {"scale_op", "multiply"},
                          {"packing", "bits"}};
  json["norm"]["bias"] = true;
  json["sub_norms"] = {{"attention", true}, {"ffn", true}};
  json["gated_ffn"] = false;
  dropTensor(tensors, "model.layers.0.mlp.gate_proj.weight");
  dropTensor(tensors, "model.layers.0.mlp.gate_proj.weight_scale");
  for (Tensor &t : tensors) {
    bool down = t.name.find("down") != std::string::npos;
    int64_t rows = t.name.find("up_proj") != std::string::npos ? 32 : 16;
    if (t.dtype == "U8")
      t = {t.name,
           "U8",
           {rows, down ? 4 : 2},
           std::string(rows * (down ? 4 : 2), 'x')};
    else if (t.name.find("weight_scale") != std::string::npos)
      t = floatTensor(t.name, {rows});
  }
  std::string layer = "model.layers.0.";
  tensors.push_back(
      floatTensor(layer + "self_attn.attn_sub_norm.weight", {16}));
  tensors.push_back(floatTensor(layer + "mlp.ffn_sub_norm.weight", {32}));
  tensors.push_back(floatTensor(layer + "input_layernorm.bias", {16}));
  tensors.push_back(floatTensor(layer + "post_attention_layernorm.bias", {16}));
  tensors.push_back(floatTensor(layer + "self_attn.attn_sub_norm.bias", {16}));
  refuse({"model.layers.0.mlp.ffn_sub_norm.bias", "is missing"});
  tensors.push_back(floatTensor(layer + "mlp.ffn_sub_norm.bias", {32}));
  Model m = valueOf(import());
  EXPECT_TRUE(m.normBias && m.attentionSubNorm && m.ffnSubNorm);
  EXPECT_TRUE(m.unusedTensors.empty());
  EXPECT_EQ(layerLinears(m).size(), 6u);
  EXPECT_EQ(layerNorms(m).size(), 4u);
}

TEST_F(ModelJson, GroupScales) {
  json["quantization"]["scale"] = "group";
  json["quantization"]["group_size"] = 8;
  refuse({"weight_scale", "[16, 2]", "[1]"});
  for (Tensor &t : tensors)
    if (t.name.find("weight_scale") != std::string::npos) {
      bool inner = t.name.find("gate") != std::string::npos ||
                   t.name.find("up_proj") != std::string::npos;
      bool down = t.name.find("down") != std::string::npos;
      t = floatTensor(t.name, {inner ? 32 : 16, down ? 4 : 2},
                      [](size_t i) { return float(i + 1); });
    }
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.scale, ScaleKind::Group);
  EXPECT_EQ(m.quant.group, 8);
  EXPECT_FALSE(m.quant.halfScales);
  // f16 scales that multiply are stored as they are; a reciprocal is no f16.
  for (Tensor &t : tensors)
    if (t.name.find("weight_scale") != std::string::npos)
      t = {t.name, "F16", t.shape, std::string(t.bytes.size() / 2, '\x3c')};
  EXPECT_FALSE(valueOf(import()).quant.halfScales);
  json["quantization"]["scale_op"] = "multiply";
  EXPECT_TRUE(valueOf(import()).quant.halfScales);
  json["quantization"]["group_size"] = 24;
  refuse({"groups of 24", "16 columns of self_attn.q_proj"});
  json["quantization"]["group_size"] = 12;
  refuse({"\"quantization.group_size\"", "multiple of 8"});
  json["quantization"]["group_size"] = 8;
  json["quantization"]["activation"] = "sign";
  refuse({"\"quantization.group_size\"", "multiple of 64"});
  json["quantization"]["activation"] = "int8";
  json["quantization"]["activations"] = {{"v_proj", "bit"}};
  refuse({"\"quantization.group_size\"", "multiple of 64"});
}

TEST_F(ModelJson, NormsOfHeadsAndLinears) {
  std::string layer = "model.layers.0.";
  json["sub_norms"]["heads"] = true;
  refuse({"self_attn.q_norm.weight", "is missing"});
  tensors.push_back(floatTensor(layer + "self_attn.q_norm.weight", {16}));
  tensors.push_back(floatTensor(layer + "self_attn.k_norm.weight", {16}));
  Model m = valueOf(import());
  EXPECT_TRUE(m.headNorm && !m.linearNorm);
  EXPECT_EQ(layerNorms(m).size(), 4u);
  json["sub_norms"]["linears"] = true;
  json["sub_norms"]["linears_eps"] = 0.5;
  for (const LinearShape &linear : layerLinears(m)) {
    refuse({linear.name + ".norm.weight", "is missing"});
    tensors.push_back(
        floatTensor(layer + linear.name + ".norm.weight", {linear.cols}));
  }
  m = valueOf(import());
  EXPECT_TRUE(m.headNorm && m.linearNorm);
  EXPECT_EQ(m.linearNormEps, 0.5f);
  EXPECT_EQ(layerNorms(m).size(), 11u);
  // Norms of heads are not before linears: they have no bias.
  json["norm"]["bias"] = true;
  for (const NormShape &norm : layerNorms(m))
    if (norm.name.find("q_norm") == std::string::npos &&
        norm.name.find("k_norm") == std::string::npos)
      tensors.push_back(floatTensor(layer + norm.name + ".bias", {norm.width}));
  EXPECT_TRUE(valueOf(import()).unusedTensors.empty());
  // Norms that nobody asked for would be forgotten.
  json["norm"]["bias"] = false;
  refuse({"input_layernorm.bias", "not understood"});
  std::erase_if(tensors,
                [](const Tensor &t) { return t.name.ends_with(".bias"); });
  json["sub_norms"]["linears"] = false;
  refuse({".norm.weight", "a norm that this kind of model does not have"});
}

TEST_F(ModelJson, CentredMasterWeights) {
  json["quantization"]["centred"] = true;
  refuse({"\"quantization.centred\"", "\"master\" packing"});
  json["quantization"] = {{"weight", "binary"},  {"activation", "int8"},
                          {"scale", "tensor"},   {"scale_op", "multiply"},
                          {"packing", "master"}, {"centred", true}};
  for (Tensor &t : tensors)
    if (t.dtype == "U8")
      t = floatTensor(t.name, {t.shape[0] * 4, t.shape[1]});
  refuse({"down_proj.weight_scale", "not understood"});
  std::erase_if(tensors, [](const Tensor &t) {
    return t.name.ends_with(".weight_scale");
  });
  EXPECT_TRUE(valueOf(import()).quant.centred);
}

TEST_F(ModelJson, ShiftedGateNeedsWholeVectors) {
  json["hidden_size"] = 20;
  refuse({"model.embed_tokens.weight", "[8, 20]"});
  json["quantization"]["shifted_gate"] = true;
  refuse({"hidden_size", "multiple of 16", "found 20"});
}

TEST_F(ModelJson, MlxRowsAreWholeWords) {
  json["quantization"] = {{"weight", "binary"},     {"activation", "int16"},
                          {"scale", "group"},       {"group_size", 8},
                          {"scale_op", "multiply"}, {"packing", "mlx"}};
  refuse({"\"mlx\"", "multiple of 32 columns", "q_proj has 16"});
  json["quantization"]["weight"] = "ternary";
  refuse({"q_proj.weight", "U32", "[16, 1]"});
}

TEST_F(ModelJson, LeftoverTensors) {
  tensors.push_back(floatTensor("lm_head.weight", {8, 16}));
  std::string table = "model.layers.0.self_attn.rotary_emb.inv_freq";
  tensors.push_back(floatTensor(table, {8}));
  EXPECT_EQ(valueOf(import()).unusedTensors,
            (std::vector<std::string>{"lm_head.weight", table}));
  tensors.push_back({"odd", "I64", {1}, "12345678"});
  refuse({"\"odd\"", "not understood"});
  tensors.pop_back();
  tensors.push_back(floatTensor("model.layers.0.mlp.up_proj.bias", {32}));
  refuse({"model.layers.0.mlp.up_proj.bias", "not supported yet"});
}

//===----------------------------------------------------------------------===//
// Wrong documents
//===----------------------------------------------------------------------===//

struct BadDocument {
  const char *pointer; ///< Where, as a JSON pointer.
  const char *value;   ///< What, as JSON; empty: the field is removed.
  std::vector<std::string> parts;
};

const BadDocument badDocuments[] = {
    {"/format", "", {"\"format\"", "is missing"}},
    {"/format", "\"gguf\"", {"\"format\"", "\"bitnetc-model\"", "\"gguf\""}},
    {"/version", "2", {"\"version\"", "from 1 to 1", "found 2"}},
    {"/version", "\"1\"", {"\"version\"", "found \"1\""}},
    {"/name", "7", {"\"name\"", "a string", "found 7"}},
    {"/colour", "1", {"unknown field \"colour\""}},
    {"/norm/gain", "1", {"unknown field \"norm.gain\""}},
    {"/quantization/group", "1", {"unknown field \"quantization.group\""}},
    {"/generation", R"({"top_k": 3})", {"unknown field \"generation.top_k\""}},
    {"/vocab_size", "", {"\"vocab_size\"", "is missing"}},
    {"/vocab_size", "0", {"\"vocab_size\"", "found 0"}},
    {"/vocab_size", "1e300", {"\"vocab_size\"", "found 1e+300"}},
    {"/vocab_size", "18446744073709551615", {"\"vocab_size\""}},
    {"/hidden_size", "-16", {"\"hidden_size\"", "found -16"}},
    {"/hidden_size", "16.5", {"\"hidden_size\"", "found 16.5"}},
    {"/hidden_size", "131073", {"\"hidden_size\"", "to 131072"}},
    {"/hidden_size", "26", {"hidden_size", "multiple of 4", "26"}},
    {"/intermediate_size", "42", {"intermediate_size", "multiple of 4", "42"}},
    {"/head_dim", "24", {"head_dim", "multiple of 16", "24"}},
    {"/head_dim", "null", {"\"head_dim\"", "found null"}},
    {"/num_hidden_layers", "true", {"\"num_hidden_layers\"", "found true"}},
    {"/num_hidden_layers", "1025", {"\"num_hidden_layers\""}},
    {"/num_hidden_layers", "2", {"model.layers.1.", "is missing"}},
    {"/num_attention_heads", "{}", {"\"num_attention_heads\"", "an object"}},
    {"/num_key_value_heads", "2", {"multiple of num_key_value_heads (2)"}},
    {"/max_position_embeddings", "0", {"\"max_position_embeddings\""}},
    {"/norm", "3", {"\"norm\"", "an object", "found 3"}},
    {"/norm/kind", "\"batch_norm\"", {"\"norm.kind\"", "\"rms_norm\""}},
    {"/norm/eps", "-1", {"\"norm.eps\"", "found -1"}},
    {"/norm/eps", "\"1\"", {"\"norm.eps\"", "a number"}},
    {"/norm/bias", "0", {"\"norm.bias\"", "true or false"}},
    {"/norm/bias", "true", {"input_layernorm.bias", "is missing"}},
    {"/sub_norms/ffn", "", {"\"sub_norms.ffn\"", "is missing"}},
    {"/sub_norms/ffn", "true", {"mlp.ffn_sub_norm.weight", "is missing"}},
    {"/hidden_act",
     "\"tanh\"",
     {"\"hidden_act\"", "\"silu\", \"relu2\", \"gelu\"", "found \"tanh\""}},
    {"/gated_ffn", "\"yes\"", {"\"gated_ffn\"", "true or false"}},
    {"/rope/kind", "\"neox\"", {"\"rope.kind\"", "\"interleaved\""}},
    {"/rope/theta", "0.5", {"\"rope.theta\"", "found 0.5"}},
    {"/rope/scaling",
     R"({"rope_type": "longrope"})",
     {"\"rope.scaling.rope_type\"", "\"llama3\"", "found \"longrope\""}},
    {"/rope/scaling",
     R"({"rope_type": "yarn"})",
     {"\"rope.scaling.factor\"", "is missing"}},
    {"/rope/scaling",
     R"({"rope_type": "llama3", "factor": 8})",
     {"\"rope.scaling.low_freq_factor\"", "is missing"}},
    {"/rope/scaling", "null", {"\"rope.scaling\"", "an object"}},
    {"/tie_word_embeddings", "false", {"lm_head.weight", "is missing"}},
    {"/quantization/weight", "\"quaternary\"", {"\"quantization.weight\""}},
    {"/quantization/activation", "\"int4\"", {"\"quantization.activation\""}},
    {"/quantization/activations",
     R"({"lm_head": "sign"})",
     {"\"quantization.activations.lm_head\""}},
    {"/quantization/activations",
     R"({"q_proj": "int4"})",
     {"\"quantization.activations.q_proj\"", "found \"int4\""}},
    {"/quantization/token_scale",
     "1",
     {"\"quantization.token_scale\"", "true or false"}},
    {"/quantization/packing",
     "\"bits\"",
     {"\"quantization.packing\"", "binary weights only"}},
    {"/quantization/weight",
     "\"binary\"",
     {"\"quantization.packing\"", "ternary weights only"}},
    {"/quantization/packing",
     "\"master\"",
     {"\"quantization.scale_op\"", "no stored scale"}},
    {"/quantization/scale", "\"row\"", {"weight_scale", "[16]", "[1]"}},
    {"/quantization/scale",
     "\"group\"",
     {"\"quantization.group_size\"", "is missing"}},
    {"/quantization/group_size",
     "8",
     {"\"quantization.group_size\"", "\"group\" scales only"}},
    {"/sub_norms/linears_eps", "2", {"\"sub_norms.linears_eps\""}},
    {"/tensors", "[]", {"\"tensors\"", "an empty list"}},
    {"/tensors", "[1]", {"\"tensors\"", "list of strings", "found 1"}},
    {"/tensors", "[\"none.safetensors\"]", {"none.safetensors"}},
    {"/tensors",
     R"(["model.safetensors", "model.safetensors"])",
     {"already in"}},
    {"/tokenizer", "\"none.json\"", {"none.json", "no such file"}},
    {"/chat_template", "\"none.jinja\"", {"none.jinja", "cannot be read"}},
    {"/generation",
     R"({"bos_token_id": 8})",
     {"\"generation.bos_token_id\"", "from 0 to 7", "found 8"}},
    {"/generation",
     R"({"eos_token_id": [1, -1]})",
     {"\"generation.eos_token_id\"", "found -1"}},
    {"/kv_cache", "\"i4\"", {"\"kv_cache\"", "\"f16\"", "found \"i4\""}},
    {"/score_scale", "true", {"\"score_scale\"", "\"b1\" as kv_cache"}},
};

TEST_F(ModelJson, WrongDocumentsAreRefused) {
  for (const BadDocument &bad : badDocuments) {
    SCOPED_TRACE(std::string(bad.pointer) + " = " + bad.value);
    json = tinyModelJson();
    Json::json_pointer pointer(bad.pointer);
    if (*bad.value)
      json[pointer] = Json::parse(bad.value);
    else
      json[pointer.parent_pointer()].erase(pointer.back());
    refuse(bad.parts);
  }
}

TEST_F(ModelJson, WrongTensorsAreRefused) {
  struct Case {
    Tensor tensor; ///< Replaces the one of its name.
    std::vector<std::string> parts;
  };
  std::string q = "model.layers.0.self_attn.q_proj.weight";
  std::string u8(64, '\0');
  const Case cases[] = {
      {floatTensor("model.norm.weight", {17}), {"F32", "[16]", "[17]"}},
      {{"model.norm.weight", "F64", {16}, std::string(128, '\0')},
       {"F32, F16 or BF16 of shape [16]", "found F64"}},
      {{q, "U8", {16, 4}, u8}, {"U8 of shape [4, 16]", "found U8", "[16, 4]"}},
      {{q, "I8", {4, 16}, u8}, {"U8", "found I8"}},
      {floatTensor(q, {16, 16}), {"U8", "found F32 of shape [16, 16]"}},
      {floatTensor("model.layers.0.mlp.up_proj.weight_scale", {2}),
       {"[1]", "[2]"}},
      {floatTensor("model.embed_tokens.weight", {16, 8}), {"[8, 16]"}},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.tensor.name);
    tensors = tinyTensors();
    tensorNamed(tensors, c.tensor.name) = c.tensor;
    std::vector<std::string> parts = c.parts;
    parts.insert(parts.end(),
                 {"model.safetensors", "\"" + c.tensor.name + "\""});
    refuse(parts);
  }
  for (const Tensor &t : tinyTensors()) {
    tensors = tinyTensors();
    dropTensor(tensors, t.name);
    refuse({"\"" + t.name + "\" is missing"});
  }
}

TEST_F(ModelJson, WrongFilesAreRefused) {
  valueOf(import());
  dir.write("model.json", std::string("{\"format\": "));
  expectParts(messageOf(importModel(dir.path)),
              {"model.json", "not valid JSON"});
  dir.write("model.json", std::string("[]"));
  expectParts(messageOf(importModel(dir.path)), {"expected an object"});
  dir.write("model.json", std::string(R"({"name": "a", "name": "b"})"));
  expectParts(messageOf(importModel(dir.path)), {"\"name\" appears twice"});
  expectParts(messageOf(importModel(dir.file("model.safetensors"))),
              {"expected a model.json"});
  expectParts(messageOf(importModel(dir.file("none"))), {"no such file"});
  TempDir empty;
  expectParts(messageOf(importModel(empty.path)), {"neither a model.json nor"});
}

TEST_F(ModelJson, Llama3Scaling) {
  json["rope"] = Json::parse(R"({"kind": "half", "theta": 500000.0,
    "scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192}})");
  Model m = valueOf(import());
  ASSERT_EQ(m.ropeInvFreq.size(), 8u);
  // Wavelengths below 2048 are kept, above 8192 stretched by 8.
  for (int i = 0; i < 8; ++i) {
    double plain = std::pow(500000.0, -i / 8.0);
    double wavelength = 2 * M_PI / plain;
    double expected = plain;
    if (wavelength > 8192) {
      expected = plain / 8;
    } else if (wavelength >= 2048) {
      double smooth = (8192 / wavelength - 1) / 3;
      expected = (1 - smooth) * plain / 8 + smooth * plain;
    }
    EXPECT_NEAR(m.ropeInvFreq[i] / expected, 1, 1e-6) << i;
  }
  json["rope"]["scaling"]["high_freq_factor"] = 1.0;
  refuse({"\"rope.scaling.high_freq_factor\"", "above low_freq_factor"});
  json["rope"] = {{"kind", "none"}};
  EXPECT_TRUE(valueOf(import()).ropeInvFreq.empty());
}

TEST(Examples, ImportAsTheyAre) {
  for (const char *name : {"story-ternary", "story-w1a1", "story-w1a1-plain"}) {
    Model m = valueOf(
        importModel(std::string(BITNETC_SOURCE_DIR "/examples/") + name));
    EXPECT_EQ(m.name, name);
    EXPECT_TRUE(m.unusedTensors.empty());
  }
}

} // namespace
