//===- HuggingFaceTest.cpp - Importing Hugging Face directories -----------===//
//
// Synthetic directories for each convention of the config, and two exports of
// one real model that must mean the same weights. One long list of small cases
// over the same few helpers.
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"
#include "compiler/WeightReader.h"
#include <cmath>
#include <filesystem>
#include <functional>

using namespace bitnetc;
using namespace bitnetc::test;

namespace {

class HuggingFace : public testing::Test {
protected:
  llvm::Expected<Model> import() {
    dir.write("config.json", config);
    dir.write("model.safetensors", safetensors(tensors));
    return importModel(dir.path);
  }
  void refuse(const std::vector<std::string> &parts) {
    std::string message = messageOf(import());
    expectParts(message, {dir.path});
    expectParts(message, parts);
  }
  void addSubNorms() {
    config["model_type"] = "bitnet";
    std::string layer = "model.layers.0.";
    tensors.push_back(
        floatTensor(layer + "self_attn.attn_sub_norm.weight", {16}));
    tensors.push_back(floatTensor(layer + "mlp.ffn_sub_norm.weight", {32}));
  }
  /// All linears as float master weights without scales.
  void makeMaster() {
    std::vector<Tensor> masters;
    for (Tensor &t : tensors) {
      if (t.dtype == "U8")
        masters.push_back(floatTensor(t.name, {t.shape[0] * 4, t.shape[1]}));
      else if (t.name.find("weight_scale") == std::string::npos)
        masters.push_back(t);
    }
    tensors = masters;
  }

  TempDir dir;
  Json config = tinyConfig();
  std::vector<Tensor> tensors = tinyTensors();
};

TEST_F(HuggingFace, LlamaBitlinear) {
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.packing, Packing::HF2Bit);
  EXPECT_EQ(m.quant.scaleOp, ScaleOp::Divide);
  EXPECT_EQ(m.quant.input, InputQuant::Int8);
  EXPECT_FALSE(m.attentionSubNorm || m.ffnSubNorm || m.normBias);
  EXPECT_EQ(m.activation, Activation::SiLU);
  EXPECT_EQ(m.headDim, 16);
  EXPECT_EQ(m.ropeTheta, 500000.0);
  EXPECT_EQ(m.bosToken, 1);
  EXPECT_EQ(m.eosTokens, (std::vector<int32_t>{2}));
  EXPECT_TRUE(m.tokenizerFile.empty());
  EXPECT_EQ("/" + m.name, dir.path.substr(dir.path.rfind('/')));
  EXPECT_EQ(valueOf(importModel(dir.path + "/")).name, m.name);
}

TEST_F(HuggingFace, BitnetFamilyHasSubNormsAndItsDefaults) {
  config["model_type"] = "bitnet";
  refuse({"attn_sub_norm.weight", "is missing"});
  addSubNorms();
  for (const char *field : {"hidden_act", "rope_theta", "rms_norm_eps"})
    config.erase(field);
  Model m = valueOf(import());
  EXPECT_TRUE(m.attentionSubNorm && m.ffnSubNorm);
  EXPECT_EQ(m.activation, Activation::ReLU2);
  EXPECT_EQ(m.ropeTheta, 500000.0);
  EXPECT_EQ(m.normEps, 1e-5f);
}

TEST_F(HuggingFace, AutobitlinearMultiplies) {
  config["quantization_config"]["linear_class"] = "autobitlinear";
  EXPECT_EQ(valueOf(import()).quant.scaleOp, ScaleOp::Multiply);
}

TEST_F(HuggingFace, OnlineMeansMasterWeights) {
  makeMaster();
  refuse({"config.json", "\"bitlinear\" expects packed U8", "is F32"});
  config["quantization_config"]["linear_class"] = "autobitlinear";
  config["quantization_config"]["quantization_mode"] = "online";
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.packing, Packing::Master);
  EXPECT_EQ(m.quant.scaleOp, ScaleOp::Multiply);
}

TEST_F(HuggingFace, OldBitnetIsKnownByItsArchitecture) {
  makeMaster();
  config.erase("quantization_config");
  refuse({"\"quantization_config\"", "is missing"});
  config["architectures"] = Json::array({"BitnetForCausalLM"});
  config["weight_bits"] = 1;
  config["input_bits"] = 8;
  refuse({"attn_sub_norm.weight", "is missing"});
  std::string layer = "model.layers.0.";
  tensors.push_back(
      floatTensor(layer + "self_attn.inner_attn_ln.weight", {16}));
  tensors.push_back(floatTensor(layer + "mlp.ffn_layernorm.weight", {32}));
  Model m = valueOf(import());
  EXPECT_TRUE(m.attentionSubNorm && m.ffnSubNorm && !m.headNorm);
  EXPECT_EQ(m.activation, Activation::SiLU);
  EXPECT_EQ(m.quant.packing, Packing::Master);
  EXPECT_EQ(m.quant.scaleOp, ScaleOp::Multiply);
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  EXPECT_TRUE(m.unusedTensors.empty());
  tensors.push_back(floatTensor(layer + "mlp.ffn_sub_norm.weight", {32}));
  refuse({"mlp.ffn_sub_norm.weight", "under another name"});
  tensors.pop_back();
  config["weight_bits"] = 2;
  refuse({"\"weight_bits\"", "found 2"});
  config["weight_bits"] = 1;
  // An architecture that is not known is not a reason to guess.
  config["architectures"] = Json::array({"LlamaForCausalLM"});
  refuse({"\"input_bits\"", "not understood"});
  config.erase("weight_bits");
  config.erase("input_bits");
  config["quantization_config"] = tinyConfig()["quantization_config"];
  tensors = tinyTensors();
  tensors.push_back(
      floatTensor(layer + "self_attn.inner_attn_ln.weight", {16}));
  refuse({"attn_sub_norm.weight", "does not have"});
}

TEST_F(HuggingFace, Qwen3HasNormsOfHeads) {
  config["model_type"] = "qwen3";
  config["architectures"] = Json::array({"Qwen3ForCausalLM"});
  config["head_dim"] = 16;
  refuse({"self_attn.q_norm.weight", "is missing"});
  std::string layer = "model.layers.0.self_attn.";
  tensors.push_back(floatTensor(layer + "q_norm.weight", {16}));
  tensors.push_back(floatTensor(layer + "k_norm.weight", {16}));
  Model m = valueOf(import());
  EXPECT_TRUE(m.headNorm);
  EXPECT_FALSE(m.attentionSubNorm || m.ffnSubNorm || m.linearNorm);
  EXPECT_EQ(m.quant.packing, Packing::HF2Bit);
  makeMaster();
  config["quantization_config"]["linear_class"] = "autobitlinear";
  EXPECT_EQ(valueOf(import()).quant.packing, Packing::Master);
  config.erase("head_dim"); // 128 in transformers
  refuse({"q_norm.weight", "[128]", "[16]"});
  config["model_type"] = "llama";
  refuse({"self_attn.k_norm.weight", "does not have"});
}

TEST_F(HuggingFace, NormsOfLinears) {
  Json &quant = config["quantization_config"];
  quant["use_rms_norm"] = true;
  quant["rms_norm_eps"] = 0.5;
  refuse({"q_proj.norm.weight", "is missing"});
  const std::vector<Tensor> plain = tensors;
  auto add = [&](const std::string &suffix) {
    tensors = plain;
    for (const Tensor &t : plain)
      if (t.dtype == "U8") {
        std::string linear = t.name.substr(0, t.name.rfind('.'));
        tensors.push_back(floatTensor(linear + suffix, {t.shape[1]}));
      }
  };
  add(".rms_norm.weight");
  Model m = valueOf(import());
  EXPECT_TRUE(m.linearNorm);
  EXPECT_EQ(m.linearNormEps, 0.5f);
  EXPECT_TRUE(m.unusedTensors.empty());
  quant["use_rms_norm"] = false;
  refuse({"rms_norm.weight", "does not have"});
  quant.erase("use_rms_norm");
  quant.erase("rms_norm_eps");
  add(".norm.weight");
  m = valueOf(import());
  EXPECT_TRUE(m.linearNorm);
  EXPECT_EQ(m.linearNormEps, 1e-6f);
  // One without is a mistake somewhere.
  dropTensor(tensors, "model.layers.0.mlp.up_proj.norm.weight");
  refuse({"mlp.up_proj.norm.weight", "is missing"});
}

TEST_F(HuggingFace, WrongConfigsAreRefused) {
  struct Case {
    const char *pointer, *value;
    std::vector<std::string> parts;
  };
  const Case cases[] = {
      {"/model_type",
       "\"mamba\"",
       {"\"model_type\"", "\"bitnet\", \"llama\"", "\"mamba\""}},
      {"/model_type", "", {"\"model_type\"", "is missing"}},
      {"/quantization_config", "", {"\"quantization_config\"", "is missing"}},
      {"/quantization_config", "null", {"\"quantization_config\""}},
      {"/quantization_config/quant_method",
       "\"gptq\"",
       {"\"quantization_config.quant_method\"", "\"bitnet\"", "\"gptq\""}},
      {"/quantization_config/linear_class",
       "\"x\"",
       {"\"quantization_config.linear_class\"", "\"autobitlinear\""}},
      {"/quantization_config/rms_norm_eps",
       "-1",
       {"\"quantization_config.rms_norm_eps\"", "found -1"}},
      {"/use_sliding_window", "true", {"\"use_sliding_window\""}},
      {"/attention_bias", "true", {"\"attention_bias\"", "not supported yet"}},
      {"/mlp_bias", "true", {"\"mlp_bias\"", "not supported yet"}},
      {"/partial_rotary_factor", "0.5", {"\"partial_rotary_factor\""}},
      {"/hidden_act", "\"gelu_new\"", {"\"hidden_act\"", "\"gelu_new\""}},
      {"/hidden_size", "\"big\"", {"\"hidden_size\"", "found \"big\""}},
      {"/num_attention_heads", "3", {"\"head_dim\"", "not a multiple"}},
      {"/rope_scaling",
       R"({"rope_type": "longrope", "factor": 4})",
       {"\"rope_scaling.rope_type\"", "\"llama3\"", "\"longrope\""}},
      {"/rope_scaling", R"({"type": "linear", "factor": 4})", {"\"linear\""}},
      {"/rope_scaling",
       R"({"rope_type": "llama3"})",
       {"\"rope_scaling.factor\"", "is missing"}},
      {"/bos_token_id", "8", {"\"bos_token_id\"", "from 0 to 7"}},
      {"/eos_token_id", "[2, \"x\"]", {"\"eos_token_id\"", "found \"x\""}},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(std::string(c.pointer) + " = " + c.value);
    config = tinyConfig();
    Json::json_pointer pointer(c.pointer);
    if (*c.value)
      config[pointer] = Json::parse(c.value);
    else
      config[pointer.parent_pointer()].erase(pointer.back());
    refuse(c.parts);
    expectParts(messageOf(import()), {"config.json"});
  }
}

TEST_F(HuggingFace, RopeScalingOldAndNew) {
  Json scaling = {{"rope_type", "llama3"},
                  {"factor", 8.0},
                  {"low_freq_factor", 1.0},
                  {"high_freq_factor", 4.0},
                  {"original_max_position_embeddings", 8192}};
  std::vector<float> plain = valueOf(import()).ropeInvFreq;
  config["rope_scaling"] = scaling;
  std::vector<float> old = valueOf(import()).ropeInvFreq;
  EXPECT_NE(old, plain);
  EXPECT_EQ(old[7], plain[7] / 8);
  config.erase("rope_scaling");
  config.erase("rope_theta");
  config["rope_parameters"] = scaling;
  config["rope_parameters"]["rope_theta"] = 500000.0;
  EXPECT_EQ(valueOf(import()).ropeInvFreq, old);
  config["rope_parameters"] = {{"rope_type", "default"},
                               {"rope_theta", 500000.0}};
  EXPECT_EQ(valueOf(import()).ropeInvFreq, plain);
}

TEST_F(HuggingFace, Shards) {
  std::vector<Tensor> first(tensors.begin(), tensors.begin() + 5);
  std::vector<Tensor> second(tensors.begin() + 5, tensors.end());
  dir.write("config.json", config);
  expectParts(messageOf(importModel(dir.path)), {"neither model.safetensors"});
  dir.write("model-1.safetensors", safetensors(first));
  dir.write("model-2.safetensors", safetensors(second));
  Json index = {{"metadata", Json::object()}, {"weight_map", Json::object()}};
  for (size_t i = 0; i < tensors.size(); ++i)
    index["weight_map"][tensors[i].name] =
        i < 5 ? "model-1.safetensors" : "model-2.safetensors";
  const std::string name = "model.safetensors.index.json";
  dir.write(name, index);
  Model m = valueOf(importModel(dir.path));
  EXPECT_EQ(m.tensors.size(), tensors.size());
  EXPECT_EQ(m.tensors.at(tensors[9].name).file,
            dir.file("model-2.safetensors"));

  Json wrong = index;
  wrong["weight_map"][tensors[0].name] = "model-2.safetensors";
  dir.write(name, wrong);
  expectParts(messageOf(importModel(dir.path)),
              {name, tensors[0].name, "is not in", "model-2.safetensors"});
  for (Json file : {Json("../x.safetensors"), Json(3), Json("/etc/passwd")}) {
    wrong["weight_map"][tensors[0].name] = file;
    dir.write(name, wrong);
    expectParts(messageOf(importModel(dir.path)),
                {name, tensors[0].name, "beside the index"});
  }
  wrong["weight_map"][tensors[0].name] = "model-3.safetensors";
  dir.write(name, wrong);
  expectParts(messageOf(importModel(dir.path)), {"model-3.safetensors"});
  dir.write(name, Json{{"weight_map", 3}});
  expectParts(messageOf(importModel(dir.path)), {name, "\"weight_map\""});
}

TEST_F(HuggingFace, TokensAndTemplates) {
  dir.write("generation_config.json",
            Json{{"bos_token_id", 3}, {"eos_token_id", {4, 5}}});
  dir.write("tokenizer.model", std::string("x"));
  Model m = valueOf(import());
  EXPECT_EQ(m.bosToken, 3); // A bare SentencePiece model adds it.
  EXPECT_EQ(m.eosTokens, (std::vector<int32_t>{4, 5}));
  EXPECT_EQ(m.tokenizerFile, dir.file("tokenizer.model"));

  // The fast tokenizer's post-processor decides ...
  dir.write("tokenizer.json", Json{{"post_processor", nullptr}});
  m = valueOf(import());
  EXPECT_EQ(m.tokenizerFile, dir.file("tokenizer.json"));
  EXPECT_EQ(m.bosToken, -1);
  Json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  Json processor = {{"type", "TemplateProcessing"}, {"single", {bos, text}}};
  dir.write("tokenizer.json",
            Json{{"post_processor",
                  {{"type", "Sequence"},
                   {"processors", {{{"type", "ByteLevel"}}, processor}}}}});
  EXPECT_EQ(valueOf(import()).bosToken, 3);
  // ... unless the config says it outright.
  dir.write("tokenizer_config.json",
            Json{{"add_bos_token", false}, {"chat_template", "T"}});
  m = valueOf(import());
  EXPECT_EQ(m.bosToken, -1);
  EXPECT_EQ(m.chatTemplate, "T");

  // Texts for the template do not depend on whether a prompt begins with bos.
  dir.write("tokenizer_config.json",
            Json{{"add_bos_token", false},
                 {"bos_token", {{"content", "<s>"}, {"lstrip", false}}},
                 {"eos_token", "<|im_end|>"},
                 {"pad_token", nullptr}});
  dir.write("special_tokens_map.json",
            Json{{"eos_token", "</s>"}, {"unk_token", {{"content", "<u>"}}}});
  m = valueOf(import());
  EXPECT_EQ(m.bosToken, -1);
  EXPECT_EQ(m.templateTokens,
            (std::map<std::string, std::string>{{"bos_token", "<s>"},
                                                {"eos_token", "<|im_end|>"},
                                                {"unk_token", "<u>"}}));
  dir.write("special_tokens_map.json", Json{{"unk_token", 3}});
  refuse({"special_tokens_map.json", "\"unk_token\"", "a string"});
  std::filesystem::remove(dir.file("special_tokens_map.json"));

  Json named = {{{"name", "tool_use"}, {"template", "A"}},
                {{"name", "default"}, {"template", "B"}}};
  dir.write("tokenizer_config.json", Json{{"chat_template", named}});
  EXPECT_EQ(valueOf(import()).chatTemplate, "B");
  dir.write("chat_template.jinja", std::string("C"));
  EXPECT_EQ(valueOf(import()).chatTemplate, "C");
  std::filesystem::remove(dir.file("chat_template.jinja"));

  dir.write("tokenizer_config.json", Json{{"chat_template", 3}});
  refuse({"tokenizer_config.json", "\"chat_template\""});
  dir.write("tokenizer_config.json", Json{{"add_bos_token", "yes"}});
  refuse({"tokenizer_config.json", "\"add_bos_token\"", "found \"yes\""});
  dir.write("generation_config.json", Json{{"eos_token_id", 8}});
  refuse({"generation_config.json", "\"eos_token_id\"", "found 8"});
}

//===----------------------------------------------------------------------===//
// Other code than transformers'
//===----------------------------------------------------------------------===//

TEST_F(HuggingFace, BitLlamaIsTheFirstBitNet) {
  makeMaster();
  config.erase("quantization_config");
  config["model_type"] = "bit_llama";
  config["architectures"] = Json::array({"BitLlamaForCausalLM"});
  config["auto_map"] = Json::object();
  config["n_ctx"] = 128;
  config["bits"] = 8;
  // Earlier code of this family shifts other linears.
  refuse({"\"bitnet_type\"", "is missing"});
  config["bitnet_type"] = "1b";
  std::string layer = "model.layers.0.";
  dropTensor(tensors, layer + "input_layernorm.weight");
  dropTensor(tensors, layer + "post_attention_layernorm.weight");
  Model shape;
  shape.hiddenSize = shape.headDim = 16;
  shape.intermediateSize = 32;
  shape.numHeads = shape.numKVHeads = 1;
  const std::vector<LinearShape> linears = layerLinears(shape);
  for (const LinearShape &l : linears)
    tensors.push_back(
        floatTensor(layer + l.name + ".layernorm.weight", {l.cols}));
  Model m = valueOf(import());
  EXPECT_TRUE(m.linearNorm && m.linearNormGain && m.shiftedGate);
  EXPECT_FALSE(m.blockNorms || m.linearLayerNorm || m.normBias || m.head);
  EXPECT_EQ(m.linearNormEps, 1e-5f);
  EXPECT_EQ(m.quant.weight, WeightQuant::Binary);
  EXPECT_EQ(m.quant.range, CodeRange::Signed128);
  EXPECT_EQ(m.quant.packing, Packing::Master);
  EXPECT_TRUE(m.quant.centred);
  EXPECT_TRUE(m.unusedTensors.empty());

  // A bias makes it a LayerNorm; each linear must have one then.
  for (const LinearShape &l : linears)
    tensors.push_back(
        floatTensor(layer + l.name + ".layernorm.bias", {l.cols}));
  m = valueOf(import());
  EXPECT_TRUE(m.linearLayerNorm && m.normBias);
  dropTensor(tensors, layer + "mlp.up_proj.layernorm.bias");
  refuse({"mlp.up_proj.norm.bias", "is missing"});
  for (const LinearShape &l : linears)
    dropTensor(tensors, layer + l.name + ".layernorm.bias");

  // The head is a linear of its own kind.
  config["tie_word_embeddings"] = false;
  tensors.push_back(floatTensor("lm_head.weight", {8, 16}));
  tensors.push_back(floatTensor("lm_head.layernorm.weight", {16}));
  config["bitnet_type"] = "1.58b";
  m = valueOf(import());
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  EXPECT_FALSE(m.quant.centred || m.shiftedGate);
  ASSERT_TRUE(m.headInputNorm && m.head);
  EXPECT_EQ(m.head->weight, WeightQuant::Binary);
  EXPECT_EQ(m.headInputNormEps, 1e-6f);
  config["bits"] = 4;
  refuse({"\"bits\"", "found 4"});
}

TEST_F(HuggingFace, SimpleNormsAreScales) {
  makeMaster();
  for (Tensor &t : tensors) // Not all alike: +3, -1, +1, -1 ..., mean 0.5
    if (t.name.find("_proj.weight") != std::string::npos)
      t = floatTensor(t.name, t.shape, [](size_t i) {
        return i % 4 == 0 ? 3.0f : i % 4 == 2 ? 1.0f : -1.0f;
      });
  config["quantization_config"]["linear_class"] = "kyegomez";
  Model m = valueOf(import());
  EXPECT_TRUE(m.linearNorm && !m.linearNormGain && m.blockNorms);
  EXPECT_EQ(m.rope, RopeKind::Half);
  std::string up = "model.layers.0.mlp.up_proj";
  QuantizedMatrix w = valueOf(WeightReader(m).readLinear(up));
  EXPECT_EQ(w.scale, (std::vector<float>{1.5f / 16}));
  EXPECT_EQ(w.codes[0], 1);
  EXPECT_EQ(w.codes[1], -1);
  EXPECT_EQ(w.codes[2], 1);
  // sign(0) is 0.
  for (Tensor &t : tensors)
    if (t.name.find("_proj.weight") != std::string::npos)
      t = floatTensor(t.name, t.shape);
  w = valueOf(WeightReader(valueOf(import())).readLinear(up));
  EXPECT_EQ(w.codes, std::vector<int8_t>(32 * 16, 0));

  config["quantization_config"]["linear_class"] = "bitllama2.c";
  dropTensor(tensors, "model.layers.0.input_layernorm.weight");
  dropTensor(tensors, "model.layers.0.post_attention_layernorm.weight");
  m = valueOf(import());
  EXPECT_FALSE(m.blockNorms || m.quant.centred);
  EXPECT_EQ(m.rope, RopeKind::Interleaved);
  w = valueOf(WeightReader(m).readLinear(up));
  EXPECT_EQ(w.codes, std::vector<int8_t>(32 * 16, 1));
  EXPECT_EQ(w.scale, (std::vector<float>{1.0f / 16}));
}

//===----------------------------------------------------------------------===//
// Weights that are of few bits already
//===----------------------------------------------------------------------===//

/// A Qwen3 of width 128 with weights -s, 0 and s, s = 1 + column / 64.
class Bonsai : public HuggingFace {
protected:
  static float value(size_t i) {
    return (float(i % 3) - 1) * (1 + float(i % 128 / 64));
  }
  static float sign(size_t i) { return i % 3 ? 0.5f : -0.5f; }

  Bonsai() {
    config = tinyConfig();
    config.erase("quantization_config");
    config["model_type"] = "qwen3";
    config["hidden_size"] = config["intermediate_size"] = 128;
    config["num_attention_heads"] = config["num_key_value_heads"] = 8;
    config["head_dim"] = 16;
    config["layer_types"] = Json::array({"full_attention"});
    tensors.clear();
    add("model.embed_tokens", 8);
    tensors.push_back(floatTensor("model.norm.weight", {128}));
    for (const char *norm : {"input_layernorm", "post_attention_layernorm"})
      tensors.push_back(floatTensor(layer + norm + ".weight", {128}));
    for (const char *norm : {"q_norm", "k_norm"})
      tensors.push_back(
          floatTensor(layer + "self_attn." + norm + ".weight", {16}));
    for (const char *name :
         {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
          "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})
      add(layer + name, 128);
  }
  void add(const std::string &name, int64_t rows) {
    tensors.push_back(floatTensor(name + ".weight", {rows, 128}, value));
  }
  void each(const std::function<void(Tensor &, const std::string &)> &change) {
    std::vector<Tensor> matrices;
    for (Tensor &t : tensors)
      if (t.shape.size() == 2)
        matrices.push_back(t);
    for (Tensor &t : matrices)
      change(t, t.name.substr(0, t.name.size() - 7));
  }

  const std::string layer = "model.layers.0.";
  const std::string q = layer + "self_attn.q_proj";
};

TEST_F(Bonsai, Floats) {
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.packing, Packing::Exact);
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  EXPECT_EQ(m.quant.group, 64); // Found: two scales in 128 columns.
  EXPECT_EQ(m.quant.input, InputQuant::Int16);
  EXPECT_FALSE(m.quant.halfScales); // F32
  ASSERT_TRUE(m.embedding);
  EXPECT_EQ(m.embedding->group, 64);
  WeightReader reader(m);
  for (const std::string &name : {q, std::string("model.embed_tokens")}) {
    QuantizedMatrix w = valueOf(reader.readLinear(name, 2, 8));
    ASSERT_EQ(w.rows, 6);
    ASSERT_EQ(w.scale.size(), 12u);
    for (size_t i = 0; i < w.codes.size(); ++i)
      ASSERT_EQ(float(w.codes[i]) * w.scale[i / 64], value(2 * 128 + i)) << i;
  }
  // An embedding that is not so stays float.
  tensorNamed(tensors, "model.embed_tokens.weight") = floatTensor(
      "model.embed_tokens.weight", {8, 128}, [](size_t i) { return float(i); });
  EXPECT_FALSE(valueOf(import()).embedding);
}

TEST_F(Bonsai, BinaryFloats) {
  each([&](Tensor &t, const std::string &) {
    tensorNamed(tensors, t.name) = floatTensor(t.name, t.shape, sign);
  });
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.weight, WeightQuant::Binary);
  EXPECT_EQ(m.quant.group, 128);
  EXPECT_EQ(m.embedding->weight, WeightQuant::Binary);
  // A group of zeros has any signs; a zero among others is an error where the
  // model is binary, with its place.
  std::string up = layer + "mlp.up_proj";
  tensorNamed(tensors, up + ".weight") =
      floatTensor(up + ".weight", {128, 128},
                  [](size_t i) { return i / 128 == 3 ? 0.0f : sign(i); });
  QuantizedMatrix w =
      valueOf(WeightReader(valueOf(import())).readLinear(up, 3, 4));
  EXPECT_EQ(w.scale, std::vector<float>{0});
  EXPECT_EQ(w.codes[7] * w.codes[7], 1);
  tensorNamed(tensors, up + ".weight") =
      floatTensor(up + ".weight", {128, 128},
                  [](size_t i) { return i == 3 * 128 + 9 ? 0.0f : sign(i); });
  expectParts(messageOf(WeightReader(valueOf(import())).readLinear(up)),
              {"\"" + up + ".weight\"", "row 3, columns 0 to 127",
               "expected -s and s", "found -0.5, 0.5, 0"});
}

TEST_F(Bonsai, OtherFloatsAreRefused) {
  tensorNamed(tensors, q + ".weight") =
      floatTensor(q + ".weight", {128, 128}, [](size_t i) {
        return i / 128 == 5 && i % 128 == 70 ? 1.5f : value(i);
      });
  refuse({"config.json", "\"quantization_config\": is missing",
          "\"" + q + ".weight\"", "row 0, columns 0 to 127",
          "expected -s, 0 and s", "found -1, 0, 1, 2, -2"});
  // Later ones, when they are read.
  std::string up = layer + "mlp.up_proj";
  add(q, 128);
  tensors.erase(std::find_if(tensors.begin(), tensors.end(), [&](Tensor &t) {
    return t.name == q + ".weight";
  }));
  tensorNamed(tensors, up + ".weight") =
      floatTensor(up + ".weight", {128, 128}, [](size_t i) {
        return i / 128 == 5 && i % 128 == 70 ? NAN : value(i);
      });
  expectParts(messageOf(WeightReader(valueOf(import())).readLinear(up)),
              {"\"" + up + ".weight\"", "row 5, columns 64 to 127", "nan"});
}

TEST_F(Bonsai, Mlx) {
  config["quantization"] = {{"group_size", 64}, {"bits", 2}};
  config["quantization_config"] = config["quantization"];
  each([&](Tensor &t, const std::string &name) {
    std::string words(size_t(t.shape[0] * 32), '\0');
    for (size_t i = 0; i < size_t(t.shape[0] * 128); ++i)
      words[i / 4] |= char(i % 3 << 2 * (i % 4));
    tensorNamed(tensors, t.name) = {t.name, "U32", {t.shape[0], 8}, words};
    std::vector<uint16_t> scales, biases;
    for (int64_t i = 0; i < t.shape[0] * 2; ++i) {
      scales.push_back(i % 2 ? 0x4000 : 0x3c00); // 1, 2
      biases.push_back(scales.back() | 0x8000);
    }
    tensors.push_back(
        {name + ".scales", "F16", {t.shape[0], 2}, bytesOf(scales)});
    tensors.push_back(
        {name + ".biases", "F16", {t.shape[0], 2}, bytesOf(biases)});
  });
  Model m = valueOf(import());
  EXPECT_EQ(m.quant.packing, Packing::Mlx);
  EXPECT_TRUE(m.quant.halfScales && m.embedding && m.embedding->halfScales);
  WeightReader reader(m);
  for (const std::string &name : {q, std::string("model.embed_tokens")}) {
    QuantizedMatrix w = valueOf(reader.readLinear(name, 1, 3));
    for (size_t i = 0; i < w.codes.size(); ++i)
      ASSERT_EQ(float(w.codes[i]) * w.scale[i / 64], value(128 + i)) << i;
  }
  Tensor &words = tensorNamed(tensors, q + ".weight");
  words.bytes[4 * 32 + 20] = char(0xff); // Code 3 is 2s.
  expectParts(
      messageOf(WeightReader(valueOf(import())).readLinear(q)),
      {"\"" + q + ".weight\"", "row 4, columns 64 to 127", "-2, 0, 2, 4"});
  tensorNamed(tensors, q + ".biases").shape = {2, 128};
  refuse({q + ".biases", "[128, 2]", "[2, 128]"});
  config["quantization"]["bits"] = 4;
  refuse({"\"quantization.bits\"", "found 4"});
  config["quantization"] = {{"group_size", 64}, {"bits", 2}, {"mode", "mxfp4"}};
  refuse({"\"quantization.mode\"", "\"mxfp4\""});
}

TEST_F(HuggingFace, Yarn) {
  std::vector<float> plain = valueOf(import()).ropeInvFreq;
  config["rope_theta"] = 500000.0;
  config["rope_scaling"] = {{"rope_type", "yarn"},
                            {"factor", 4.0},
                            {"original_max_position_embeddings", 32}};
  Model m = valueOf(import());
  // ln(32 / 2 pi) / ln(500000) * 8 = 0.99: above it all are divided.
  EXPECT_EQ(m.ropeInvFreq[0], plain[0]);
  EXPECT_FLOAT_EQ(m.ropeInvFreq[1], plain[1] / 4);
  EXPECT_FLOAT_EQ(m.ropeInvFreq[7], plain[7] / 4);
  EXPECT_FLOAT_EQ(m.ropeMagnitude, 1.1386294f);
  config["rope_scaling"]["attention_factor"] = 1.0;
  EXPECT_EQ(valueOf(import()).ropeMagnitude, 1.0f);
  config["rope_scaling"]["mscale"] = 0.7;
  refuse({"\"rope_scaling.mscale\"", "not understood"});
}

//===----------------------------------------------------------------------===//
// What nobody understands
//===----------------------------------------------------------------------===//

TEST_F(HuggingFace, UnknownFieldsAndTensorsAreRefused) {
  config["logit_softcap"] = 30.0;
  refuse({"config.json", "\"logit_softcap\"", "not understood"});
  config["logit_softcap"] = nullptr; // Not set.
  valueOf(import());
  config["quantization_config"]["group_size"] = 64;
  refuse({"\"quantization_config.group_size\"", "not understood"});
  config["quantization_config"].erase("group_size");
  config["layer_types"] = Json::array({"sliding_attention"});
  refuse({"\"layer_types\"", "full_attention"});
  config.erase("layer_types");
  tensors.push_back(
      floatTensor("model.layers.0.self_attn.rotary_emb.inv_freq", {8}));
  EXPECT_EQ(valueOf(import()).unusedTensors.size(), 1u);
  tensors.push_back(floatTensor("model.layers.0.self_attn.sinks", {1}));
  refuse({"model.safetensors", "\"model.layers.0.self_attn.sinks\"",
          "not understood"});
}

/// One model, exported with either convention of the scale.
TEST(RealModels, BothConventionsMeanTheSameWeights) {
  const std::string models =
      BITNETC_SHARED_DATA "/models/bitllama-tinystories-3M-hf-";
  if (!std::filesystem::exists(models + "bitlinear"))
    GTEST_SKIP() << models << "bitlinear is absent";
  Model divide = valueOf(importModel(models + "bitlinear"));
  Model multiply = valueOf(importModel(models + "autobitlinear"));
  EXPECT_EQ(divide.quant.scaleOp, ScaleOp::Divide);
  EXPECT_EQ(multiply.quant.scaleOp, ScaleOp::Multiply);
  EXPECT_TRUE(divide.attentionSubNorm);
  EXPECT_EQ(divide.normEps, 1e-12f);
  EXPECT_EQ(divide.bosToken, 1);
  EXPECT_TRUE(divide.unusedTensors.empty());
  WeightReader a(divide), b(multiply);
  for (int64_t layer = 0; layer < divide.numLayers; ++layer)
    for (const LinearShape &linear : layerLinears(divide)) {
      std::string name = layerName(layer, linear.name);
      QuantizedMatrix x = valueOf(a.readLinear(name));
      QuantizedMatrix y = valueOf(b.readLinear(name));
      EXPECT_EQ(x.codes, y.codes) << name;
      ASSERT_EQ(x.scale.size(), 1u);
      EXPECT_NEAR(x.scale[0] / y.scale[0], 1, 1e-6) << name;
    }
  EXPECT_EQ(valueOf(a.readFloat("model.embed_tokens.weight")),
            valueOf(b.readFloat("model.embed_tokens.weight")));
}

} // namespace
