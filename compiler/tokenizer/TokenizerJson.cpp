//===- TokenizerJson.cpp - Hugging Face's tokenizer.json ------------------===//
//
// Every component that is not understood is an error that names it: a tokenizer
// that is nearly right gives wrong ids silently.
//
//===----------------------------------------------------------------------===//

#include "Base64.h"
#include "CheckedJson.h"
#include "NamedPatterns.h"
#include "TokenizerSpec.h"
#include "TokenizerUnigram.h"
#include "runtime/Charsmap.h"
#include "runtime/TextPipeline.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace bitnetc {

namespace {
using Op = TokenizerSpec::Op;

constexpr const char *metaspace = "\xE2\x96\x81";

/// Deeper documents are refused: what reads them recurses.
constexpr int maxDepth = 100;

Json parseJson(const std::string &text) {
  try {
    return parseChecked(text, maxDepth);
  } catch (JsonTooDeep) {
    throw Unsupported("its JSON is nested too deeply");
  } catch (const JsonKeyTwice &twice) {
    throw Unsupported("\"" + twice.key + "\" is there twice in one object");
  }
}

std::string escapeRegex(const std::string &text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-/").find(c) != std::string::npos)
      out += '\\';
    out += c;
  }
  return out;
}

class Reader {
public:
  explicit Reader(TokenizerSpec &spec) : spec(spec) {}

  void read(const Json &json) {
    if (!json.is_object())
      throw Unsupported("it is not a JSON object");
    where = "normalizer";
    readNormalizer(json.value("normalizer", Json()));
    where = "pre_tokenizer";
    readPreTokenizer(json.value("pre_tokenizer", Json()));
    where = "decoder";
    readDecoder(json.value("decoder", Json()));
    spec.model =
        byteLevel ? BITNET_TOKENIZER_BPE_BYTES : BITNET_TOKENIZER_BPE_CHARS;
    const Json added = json.value("added_tokens", Json::array());
    const Json &model = need(json, "model", "");
    const size_t entries = model.contains("vocab") ? model["vocab"].size() : 0;
    idLimit = 65536 + 8 * (entries + added.size());
    where = "model";
    readModel(model);
    readAdded(added);
    auto post = json.find("post_processor");
    if (post != json.end() && !post->is_null()) {
      spec.flags |= BITNET_TOKENIZER_HAS_TEMPLATE;
      where = "post_processor";
      readPostProcessor(*post);
    }
  }

private:
  // Fields of the component that is being read.
  const Json &field(const Json &object, const char *name) const {
    return need(object, name, where);
  }
  std::string text(const Json &object, const char *name) const {
    return need<std::string>(object, name, where);
  }
  template <typename T>
  T get(const Json &object, const char *name, T otherwise) const {
    return bitnetc::get<T>(object, name, std::move(otherwise), where);
  }
  std::string patternText(const Json &component, const char *kind) const {
    return need<std::string>(field(component, "pattern"), kind,
                             where + ".pattern");
  }
  void readNormalizer(const Json &n);
  void readPreTokenizer(const Json &p);
  void readDecoder(const Json &d);
  void readModel(const Json &m);
  void readMerges(const Json &merges);
  void readAdded(const Json &added);
  void readPostProcessor(const Json &p);
  void addSplit(std::string pattern, const std::string &behavior,
                bool invert = false);
  std::string tokenBytes(const std::string &text, bool &allMapped) const;
  uint32_t readId(const Json &id) const;

  TokenizerSpec &spec;
  std::string where; ///< The component, for errors.
  bool byteLevel = false;
  /// Memory is taken for every id below the highest one, so few tokens must not
  /// have huge ids.
  uint64_t idLimit = 0;
  std::unordered_map<std::string, uint32_t> vocab;
};
} // namespace

void Reader::readNormalizer(const Json &n) {
  if (n.is_null())
    return;
  const std::string type = text(n, "type");
  auto add = [&](bitnet_op_type op, std::string pattern, std::string content) {
    spec.normalizer.push_back({op, 0, std::move(pattern), std::move(content)});
  };
  if (type == "Sequence") {
    for (const Json &part : needArray(n, "normalizers", where))
      readNormalizer(part);
  } else if (type == "Prepend") {
    add(BITNET_OP_PREPEND, "", text(n, "prepend"));
  } else if (type == "Replace") {
    if (field(n, "pattern").contains("String"))
      add(BITNET_OP_REPLACE, patternText(n, "String"), text(n, "content"));
    else
      add(BITNET_OP_REPLACE_REGEX, patternText(n, "Regex"), text(n, "content"));
  } else if (type == "Precompiled") {
    std::string map;
    if (!decodeBase64(text(n, "precompiled_charsmap"), map))
      throw Unsupported("field \"normalizer.precompiled_charsmap\" is not "
                        "base64");
    if (!map.empty() && !bitnet::isCharsmap(map))
      throw Unsupported("field \"normalizer.precompiled_charsmap\" is damaged");
    if (!map.empty())
      add(BITNET_OP_CHARSMAP, "", std::move(map));
  } else if (type == "NFC") {
    add(BITNET_OP_NFC, "", "");
  } else if (type == "Strip") {
    if (get(n, "strip_left", true))
      add(BITNET_OP_REPLACE_REGEX, "\\A\\s+", "");
    if (get(n, "strip_right", true))
      add(BITNET_OP_REPLACE_REGEX, "\\s+\\z", "");
  } else {
    throw Unsupported("normalizer type '" + type + "' is not supported");
  }
}

void Reader::addSplit(std::string pattern, const std::string &behavior,
                      bool invert) {
  static const std::unordered_map<std::string, uint32_t> behaviors = {
      {"Isolated", BITNET_SPLIT_ISOLATED},
      {"Removed", BITNET_SPLIT_REMOVED},
      {"MergedWithPrevious", BITNET_SPLIT_MERGED_WITH_PREVIOUS},
      {"MergedWithNext", BITNET_SPLIT_MERGED_WITH_NEXT},
      {"Contiguous", BITNET_SPLIT_CONTIGUOUS}};
  auto found = behaviors.find(behavior);
  if (found == behaviors.end())
    throw Unsupported("split behavior '" + behavior + "' is not supported");
  uint32_t flags = found->second;
  if (invert)
    flags |= BITNET_SPLIT_INVERT;
  if (byteLevel)
    flags |= BITNET_SPLIT_ON_BYTE_CHARS;
  spec.splitter.push_back({BITNET_OP_SPLIT, flags, std::move(pattern), ""});
}

void Reader::readPreTokenizer(const Json &p) {
  if (p.is_null())
    return;
  const std::string type = text(p, "type");
  if (type == "Sequence") {
    for (const Json &part : needArray(p, "pretokenizers", where))
      readPreTokenizer(part);
  } else if (type == "ByteLevel") {
    if (get(p, "add_prefix_space", true))
      spec.splitter.push_back({BITNET_OP_PREFIX, 0, "", " "});
    if (get(p, "use_regex", true))
      addSplit(gpt2Pattern, "Isolated");
    byteLevel = true;
  } else if (type == "Split") {
    const bool isString = field(p, "pattern").contains("String");
    addSplit(isString ? escapeRegex(patternText(p, "String"))
                      : patternText(p, "Regex"),
             text(p, "behavior"), get(p, "invert", false));
  } else if (type == "Digits") {
    addSplit("\\p{N}",
             get(p, "individual_digits", false) ? "Isolated" : "Contiguous");
  } else if (type == "Punctuation") {
    addSplit(punctuationPattern, get<std::string>(p, "behavior", "Isolated"));
  } else if (type == "WhitespaceSplit") {
    addSplit("\\s", "Removed");
  } else if (type == "Whitespace") {
    addSplit(whitespacePattern, "Removed", true);
  } else if (type == "Metaspace") {
    const auto space = get<std::string>(p, "replacement", metaspace);
    // Older files say add_prefix_space where newer ones name a scheme.
    auto scheme =
        get<std::string>(p, "prepend_scheme",
                         get(p, "add_prefix_space", true) ? "always" : "never");
    spec.splitter.push_back({BITNET_OP_REPLACE, 0, " ", space});
    if (scheme != "never")
      spec.splitter.push_back(
          {BITNET_OP_PREFIX,
           scheme == "first" ? uint32_t(BITNET_PREFIX_FIRST_ONLY) : 0, "",
           space});
    if (get(p, "split", true))
      addSplit(escapeRegex(space), "MergedWithNext");
  } else {
    throw Unsupported("pre_tokenizer type '" + type + "' is not supported");
  }
}

void Reader::readDecoder(const Json &d) {
  if (d.is_null())
    return;
  const std::string type = text(d, "type");
  if (type == "Sequence") {
    for (const Json &part : needArray(d, "decoders", where))
      readDecoder(part);
  } else if (type == "ByteLevel") {
    byteLevel = true;
  } else if (type == "Metaspace") {
    spec.flags |= BITNET_TOKENIZER_METASPACE;
    if (get<std::string>(d, "prepend_scheme", "always") != "never" &&
        get(d, "add_prefix_space", true))
      spec.flags |= BITNET_TOKENIZER_STRIP_FIRST_TOKEN;
  } else if (type == "Replace") {
    if (!field(d, "pattern").contains("String") ||
        patternText(d, "String") != metaspace || text(d, "content") != " ")
      throw Unsupported("decoder 'Replace' of anything but U+2581 by a space "
                        "is not supported");
    spec.flags |= BITNET_TOKENIZER_METASPACE;
  } else if (type == "Strip") {
    if (text(d, "content") != " " || get(d, "start", 0) != 1 ||
        get(d, "stop", 0) != 0)
      throw Unsupported("decoder 'Strip' of anything but one space at the "
                        "start is not supported");
    spec.flags |= BITNET_TOKENIZER_STRIP_SPACE;
  } else if (type != "ByteFallback" && type != "Fuse") {
    throw Unsupported("decoder type '" + type + "' is not supported");
  }
}

/// The bytes that a token stands for: of a byte-level model, those of its
/// printable characters, unless one of them stands for no byte.
std::string Reader::tokenBytes(const std::string &text, bool &allMapped) const {
  allMapped = true;
  if (!byteLevel)
    return text;
  std::string bytes;
  for (std::string_view rest = text; !rest.empty();) {
    bitnet::Utf8Char c = bitnet::decodeUtf8(rest);
    int byte = c.valid ? bitnet::charToByte(c.codePoint) : -1;
    if (byte < 0) {
      allMapped = false;
      return text;
    }
    bytes.push_back(static_cast<char>(byte));
    rest.remove_prefix(c.length);
  }
  return bytes;
}

bool isByteToken(const std::string &text, int &byte) {
  if (text.size() != 6 || text.compare(0, 3, "<0x") != 0 || text[5] != '>')
    return false;
  byte = 0;
  for (char c : {text[3], text[4]}) {
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
      return false;
    byte = byte * 16 + (c <= '9' ? c - '0' : c - 'A' + 10);
  }
  return true;
}

uint32_t Reader::readId(const Json &id) const {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= idLimit)
    throw Unsupported("token id " +
                      id.dump(-1, ' ', true, Json::error_handler_t::replace) +
                      " is out of range");
  return id.get<uint32_t>();
}

void Reader::readModel(const Json &m) {
  // Files of older versions name no type; only BPE has merges.
  const auto type =
      get<std::string>(m, "type", m.contains("merges") ? "BPE" : "unnamed");
  if (type == "Unigram")
    return readUnigram(m, spec, vocab);
  if (type != "BPE")
    throw Unsupported("model type '" + type + "' is not supported");
  for (const char *name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!get<std::string>(m, name, "").empty())
      throw Unsupported(std::string("model field '") + name +
                        "' is not supported");
  if (get(m, "dropout", 0.0) != 0.0)
    throw Unsupported("model field 'dropout' is not supported");
  if (get(m, "ignore_merges", false))
    spec.flags |= BITNET_TOKENIZER_IGNORE_MERGES;
  if (get(m, "fuse_unk", false))
    spec.flags |= BITNET_TOKENIZER_FUSE_UNKNOWN;
  const bool fallback = get(m, "byte_fallback", false);
  if (fallback)
    spec.flags |= BITNET_TOKENIZER_BYTE_FALLBACK;

  const Json &vocabulary = field(m, "vocab");
  if (!vocabulary.is_object())
    throw Unsupported("field \"model.vocab\" is not an object");
  std::unordered_set<uint32_t> ids;
  for (const auto &[text, id] : vocabulary.items()) {
    const uint32_t number = readId(id);
    if (!ids.insert(number).second)
      throw Unsupported("field \"model.vocab\" gives id " +
                        std::to_string(number) + " to two tokens");
    vocab.emplace(text, number);
    bool allMapped = false;
    TokenizerSpec::Token &token = spec.token(number);
    token.text = tokenBytes(text, allMapped);
    token.canBeFormed = allMapped;
    int byte = 0;
    if (byteLevel && allMapped && token.text.size() == 1)
      spec.byteIds[static_cast<unsigned char>(token.text[0])] =
          static_cast<int32_t>(number);
    if (fallback && isByteToken(text, byte)) {
      token.kind = BITNET_TOKEN_BYTE;
      spec.byteIds[byte] = static_cast<int32_t>(number);
    }
  }
  if (auto unknown = get<std::string>(m, "unk_token", ""); !unknown.empty()) {
    auto found = vocab.find(unknown);
    if (found == vocab.end())
      throw Unsupported("the unknown token '" + unknown +
                        "' is not in the vocabulary");
    spec.unknownId = static_cast<int32_t>(found->second);
  }
  readMerges(needArray(m, "merges", where));
}

void Reader::readMerges(const Json &merges) {
  uint32_t rank = 0;
  for (const Json &merge : merges) {
    std::string left, right;
    if (merge.is_string()) {
      const auto text = merge.get<std::string>();
      const size_t space = text.find(' ');
      if (space == std::string::npos)
        throw Unsupported("merge " + std::to_string(rank) + " is not a pair");
      left = text.substr(0, space);
      right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else {
      throw Unsupported("merge " + std::to_string(rank) + " is not a pair");
    }
    auto find = [&](const std::string &text) {
      auto found = vocab.find(text);
      if (found == vocab.end())
        throw Unsupported("merge " + std::to_string(rank) + " needs token '" +
                          text + "', which is not in the vocabulary");
      return found->second;
    };
    spec.merges.push_back({find(left), find(right), find(left + right), rank});
    ++rank;
  }
}

void Reader::readAdded(const Json &added) {
  if (!added.is_array() && !added.is_null())
    throw Unsupported("field \"added_tokens\" is not an array");
  size_t index = 0;
  for (const Json &a : added) {
    where = "added_tokens[" + std::to_string(index++) + "]";
    const std::string content = text(a, "content");
    const uint32_t id = readId(field(a, "id"));
    uint32_t flags = 0;
    auto setFlag = [&](const char *name, uint32_t flag) {
      if (get(a, name, false))
        flags |= flag;
    };
    setFlag("special", BITNET_ADDED_SPECIAL);
    setFlag("lstrip", BITNET_ADDED_LSTRIP);
    setFlag("rstrip", BITNET_ADDED_RSTRIP);
    setFlag("single_word", BITNET_ADDED_SINGLE_WORD);
    setFlag("normalized", BITNET_ADDED_NORMALIZED);
    TokenizerSpec::Token &token = spec.token(id);
    bool allMapped = false;
    if (token.text.empty())
      token.text = tokenBytes(content, allMapped);
    if (flags & BITNET_ADDED_SPECIAL)
      token.kind = BITNET_TOKEN_SPECIAL;
    vocab.emplace(content, id);
    spec.added.push_back({id, content, flags});
  }
}

void Reader::readPostProcessor(const Json &p) {
  const std::string type = text(p, "type");
  if (type == "Sequence") {
    for (const Json &part : needArray(p, "processors", where))
      readPostProcessor(part);
  } else if (type == "TemplateProcessing") {
    bool before = true;
    for (const Json &piece : needArray(p, "single", where)) {
      if (piece.contains("Sequence")) {
        before = false;
        continue;
      }
      const auto name =
          need<std::string>(need(piece, "SpecialToken", where + ".single"),
                            "id", where + ".single.SpecialToken");
      const std::string tokens = where + ".special_tokens";
      const Json &token =
          need(field(p, "special_tokens"), name.c_str(), tokens);
      for (const Json &id : needArray(token, "ids", tokens + "." + name))
        (before ? spec.prefix : spec.suffix)
            .push_back(static_cast<int32_t>(readId(id)));
    }
  } else if (type != "ByteLevel") { // Which only moves offsets.
    throw Unsupported("post_processor type '" + type + "' is not supported");
  }
}

/// The exception being handled, without the library's own words.
static std::string describeException(const std::string &text) {
  try {
    throw;
  } catch (const Json::parse_error &problem) {
    const size_t at = std::min<size_t>(problem.byte, text.size());
    const auto lines = std::count(
        text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    return "it is not valid JSON: line " + std::to_string(lines + 1) +
           ", byte " + std::to_string(at);
  } catch (const Json::exception &) {
    return "a field has the wrong type";
  } catch (const std::exception &problem) {
    return problem.what();
  }
}

bool readTokenizerJson(const std::string &json, TokenizerSpec &spec,
                       std::string &error) {
  try {
    Reader(spec).read(parseJson(json));
    return true;
  } catch (const std::exception &) {
    error = describeException(json);
    return false;
  }
}

bool readVocabAndMerges(const std::string &vocabJson, const std::string &merges,
                        TokenizerSpec &spec, std::string &error) {
  try {
    Json list = Json::array();
    for (size_t at = 0; at < merges.size();) {
      size_t end = std::min(merges.find('\n', at), merges.size());
      std::string line = merges.substr(at, end - at);
      if (!line.empty() && line.back() == '\r')
        line.pop_back();
      // The first line may name a version.
      if (!line.empty() && !(at == 0 && line.starts_with("#version")))
        list.push_back(line);
      at = end + 1;
    }
    Json vocab = parseJson(vocabJson);
    Json added = Json::array();
    if (auto end = vocab.find("<|endoftext|>"); end != vocab.end())
      added.push_back(
          {{"id", *end}, {"content", "<|endoftext|>"}, {"special", true}});
    const Json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
    Reader(spec).read({{"model",
                        {{"type", "BPE"},
                         {"vocab", std::move(vocab)},
                         {"merges", std::move(list)}}},
                       {"pre_tokenizer", byteLevel},
                       {"decoder", byteLevel},
                       {"added_tokens", added}});
    return true;
  } catch (const std::exception &) {
    error = describeException(vocabJson);
    return false;
  }
}

} // namespace bitnetc
