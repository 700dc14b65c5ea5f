#include "runtime/Options.h"
#include <gtest/gtest.h>

using bitnet::Options;

namespace {
struct OptionsTest : testing::Test {
  bool parse(std::vector<std::string> arguments) {
    Options options("prog", "run [TEXT]", "Does things.");
    options.flag("--json", json, "write JSON");
    options.value("-n, --max-tokens", count, "N", "how many", -1, 100);
    options.value("--temp", temperature, "T", "randomness", 0, 2);
    options.value("--seed", seed, "S", "seed");
    options.value("--text", text, "FILE", "file");
    options.example("run hello");
    positional.clear();
    bool good = options.parse(arguments, positional, &error);
    help = options.helpWanted() ? options.helpText() : "";
    return good;
  }
  bool json = false;
  int64_t count = 0;
  float temperature = 0;
  uint64_t seed = 0;
  std::string text, error, help;
  std::vector<std::string> positional;
};
} // namespace

TEST_F(OptionsTest, ReadsAllForms) {
  EXPECT_TRUE(parse({"-n", "-1", "a", "--temp=0.5", "--json", "--seed",
                     "18446744073709551615", "--", "--text"}));
  EXPECT_EQ(count, -1);
  EXPECT_FLOAT_EQ(temperature, 0.5f);
  EXPECT_TRUE(json);
  EXPECT_EQ(seed, ~0ull);
  EXPECT_EQ(positional, (std::vector<std::string>{"a", "--text"}));
}

TEST_F(OptionsTest, ADashAndEmptyTextArePositional) {
  EXPECT_TRUE(parse({"-", ""}));
  EXPECT_EQ(positional, (std::vector<std::string>{"-", ""}));
}

TEST_F(OptionsTest, MistakesAreNamed) {
  auto failure = [&](std::vector<std::string> arguments) {
    EXPECT_FALSE(parse(std::move(arguments)));
    return error;
  };
  EXPECT_EQ(failure({"--tmp", "1"}), "unknown option '--tmp'");
  EXPECT_EQ(failure({"-x"}), "unknown option '-x'");
  EXPECT_EQ(failure({"-n"}), "option '-n' needs a value (N)");
  EXPECT_EQ(failure({"-n", "many"}),
            "option '-n' takes a whole number from -1 to 100, not 'many'");
  EXPECT_EQ(failure({"-n", "101"}),
            "option '-n' takes a whole number from -1 to 100, not '101'");
  EXPECT_EQ(failure({"--temp", "hot"}),
            "option '--temp' takes a number from 0 to 2, not 'hot'");
  EXPECT_EQ(failure({"--temp", "nan"}),
            "option '--temp' takes a number from 0 to 2, not 'nan'");
  EXPECT_EQ(failure({"--temp", "1x"}),
            "option '--temp' takes a number from 0 to 2, not '1x'");
  EXPECT_EQ(failure({"--seed", "-1"}),
            "option '--seed' takes a whole number, 0 or more, not '-1'");
  EXPECT_EQ(failure({"--json=yes"}), "option '--json' takes no value");
}

TEST_F(OptionsTest, HelpTeaches) {
  EXPECT_TRUE(parse({"--help"}));
  for (const char *part : {"usage: prog run [TEXT]", "Does things.",
                           "-n, --max-tokens N", "how many", "prog run hello"})
    EXPECT_NE(help.find(part), std::string::npos) << part;
}
