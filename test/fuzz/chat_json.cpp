//===- chat_json.cpp - Fuzzes the JSON that chat templates are given ------===//

#include "Fuzz.h"
#include "runtime/TemplateValue.h"

using namespace bitnet::chat;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Value value;
  std::string error, out;
  if (!fromJson(bitnetc::fuzz::asText(data, size), value, &error))
    return 0;
  toRepr(value);
  equal(value, value);
  toJson(value, {}, out, &error);
  JsonStyle pretty;
  pretty.indent = "  ";
  pretty.pretty = pretty.ascii = pretty.sortKeys = true;
  toJson(value, pretty, out, &error);
  return 0;
}
