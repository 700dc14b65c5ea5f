//===- SchemaTest.cpp - model.schema.json says what the reader does -------===//
//
// The schema is for editors and other people's validators, the reader for us:
// this keeps them from drifting apart. Names and choices are compared one by
// one, and a set of documents is judged by both, the schema through the small
// part of JSON Schema that it uses.
//
//===----------------------------------------------------------------------===//
#include "TestFiles.h"
#include "compiler/ModelImport.h"
#include <cmath>
#include <fstream>

using namespace bitnetc;
using bitnetc::test::TempDir;

namespace {

/// Puts what "$ref" points at in its place, beside the description.
void resolve(Json &node, const Json &root) {
  if (node.is_object() && node.contains("$ref")) {
    const std::string pointer = node["$ref"].get<std::string>().substr(1);
    Json target = root.at(Json::json_pointer(pointer));
    target["description"] = node.at("description");
    node = target;
  }
  for (Json &child : node)
    if (child.is_structured())
      resolve(child, root);
}

Json loadSchema() {
  std::ifstream file(BITNETC_SOURCE_DIR "/compiler/model.schema.json");
  Json schema = Json::parse(file);
  const Json root = schema;
  resolve(schema, root);
  return schema;
}

/// The properties of an object schema, nested ones as dotted paths.
void collect(const Json &schema, const std::string &prefix,
             std::map<std::string, Json> &out) {
  for (auto &item : schema.at("properties").items()) {
    out[prefix + item.key()] = item.value();
    if (item.value().contains("properties"))
      collect(item.value(), prefix + item.key() + ".", out);
  }
}

TEST(Schema, NamesAndChoicesAreTheReaders) {
  std::map<std::string, Json> properties;
  collect(loadSchema(), "", properties);
  std::set<std::string> accepted;
  for (const AcceptedField &field : modelJsonFields()) {
    accepted.insert(field.path);
    ASSERT_TRUE(properties.count(field.path))
        << field.path << " is not in the schema";
    const Json &property = properties[field.path];
    EXPECT_EQ(Json(field.choices), property.value("enum", Json::array()))
        << field.path;
    EXPECT_TRUE(property.contains("description")) << field.path;
  }
  for (auto &[path, property] : properties)
    EXPECT_TRUE(accepted.count(path)) << path << " is not read";
}

bool isType(const Json &value, const std::string &type) {
  if (type == "integer")
    return value.is_number() &&
           value.get<double>() == std::floor(value.get<double>());
  if (type == "number")
    return value.is_number();
  return (type == "string" && value.is_string()) ||
         (type == "boolean" && value.is_boolean()) ||
         (type == "array" && value.is_array()) ||
         (type == "object" && value.is_object());
}

bool valid(const Json &schema, const Json &value);

/// One keyword of a schema. An unknown one fails the test: the schema must not
/// say more than is checked here.
bool holds(const Json &schema, const std::string &keyword, const Json &rule,
           const Json &value) {
  static const std::set<std::string> notes = {"$schema", "title", "description",
                                              "default", "then"};
  if (notes.count(keyword))
    return true;
  if (keyword == "type")
    return isType(value, rule);
  if (keyword == "enum")
    return std::find(rule.begin(), rule.end(), value) != rule.end();
  if (keyword == "minimum")
    return !value.is_number() || value >= rule;
  if (keyword == "maximum")
    return !value.is_number() || value <= rule;
  if (keyword == "multipleOf")
    return !value.is_number_integer() ||
           value.get<int64_t>() % rule.get<int64_t>() == 0;
  if (keyword == "minItems")
    return !value.is_array() || value.size() >= rule;
  if (keyword == "items")
    return !value.is_array() ||
           std::all_of(value.begin(), value.end(),
                       [&](const Json &v) { return valid(rule, v); });
  if (keyword == "required")
    return !value.is_object() ||
           std::all_of(rule.begin(), rule.end(), [&](const Json &name) {
             return value.contains(name.get<std::string>());
           });
  if (keyword == "properties") {
    for (auto &item : rule.items())
      if (value.is_object() && value.contains(item.key()) &&
          !valid(item.value(), value[item.key()]))
        return false;
    return true;
  }
  if (keyword == "additionalProperties") {
    if (value.is_object())
      for (auto &item : value.items())
        if (!schema["properties"].contains(item.key()))
          return false;
    return true;
  }
  if (keyword == "allOf")
    return std::all_of(rule.begin(), rule.end(),
                       [&](const Json &s) { return valid(s, value); });
  if (keyword == "anyOf")
    return std::any_of(rule.begin(), rule.end(),
                       [&](const Json &s) { return valid(s, value); });
  if (keyword == "if")
    return !valid(rule, value) || valid(schema["then"], value);
  ADD_FAILURE() << "keyword " << keyword << " is not known to this test";
  return false;
}

bool valid(const Json &schema, const Json &value) {
  for (auto &item : schema.items())
    if (!holds(schema, item.key(), item.value(), value))
      return false;
  return true;
}

struct Change {
  const char *pointer, *value; ///< An empty value removes the field.
};

/// Changes to a correct document; some keep it correct. Only the words of the
/// document count: files and tensors that it names fit it.
const Change changes[] = {
    {"/name", "\"other\""},
    {"/format", "\"gguf\""},
    {"/format", ""},
    {"/version", "1.0"},
    {"/version", "0"},
    {"/version", "2"},
    {"/version", "\"1\""},
    {"/extra", "1"},
    {"/name", ""},
    {"/name", "3"},
    {"/vocab_size", "0"},
    {"/vocab_size", "4194305"},
    {"/vocab_size", "8.5"},
    {"/vocab_size", "8.0"},
    {"/hidden_size", "26"},
    {"/hidden_size", "131088"},
    {"/intermediate_size", "524304"},
    {"/intermediate_size", "null"},
    {"/num_hidden_layers", "1025"},
    {"/num_attention_heads", "0"},
    {"/num_key_value_heads", ""},
    {"/head_dim", "1040"},
    {"/head_dim", "20"},
    {"/max_position_embeddings", "16777216"},
    {"/max_position_embeddings", "16777217"},
    {"/norm", "{}"},
    {"/norm/kind", "\"layer\""},
    {"/norm/eps", "0"},
    {"/norm/eps", "1.5"},
    {"/norm/kind", "\"layer_norm\""},
    {"/norm/blocks", "true"},
    {"/norm/blocks", "1"},
    {"/norm/bias", ""},
    {"/norm/bias", "0"},
    {"/norm/extra", "0"},
    {"/sub_norms/ffn", ""},
    {"/sub_norms", "[]"},
    {"/sub_norms/heads", "false"},
    {"/sub_norms/linears", "1"},
    {"/sub_norms/linears_eps", "0.001"},
    {"/sub_norms/linears_eps", "-1"},
    {"/sub_norms/linears_kind", "\"layer_norm\""},
    {"/sub_norms/linears_kind", "\"none\""},
    {"/sub_norms/linears_gain", "false"},
    {"/hidden_act", "\"gelu\""},
    {"/hidden_act", "\"swish\""},
    {"/gated_ffn", "1"},
    {"/rope/kind", "\"none\""},
    {"/rope/kind", "\"interleaved\""},
    {"/rope/kind", ""},
    {"/rope/theta", ""},
    {"/rope/theta", "0"},
    {"/rope/theta", "10000"},
    {"/rope/scaling", "null"},
    {"/rope/scaling", "{}"},
    {"/rope/scaling",
     R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
         "high_freq_factor": 4, "original_max_position_embeddings": 32})"},
    {"/rope/scaling",
     R"({"rope_type": "llama3", "factor": 0.5, "low_freq_factor": 1,
         "high_freq_factor": 4, "original_max_position_embeddings": 32})"},
    {"/rope/scaling",
     R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "beta": 1,
         "high_freq_factor": 4, "original_max_position_embeddings": 32})"},
    {"/rope/scaling", R"({"rope_type": "yarn", "factor": 4})"},
    {"/rope/scaling",
     R"({"rope_type": "yarn", "factor": 4, "beta_fast": 16, "beta_slow": 2,
         "attention_factor": 1, "original_max_position_embeddings": 32})"},
    {"/rope/scaling", R"({"rope_type": "yarn", "factor": 4, "mscale": 1})"},
    {"/tie_word_embeddings", "\"yes\""},
    {"/quantization", ""},
    {"/quantization/weight", "\"binary\""},
    {"/quantization/weight", "\"float\""},
    {"/quantization/activation", "\"none\""},
    {"/quantization/activation", "\"sign\""},
    {"/quantization/activation", "\"int16\""},
    {"/quantization/activation", "\"bit\""},
    {"/quantization/activations", R"({"q_proj": "sign", "up_proj": "int16"})"},
    {"/quantization/activations", R"({"down_proj": "ternary"})"},
    {"/quantization/activations", R"({"down_proj": "int4"})"},
    {"/quantization/activations", R"({"lm_head": "sign"})"},
    {"/quantization/activations", "\"sign\""},
    {"/quantization/token_scale", "true"},
    {"/quantization/token_scale", "1"},
    {"/quantization/activation_range", "\"signed128\""},
    {"/quantization/activation_range", "\"signed127\""},
    {"/quantization/activation_range", "\"shifted128\""},
    {"/quantization/shifted_gate", "true"},
    {"/quantization/shifted_gate", "\"yes\""},
    {"/quantization/scale_over_columns", "true"},
    {"/quantization/packing", "\"exact\""},
    {"/quantization/packing", "\"mlx\""},
    {"/quantization/packing", "\"bits\""},
    {"/quantization/packing", "\"master\""},
    {"/quantization/scale", "\"group\""},
    {"/quantization/group_size", "8"},
    {"/quantization/group_size", "2"},
    {"/quantization/centred", "true"},
    {"/quantization/centred", "false"},
    {"/quantization/scale_op", "\"multiply\""},
    {"/quantization/scale_op", "\"add\""},
    {"/tensors", "[]"},
    {"/tensors", "\"model.safetensors\""},
    {"/tensors", "[3]"},
    {"/tokenizer", "3"},
    {"/chat_template", "[]"},
    {"/generation", "{}"},
    {"/generation", "[]"},
    {"/generation", R"({"bos_token_id": 1, "eos_token_id": 2})"},
    {"/generation", R"({"eos_token_id": [1, 2]})"},
    {"/generation", R"({"eos_token_id": ["a"]})"},
    {"/generation", R"({"bos_token_id": -1})"},
    {"/generation", R"({"pad_token_id": 0})"},
    {"/kv_cache", "\"f16\""},
    {"/kv_cache", "\"i8\""},
    {"/kv_cache", "\"b1\""},
    {"/kv_cache", "\"f32\""},
    {"/score_scale", "false"},
    {"/score_scale", "true"},
    {"/score_scale", "1"},
};

TEST(Schema, JudgesLikeTheReader) {
  const Json schema = loadSchema();
  TempDir dir;
  dir.write("model.safetensors", test::safetensors(test::tinyTensors()));
  int good = 0, bad = 0;
  for (const Change &change : changes) {
    SCOPED_TRACE(std::string(change.pointer) + " = " + change.value);
    Json document = test::tinyModelJson();
    Json::json_pointer pointer(change.pointer);
    if (*change.value)
      document[pointer] = Json::parse(change.value);
    else
      document[pointer.parent_pointer()].erase(pointer.back());
    dir.write("model.json", document);
    auto model = importModel(dir.path);
    std::string message = model ? "" : llvm::toString(model.takeError());
    EXPECT_EQ(message.empty(), valid(schema, document)) << message;
    ++(message.empty() ? good : bad);
  }
  EXPECT_GT(good, 10);
  EXPECT_GT(bad, 40);
}

TEST(Schema, AcceptsTheExamples) {
  const Json schema = loadSchema();
  for (const char *name : {"story-ternary", "story-w1a1", "story-w1a1-plain"}) {
    std::ifstream file(std::string(BITNETC_SOURCE_DIR "/examples/") + name +
                       "/model.json");
    EXPECT_TRUE(valid(schema, Json::parse(file))) << name;
  }
}

} // namespace
