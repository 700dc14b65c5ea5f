//===- TemplateText.h - Python's string functions ---------------*- C++ -*-===//
//
// The methods of Python's str that templates call, on UTF-8: places and lengths
// are counted in characters, white space and case are Unicode's.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEMPLATETEXT_H
#define BITNET_RUNTIME_TEMPLATETEXT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::chat {

/// Python's str.isspace of one character.
bool isSpace(char32_t c);

int64_t countCharacters(std::string_view text);
/// Byte where character `index` begins; the size if there are fewer.
size_t byteOf(std::string_view text, int64_t index);
std::vector<std::string> splitCharacters(std::string_view text);

enum class Side { Left = 1, Right = 2, Both = 3 };
/// Without `characters`, white space goes.
std::string_view strip(std::string_view text, Side side,
                       const std::string *characters);

/// limit -1: none. Without `separator`, at runs of white space.
std::vector<std::string> split(std::string_view text,
                               const std::string *separator, int64_t limit);
std::vector<std::string> splitFromRight(std::string_view text,
                                        const std::string *separator,
                                        int64_t limit);
std::vector<std::string> splitLines(std::string_view text, bool keepEnds);

std::string replaceAll(std::string_view text, std::string_view from,
                       std::string_view to, int64_t limit);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string swapCase(std::string_view text);
std::string capitalize(std::string_view text);
/// str.title(): a word begins after anything that has no case.
std::string title(std::string_view text);
/// Jinja's filter: a word begins after white space, '-' or an open bracket.
std::string titleWords(std::string_view text);

enum class Class { Space, Digit, Letter, LetterOrDigit, Lower, Upper };
/// str.isspace() and so on: all characters, and at least one. Outside of ASCII
/// everything that is no white space counts as a letter.
bool isAll(std::string_view text, Class wanted);

} // namespace bitnet::chat

#endif // BITNET_RUNTIME_TEMPLATETEXT_H
