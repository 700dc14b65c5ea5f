//===- Options.h - Command line options of one subcommand -------*- C++ -*-===//
//
// One table per subcommand gives parsing, the help text and the errors, so that
// they cannot disagree.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_OPTIONS_H
#define BITNET_RUNTIME_OPTIONS_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {

class Options {
public:
  /// `usage` follows the program's name: "run [OPTIONS] [PROMPT]".
  Options(std::string program, std::string usage, std::string description);

  /// Names are written as the user types them: "-n", "--max-tokens".
  void flag(std::string names, bool &target, std::string help);
  void value(std::string names, std::string &target, std::string metavar,
             std::string help);
  void value(std::string names, int64_t &target, std::string metavar,
             std::string help, int64_t min, int64_t max);
  void value(std::string names, uint64_t &target, std::string metavar,
             std::string help);
  void value(std::string names, float &target, std::string metavar,
             std::string help, float min, float max);
  /// Bytes, with K, M or G for powers of 1024: "512M".
  void size(std::string names, uint64_t &target, std::string metavar,
            std::string help);
  void example(std::string text) { examples.push_back(std::move(text)); }

  /// Reads `arguments`; what is not an option goes to `positional`. "--" ends
  /// the options. False with one sentence in `error` at the first mistake.
  bool parse(const std::vector<std::string> &arguments,
             std::vector<std::string> &positional, std::string *error);

  /// What the environment says, as arguments: PREFIX_MAX_BODY=1M becomes
  /// --max-body=1M, and of flags any value but the empty one and 0 counts.
  std::vector<std::string> fromEnvironment(const std::string &prefix) const;

  bool helpWanted() const { return help; }
  std::string helpText() const;

private:
  struct Option {
    std::vector<std::string> names;
    std::string metavar, help; ///< Without metavar it takes no value.
    /// Empty if the value is fine, else what was expected.
    std::function<std::string(const std::string &)> set;
  };
  void add(std::string names, std::string metavar, std::string help,
           std::function<std::string(const std::string &)> set);
  const Option *find(std::string_view name) const;

  std::string program, usage, description;
  std::vector<Option> options;
  std::vector<std::string> examples;
  bool help = false;
};

/// A whole decimal number in [min, max].
bool parseInteger(const std::string &text, int64_t min, int64_t max,
                  int64_t &number);

} // namespace bitnet

#endif // BITNET_RUNTIME_OPTIONS_H
