//===- Charsmap.h - SentencePiece's precompiled normalizer ------*- C++ -*-===//
//
// SentencePiece models carry their Unicode normalization as a double-array trie
// from character sequences to replacement strings. The map is used as it is in
// the model file.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_CHARSMAP_H
#define BITNET_RUNTIME_CHARSMAP_H

#include <string>
#include <string_view>

namespace bitnet {

/// Whether the parts of the map have the sizes that it says.
bool isCharsmap(std::string_view map);

/// Appends `text` with the longest match of the map replaced at every place.
/// Replacements that are not valid UTF-8 (a damaged map) are left out.
void appendCharsmapped(std::string_view map, std::string_view text,
                       std::string &out);

} // namespace bitnet

#endif // BITNET_RUNTIME_CHARSMAP_H
