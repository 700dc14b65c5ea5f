//===- TestFiles.cpp - Files and models for the tests ---------------------===//
//
// See TestFiles.h.
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"
#include <filesystem>
#include <fstream>
#include <stdlib.h>

namespace bitnetc::test {

TempDir::TempDir() {
  std::string name =
      (std::filesystem::temp_directory_path() / "bitnetc-test-XXXXXX").string();
  if (!mkdtemp(name.data()))
    ADD_FAILURE() << "no temporary folder";
  path = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string TempDir::write(const std::string &name,
                           const std::string &bytes) const {
  std::ofstream(file(name), std::ios::binary) << bytes;
  return file(name);
}

Tensor floatTensor(const std::string &name, std::vector<int64_t> shape,
                   float (*value)(size_t)) {
  size_t count = 1;
  for (int64_t extent : shape)
    count *= size_t(extent);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = value(i);
  return {name, "F32", std::move(shape), bytesOf(values)};
}

std::string safetensors(const std::vector<Tensor> &tensors) {
  Json header = Json::object();
  std::string data;
  for (const Tensor &t : tensors) {
    size_t begin = data.size();
    data += t.bytes;
    header[t.name] = {{"dtype", t.dtype},
                      {"shape", t.shape},
                      {"data_offsets", {begin, data.size()}}};
  }
  header["__metadata__"] = {{"format", "pt"}};
  return rawSafetensors(header.dump(), data);
}

std::string rawSafetensors(const std::string &header, const std::string &data) {
  return bytesOf<uint64_t>({header.size()}) + header + data;
}

Json tinyModelJson() {
  return Json::parse(R"({
    "format": "bitnetc-model", "version": 1, "name": "tiny",
    "vocab_size": 8, "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 1, "num_attention_heads": 1,
    "num_key_value_heads": 1, "head_dim": 16,
    "max_position_embeddings": 64,
    "norm": {"kind": "rms_norm", "eps": 1e-5, "bias": false},
    "sub_norms": {"attention": false, "ffn": false},
    "hidden_act": "silu", "gated_ffn": true,
    "rope": {"kind": "half", "theta": 10000.0},
    "tie_word_embeddings": true,
    "quantization": {"weight": "ternary", "activation": "int8",
                     "scale": "tensor", "scale_op": "divide",
                     "packing": "hf_2bit"},
    "tensors": ["model.safetensors"]
  })");
}

std::vector<Tensor> tinyTensors() {
  std::vector<Tensor> tensors = {
      floatTensor("model.embed_tokens.weight", {8, 16}),
      floatTensor("model.norm.weight", {16}),
      floatTensor("model.layers.0.input_layernorm.weight", {16}),
      floatTensor("model.layers.0.post_attention_layernorm.weight", {16}),
  };
  struct Linear {
    const char *name;
    int64_t rows, cols;
  };
  const Linear linears[] = {
      {"self_attn.q_proj", 16, 16}, {"self_attn.k_proj", 16, 16},
      {"self_attn.v_proj", 16, 16}, {"self_attn.o_proj", 16, 16},
      {"mlp.gate_proj", 32, 16},    {"mlp.up_proj", 32, 16},
      {"mlp.down_proj", 16, 32},
  };
  for (const Linear &l : linears) {
    std::string name = std::string("model.layers.0.") + l.name;
    // 0x92: the codes 2, 0, 1, 2 of four rows.
    tensors.push_back({name + ".weight",
                       "U8",
                       {l.rows / 4, l.cols},
                       std::string(size_t(l.rows / 4 * l.cols), '\x92')});
    tensors.push_back(
        floatTensor(name + ".weight_scale", {1}, [](size_t) { return 4.0f; }));
  }
  return tensors;
}

Tensor &tensorNamed(std::vector<Tensor> &tensors, const std::string &name) {
  for (Tensor &t : tensors)
    if (t.name == name)
      return t;
  ADD_FAILURE() << "no tensor " << name;
  return tensors[0];
}

void dropTensor(std::vector<Tensor> &tensors, const std::string &name) {
  std::erase_if(tensors, [&](const Tensor &t) { return t.name == name; });
}

Json tinyConfig() {
  return Json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "vocab_size": 8, "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 1, "num_attention_heads": 1,
    "num_key_value_heads": 1, "hidden_act": "silu",
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0, "rope_scaling": null,
    "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2,
    "head_dim": null,
    "quantization_config": {"quant_method": "bitnet",
                            "modules_to_not_convert": null}
  })");
}

void expectParts(const std::string &message,
                 const std::vector<std::string> &parts) {
  for (const std::string &part : parts)
    EXPECT_NE(message.find(part), std::string::npos)
        << "\"" << part << "\" is not in: " << message;
}

} // namespace bitnetc::test
