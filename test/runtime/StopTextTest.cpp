#include "runtime/server/StopText.h"
#include <gtest/gtest.h>

using bitnet::server::StopText;

/// Everything that goes out if `text` comes in pieces of `size` bytes.
static std::string feed(StopText &stop, const std::string &text, size_t size) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += size)
    out += stop.push(text.substr(i, size));
  return out + stop.finish();
}

TEST(StopText, EndsAtTheFirstOneHoweverTheTextComes) {
  struct Case {
    std::vector<std::string> stops;
    std::string text, out, found;
  } const cases[] = {
      {{}, "all of it", "all of it", ""},
      {{""}, "all of it", "all of it", ""},
      {{"STOP"}, "go STO STOP on", "go STO ", "STOP"},
      {{"STOP"}, "go on STO", "go on STO", ""},
      {{"aab"}, "aaab", "a", "aab"},
      {{"abab", "bc"}, "ababc", "", "abab"},
      {{"abcd", "bc"}, "abcd", "a", "bc"}, // Complete first.
      {{"bc", "abc"}, "xabc", "x", "abc"}, // The longer one of two.
      {{"\n\n", "END"}, "a\n\nEND", "a", "\n\n"},
      {{"\xC3\xA9"}, "\xC3\xA8\xC3\xA9", "\xC3\xA8", "\xC3\xA9"},
  };
  for (const Case &c : cases)
    for (size_t size : {1, 2, 3, 100}) {
      StopText stop(c.stops);
      EXPECT_EQ(feed(stop, c.text, size), c.out);
      EXPECT_EQ(stop.found() ? *stop.found() : "", c.found);
    }
}

TEST(StopText, KeepsBackNoMoreThanNeeded) {
  StopText stop({"\n\nUser:", "###"});
  EXPECT_EQ(stop.push("Hello"), "Hello");
  EXPECT_EQ(stop.push("\n"), "");
  EXPECT_EQ(stop.push("\n#"), "\n\n");
  EXPECT_EQ(stop.push("#"), "");
  EXPECT_EQ(stop.push(" x"), "## x");
  EXPECT_EQ(stop.push("\n\nUse"), "");
  EXPECT_EQ(stop.push("d\n"), "\n\nUsed");
  EXPECT_EQ(stop.push("\nUser: me"), "");
  ASSERT_TRUE(stop.found());
  EXPECT_EQ(stop.push("more"), "");
  EXPECT_EQ(stop.finish(), "");
}
