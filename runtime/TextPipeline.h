//===- TextPipeline.h - Normalizer and pre-tokenizer steps ------*- C++ -*-===//
//
// A tokenizer first rewrites a text and then cuts it into pieces that tokens
// never cross. Both are one list of small steps in the blob; each takes a text
// cut into pieces and makes the next. Steps of Hugging Face's library that do
// the same thing under different names arrive here as one.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEXTPIPELINE_H
#define BITNET_RUNTIME_TEXTPIPELINE_H

#include "runtime/Regex.h"
#include "runtime/TokenizerBlob.h"
#include <cstdint>
#include <string>
#include <vector>

namespace bitnet {

/// Where in the whole input a text stands, for steps that put something before
/// it.
enum class Place {
  Start,      ///< It begins the input.
  AfterToken, ///< It follows an added token.
  Inside      ///< It only goes on; nothing is put before it.
};

/// A text cut at `ends` (the last one is text.size()).
struct Pieces {
  std::string text;
  std::vector<size_t> ends;

  void reset(std::string_view whole) {
    text = whole;
    ends.assign(whole.empty() ? 0 : 1, whole.size());
  }
};

class TextPipeline {
public:
  /// `blob` must outlive the pipeline.
  bool open(const TokenizerBlob &blob, std::string *error);

  /// Runs the normalizer on the one piece of `pieces`.
  bool normalize(Pieces &pieces, Place place, std::string *error);
  /// Cuts `pieces`.
  bool split(Pieces &pieces, Place place, std::string *error);

private:
  struct Step {
    bitnet_tokenizer_op op;
    std::string_view pattern, content;
    Regex regex;
  };
  bool run(const Step &step, Pieces &pieces, Place place, std::string *error);
  bool runSplit(const Step &step, const Pieces &in, Pieces &out,
                std::string *error);

  std::vector<Step> normalizer, splitter;
  Pieces scratch;
  std::vector<Range> matches;
};

/// GPT-2's printable stand-in for a byte, and back (-1: not one of them).
char32_t byteToChar(uint8_t byte);
int charToByte(char32_t codePoint);

} // namespace bitnet

#endif // BITNET_RUNTIME_TEXTPIPELINE_H
