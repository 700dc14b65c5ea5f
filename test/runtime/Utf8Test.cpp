#include "runtime/Utf8.h"
#include <gtest/gtest.h>

using namespace bitnet;

TEST(Utf8, EveryCharacterComesBack) {
  for (char32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 37) {
    if (c >= 0xD800 && c < 0xE000)
      continue;
    std::string text;
    appendUtf8(text, c);
    Utf8Char decoded = decodeUtf8(text);
    ASSERT_TRUE(decoded.valid);
    ASSERT_EQ(decoded.codePoint, c);
    ASSERT_EQ(decoded.length, text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      Utf8Char part = decodeUtf8(std::string_view(text).substr(0, cut));
      ASSERT_FALSE(part.valid);
      ASSERT_TRUE(part.cutOff);
      ASSERT_EQ(part.length, cut);
    }
  }
}

TEST(Utf8, RefusesWhatUnicodeRefuses) {
  for (std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xC3(", "\xE2\x82(", "\xF0\x9F\x98("}) {
    Utf8Char c = decodeUtf8(bad);
    EXPECT_FALSE(c.valid);
    EXPECT_FALSE(c.cutOff);
    EXPECT_GE(c.length, 1u);
    EXPECT_FALSE(isValidUtf8(bad));
  }
  EXPECT_EQ(validUtf8Prefix("ab\xC3\xA9\xFFz"), 4u);
}

TEST(Utf8, PrintableIsOneLine) {
  EXPECT_EQ(printable("Grüße, 世界 🦙"), "Grüße, 世界 🦙");
  EXPECT_EQ(printable("a\nb\x1B[1m\r\x7F"), "a\\x0Ab\\x1B[1m\\x0D\\x7F");
  EXPECT_EQ(printable("\xFF\xC3(\xE2\x82"), "\\xFF\\xC3(\\xE2\\x82");
  EXPECT_EQ(printable("\u0085\u2028\u202E"),
            "\\xC2\\x85\\xE2\\x80\\xA8\\xE2\\x80\\xAE");
  const std::string longText = printable("begin" + std::string(100000, 'x') +
                                         std::string(300, '\n') + "é end");
  EXPECT_TRUE(isValidUtf8(longText));
  EXPECT_LT(longText.size(), 2000u);
  EXPECT_TRUE(longText.starts_with("beginxxx"));
  EXPECT_TRUE(longText.ends_with("é end"));
}
