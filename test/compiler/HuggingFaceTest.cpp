//===- HuggingFaceTest.cpp - Importing Hugging Face directories -----------===//
//
// Synthetic directories for each convention of the config, and two exports of
// one real model that must mean the same weights.
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"
#include "compiler/WeightReader.h"
#include <filesystem>

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
       R"({"rope_type": "yarn", "factor": 4})",
       {"\"rope_scaling.rope_type\"", "\"llama3\"", "\"yarn\""}},
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
