//===- InfoCommand.cpp - `info`: what this program holds ------------------===//

#include "runtime/Cli.h"
#include "runtime/CpuFeatures.h"
#include "runtime/TemplateBlob.h"
#include <cstdio>

namespace bitnet {

namespace {
/// Rows of name and value that print as text or as one JSON object.
class Report {
public:
  explicit Report(bool json) : json(json) {}

  void text(const char *name, const std::string &value) {
    row(name, json ? quoteJson(value) : value);
  }
  void number(const char *name, uint64_t value) {
    row(name, std::to_string(value));
  }
  void print() const {
    if (json)
      printf("{\n%s\n}\n", lines.c_str());
    else
      fputs(lines.c_str(), stdout);
  }

private:
  void row(const std::string &name, const std::string &value) {
    if (json) {
      lines += (lines.empty() ? " " : ",\n ") + quoteJson(name) + ": " + value;
      return;
    }
    std::string label = name;
    for (char &c : label)
      c = c == '_' ? ' ' : c;
    lines += label +
             std::string(label.size() < 26 ? 26 - label.size() : 1, ' ') +
             value + "\n";
  }

  bool json;
  std::string lines;
};
} // namespace

static const char *archName(uint32_t arch) {
  switch (arch) {
  case BITNET_ARCH_X86_64:
    return "x86_64";
  case BITNET_ARCH_AARCH64:
    return "aarch64";
  case BITNET_ARCH_RISCV64:
    return "riscv64";
  }
  return "unknown";
}

static std::string hex(const uint8_t *bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    char digits[3];
    snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    text += digits;
  }
  return text;
}

static std::string tokenizerKind(const bitnet_model &model) {
  if (model.tokenizer.size == 0)
    return "none";
  TokenizerBlob blob;
  std::string error;
  if (!blob.open(model.tokenizer.data, model.tokenizer.size, &error))
    return error;
  std::string kind = blob.header().model == BITNET_TOKENIZER_BPE_BYTES
                         ? "byte-level BPE"
                         : "SentencePiece BPE";
  if (blob.has(BITNET_TOKENIZER_BYTE_FALLBACK))
    kind += " with byte fallback";
  return kind + ", " + std::to_string(blob.vocabSize()) + " tokens";
}

static std::string templateKind(const bitnet_model &model) {
  if (model.chat_template.size == 0)
    return "none";
  TemplateBlob blob;
  std::string error;
  if (!blob.open(model.chat_template.data, model.chat_template.size, &error))
    return error;
  return "Jinja, " + std::to_string(blob.header().source_size) +
         " bytes of source";
}

int infoCommand(const bitnet_model &model, const std::string &program,
                const Arguments &arguments) {
  bool json = false;
  Options options(program, "info [--json]",
                  "Says what this program holds and what it needs to run.");
  options.flag("--json", json, "write one JSON object");
  options.example("info");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "info", arguments, 0, positional);
      code >= 0)
    return code;

  Report report(json);
  report.text("name", model.name);
  report.text("summary", model.summary);
  report.text("compiler", model.compiler);
  report.number("abi_version", model.abi_version);
  report.text("arch", archName(model.arch));
  // Of several, the one that was chosen for this CPU.
  report.text("target", model.target);
  report.text("targets", targetNames(model));
  report.text("required_features", listCpuFeatures(model.required_features));
  report.number("parameters", model.num_parameters);
  report.number("vocab_size", model.vocab_size);
  report.number("hidden_size", model.hidden_size);
  report.number("intermediate_size", model.intermediate_size);
  report.number("layers", model.num_layers);
  report.number("heads", model.num_heads);
  report.number("kv_heads", model.num_kv_heads);
  report.number("head_dim", model.head_dim);
  report.number("context_length", model.max_position);
  report.number("weights_bytes", model.weights_end - model.weights_begin);
  report.number("weight_bytes_per_token", model.weight_bytes_per_token);
  report.number("screened_bytes_per_token", model.screened_bytes_per_token);
  report.number("screened_row_bytes", model.screened_row_bytes);
  report.number("screen_max_k", model.screen_max_k);
  report.number("kv_page_tokens", model.kv_page_tokens);
  report.number("kv_page_bytes", model.kv_page_bytes);
  report.number(
      "kv_bytes_per_token",
      model.kv_page_tokens ? model.kv_page_bytes / model.kv_page_tokens : 0);
  report.number("workspace_bytes_fixed", model.workspace_bytes_fixed);
  report.number("workspace_bytes_per_token", model.workspace_bytes_per_token);
  report.text("model_hash", hex(model.model_hash, sizeof(model.model_hash)));
  report.text("tokenizer", tokenizerKind(model));
  report.number("tokenizer_bytes", model.tokenizer.size);
  report.text("chat_template", templateKind(model));
  report.number("chat_template_bytes", model.chat_template.size);
  report.print();
  return ExitOk;
}

} // namespace bitnet
