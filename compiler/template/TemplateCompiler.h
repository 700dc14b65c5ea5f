//===- TemplateCompiler.h - Chat template to blob ---------------*- C++ -*-===//
//
// The compile-time half of chat templates: Jinja source in, the checked tree of
// runtime/abi/template_blob.h out. The language is what chat templates use,
// with the settings of Hugging Face's transformers (trim_blocks, lstrip_blocks,
// break and continue, generation blocks). Free of LLVM, so that the runtime's
// tests use it too.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TEMPLATE_TEMPLATECOMPILER_H
#define BITNETC_COMPILER_TEMPLATE_TEMPLATECOMPILER_H

#include <map>
#include <string>
#include <string_view>

namespace bitnetc {

struct CompiledTemplate {
  std::string blob;  ///< Align it to 8 bytes.
  std::string error; ///< "line N: ..."; empty on success.
};

/// Names and texts, in any order.
using TemplateVariables = std::map<std::string, std::string>;

/// `variables` have their values before the template begins, over what the
/// renderer is given: bos_token and the like, which belong to the model.
CompiledTemplate compileTemplate(std::string_view source,
                                 const TemplateVariables &variables = {});

} // namespace bitnetc

#endif // BITNETC_COMPILER_TEMPLATE_TEMPLATECOMPILER_H
