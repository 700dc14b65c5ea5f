//===- HuggingFace.cpp - Importing a Hugging Face directory ---------------===//
//
// config.json + model.safetensors (or shards with an index), as transformers,
// mlx_lm and the code of a few papers write them. What differs between model
// families is one row of a table: norms inside the blocks, whose code computes
// the linears, and the defaults that the config classes fill in for absent
// fields. How linears quantise is in HuggingFaceLinears.cpp.
//
//===----------------------------------------------------------------------===//
#include "HuggingFaceLinears.h"
#include "ModelImport.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace bitnetc {

namespace {

/// A family of models and its defaults in transformers.
struct Family {
  StringRef modelType;
  /// If not empty: known by this entry of "architectures", whatever the
  /// model_type.
  StringRef architecture;
  LinearCode linears;
  bool subNorms;
  bool headNorm;
  int64_t headDim; ///< 0: what the heads share of hidden_size.
  double ropeTheta;
  double normEps;
  Activation activation;
};

constexpr Family families[] = {
    {"llama", "BitnetForCausalLM", LinearCode::OneBitLLM, true, false, 0,
     10000.0, 1e-6, Activation::SiLU},
    {"bitnet", "", LinearCode::Transformers, true, false, 0, 500000.0, 1e-5,
     Activation::ReLU2},
    {"llama", "", LinearCode::Transformers, false, false, 0, 10000.0, 1e-6,
     Activation::SiLU},
    {"qwen3", "", LinearCode::Transformers, false, true, 128, 10000.0, 1e-6,
     Activation::SiLU},
    {"bit_llama", "", LinearCode::BitLlama, false, false, 0, 10000.0, 1e-6,
     Activation::SiLU},
};

/// Fields of transformers' configs, and of what trains and converts, that say
/// nothing about the logits of a decoder. Any other field that is not read is
/// an error: it could change the model.
constexpr StringRef harmless[] = {
    "_attn_implementation",
    "_commit_hash",
    "_name_or_path",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "length_penalty",
    "max_length",
    "max_window_layers",
    "min_length",
    "model_name",
    "n_ctx",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "sliding_window",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_mambapy",
};

std::string inside(StringRef directory, StringRef name) {
  SmallString<128> path = directory;
  sys::path::append(path, name);
  return path.str().str();
}

const Family *findFamily(JsonFields &config) {
  std::string type = config.string("model_type");
  const Json *names = config.raw("architectures");
  std::string known;
  for (const Family &family : families) {
    if (!family.architecture.empty()) {
      // (is_contained would take the list for a set of keys.)
      if (names && names->is_array() &&
          find(*names, Json(family.architecture.str())) != names->end())
        return &family;
      continue;
    }
    if (family.modelType == type)
      return &family;
    known += (known.empty() ? "\"" : ", \"") + family.modelType.str() + "\"";
  }
  config.fail("model_type",
              "expected one of " + known + ", found \"" + type + "\"");
  return nullptr;
}

void readShape(JsonFields &c, const Family &family, Model &m) {
  m.vocabSize = c.integer("vocab_size", 1, limits::vocab);
  m.hiddenSize = c.integer("hidden_size", 1, limits::width);
  m.intermediateSize = c.integer("intermediate_size", 1, limits::intermediate);
  m.numLayers = c.integer("num_hidden_layers", 1, limits::layers);
  m.numHeads = c.integer("num_attention_heads", 1, limits::heads);
  m.numKVHeads = c.integer("num_key_value_heads", 1, limits::heads, m.numHeads);
  if (!c.has("head_dim") && !family.headDim && m.hiddenSize % m.numHeads)
    c.fail("head_dim", "is missing, and hidden_size is not a multiple of "
                       "num_attention_heads");
  int64_t share = std::max<int64_t>(1, m.hiddenSize / m.numHeads);
  m.headDim = c.integer("head_dim", 1, limits::headDim,
                        family.headDim ? family.headDim : share);
  m.maxPosition =
      c.integer("max_position_embeddings", 1, limits::positions, 2048);
  m.normEps = float(c.number("rms_norm_eps", 0, 1, family.normEps));
  m.attentionSubNorm = m.ffnSubNorm = family.subNorms;
  m.headNorm = family.headNorm;
  m.activation = c.choice<Activation>("hidden_act", activationChoices(),
                                      family.activation);
  m.tiedHead = c.boolean("tie_word_embeddings", false);
}

/// transformers 5 puts theta and scaling together into rope_parameters.
void readRope(JsonFields &c, const Family &family, Model &m) {
  m.rope = RopeKind::Half;
  bool together = c.has("rope_parameters");
  StringRef name = together ? "rope_parameters" : "rope_scaling";
  double theta = c.number("rope_theta", 1, 1e12, family.ropeTheta);
  std::optional<RopeScaling> scaling;
  if (c.has(name)) {
    JsonFields s = c.object(name);
    if (together)
      theta = s.number("rope_theta", 1, 1e12, theta);
    std::string type =
        s.string("rope_type", s.string("type", together ? "default" : ""));
    if (type == "llama3")
      scaling = readRopeScaling(s, RopeScaling::Kind::Llama3, m.maxPosition);
    else if (type == "yarn")
      scaling = readRopeScaling(s, RopeScaling::Kind::Yarn, m.maxPosition);
    else if (type != "default")
      s.fail("rope_type",
             "expected \"llama3\", \"yarn\" or \"default\", found \"" + type +
                 "\"");
  }
  m.ropeTheta = theta;
  setRopeFrequencies(m, scaling);
}

/// Switches of transformers that change the computation and are not done here.
void refuseUnsupported(JsonFields &c) {
  if (const Json *types = c.raw("layer_types"))
    for (const Json &type : *types)
      if (type != "full_attention")
        c.fail("layer_types", "layers with anything but \"full_attention\" are "
                              "not supported yet");
  for (StringRef name : {"attention_bias", "mlp_bias"})
    if (c.boolean(name, false))
      c.fail(name, "linears with a bias are not supported yet");
  if (c.number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
    c.fail("partial_rotary_factor", "is not supported yet");
  if (c.boolean("use_sliding_window", false))
    c.fail("use_sliding_window", "is not supported yet");
}

Error addTensors(Model &m, StringRef directory) {
  std::string single = inside(directory, "model.safetensors");
  if (sys::fs::exists(single))
    return addSafetensors(m, single);
  std::string index = inside(directory, "model.safetensors.index.json");
  if (sys::fs::exists(index))
    return addShardedSafetensors(m, index);
  return fileError(directory, "holds neither model.safetensors nor "
                              "model.safetensors.index.json");
}

} // namespace

Expected<Model> importHuggingFace(StringRef directory,
                                  const ImportOptions &options) {
  std::string file = inside(directory, "config.json");
  auto document = readJsonFile(file);
  if (!document)
    return document.takeError();
  JsonFields config(*document, file, JsonFields::Mode::Foreign);
  config.ignore(harmless);
  config.ignore(std::vector<StringRef>(options.ignoredFields.begin(),
                                       options.ignoredFields.end()));

  Model model;
  SmallString<128> absolute = directory;
  sys::fs::make_absolute(absolute);
  sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  model.name = sys::path::filename(absolute).str();

  const Family *family = findFamily(config);
  if (!family)
    return config.finish();
  readShape(config, *family, model);
  readRope(config, *family, model);
  LinearConfig linears = readLinearConfig(config, family->linears);
  refuseUnsupported(config);
  if (Error error = config.finish())
    return error;

  if (Error error = addTensors(model, directory))
    return error;
  if (Error error = setLinears(model, linears, file))
    return error;
  if (Error error = importHuggingFaceTokenizer(model, directory, config))
    return error;
  return model;
}

} // namespace bitnetc
