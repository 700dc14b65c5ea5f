//===- Options.cpp - Command line options of one subcommand ---------------===//

#include "runtime/Options.h"
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace bitnet {

template <typename T> static bool parseWhole(const std::string &text, T &out) {
  auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

// Not from_chars: for floats it brings libm into every program.
static bool parseFloat(const std::string &text, float &out) {
  char *end = nullptr;
  out = strtof(text.c_str(), &end);
  return !text.empty() && end == text.c_str() + text.size();
}

bool parseInteger(const std::string &text, int64_t min, int64_t max,
                  int64_t &number) {
  int64_t parsed;
  if (!parseWhole(text, parsed) || parsed < min || parsed > max)
    return false;
  number = parsed;
  return true;
}

Options::Options(std::string program, std::string usage,
                 std::string description)
    : program(std::move(program)), usage(std::move(usage)),
      description(std::move(description)) {
  flag("-h, --help", help, "show this text");
}

void Options::add(std::string names, std::string metavar, std::string help,
                  std::function<std::string(const std::string &)> set) {
  Option option{{}, std::move(metavar), std::move(help), std::move(set)};
  size_t at = 0;
  while (at < names.size()) {
    size_t comma = names.find(", ", at);
    option.names.push_back(names.substr(at, comma - at));
    at = comma == std::string::npos ? names.size() : comma + 2;
  }
  options.push_back(std::move(option));
}

void Options::flag(std::string names, bool &target, std::string help) {
  add(std::move(names), "", std::move(help), [&target](const std::string &) {
    target = true;
    return std::string();
  });
}

void Options::value(std::string names, std::string &target, std::string metavar,
                    std::string help) {
  add(std::move(names), std::move(metavar), std::move(help),
      [&target](const std::string &text) {
        target = text;
        return std::string();
      });
}

void Options::value(std::string names, int64_t &target, std::string metavar,
                    std::string help, int64_t min, int64_t max) {
  add(std::move(names), std::move(metavar), std::move(help),
      [&target, min, max](const std::string &text) -> std::string {
        if (parseInteger(text, min, max, target))
          return "";
        return "a whole number from " + std::to_string(min) + " to " +
               std::to_string(max);
      });
}

void Options::value(std::string names, uint64_t &target, std::string metavar,
                    std::string help) {
  add(std::move(names), std::move(metavar), std::move(help),
      [&target](const std::string &text) -> std::string {
        return parseWhole(text, target) ? "" : "a whole number, 0 or more";
      });
}

void Options::value(std::string names, float &target, std::string metavar,
                    std::string help, float min, float max) {
  add(std::move(names), std::move(metavar), std::move(help),
      [&target, min, max](const std::string &text) -> std::string {
        float parsed;
        if (parseFloat(text, parsed) && parsed >= min && parsed <= max) {
          target = parsed;
          return "";
        }
        char expected[64];
        snprintf(expected, sizeof(expected), "a number from %g to %g", min,
                 max);
        return expected;
      });
}

void Options::size(std::string names, uint64_t &target, std::string metavar,
                   std::string help) {
  add(std::move(names), std::move(metavar), std::move(help),
      [&target](const std::string &text) -> std::string {
        static constexpr std::string_view units = "KMG";
        const size_t unit = text.empty() ? units.npos : units.find(text.back());
        const bool hasUnit = unit != units.npos;
        const unsigned shift =
            hasUnit ? 10 * (static_cast<unsigned>(unit) + 1) : 0;
        uint64_t number;
        if (!parseWhole(text.substr(0, text.size() - hasUnit), number) ||
            number > UINT64_MAX >> shift)
          return "bytes such as 65536, 64K, 512M or 2G";
        target = number << shift;
        return "";
      });
}

std::vector<std::string>
Options::fromEnvironment(const std::string &prefix) const {
  std::vector<std::string> arguments;
  for (const Option &option : options)
    for (const std::string &name : option.names) {
      if (!name.starts_with("--") || name == "--help")
        continue;
      std::string variable = prefix;
      for (char c : name.substr(1))
        variable +=
            c == '-'
                ? '_'
                : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      const char *value = getenv(variable.c_str());
      if (!value || !*value)
        continue;
      if (!option.metavar.empty())
        arguments.push_back(name + "=" + value);
      else if (std::string_view(value) != "0")
        arguments.push_back(name);
    }
  return arguments;
}

const Options::Option *Options::find(std::string_view name) const {
  for (const Option &option : options)
    for (const std::string &known : option.names)
      if (known == name)
        return &option;
  return nullptr;
}

bool Options::parse(const std::vector<std::string> &arguments,
                    std::vector<std::string> &positional, std::string *error) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument == "--") {
      positional.insert(positional.end(), arguments.begin() + i + 1,
                        arguments.end());
      return true;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      positional.push_back(argument);
      continue;
    }
    std::string name = argument, text;
    bool hasText = false;
    if (size_t equals = argument.find('=');
        argument[1] == '-' && equals != std::string::npos) {
      name = argument.substr(0, equals);
      text = argument.substr(equals + 1);
      hasText = true;
    }
    const Option *option = find(name);
    if (!option) {
      *error = "unknown option '" + name + "'";
      return false;
    }
    if (option->metavar.empty()) {
      if (hasText) {
        *error = "option '" + name + "' takes no value";
        return false;
      }
    } else if (!hasText) {
      if (i + 1 == arguments.size()) {
        *error =
            "option '" + name + "' needs a value (" + option->metavar + ")";
        return false;
      }
      text = arguments[++i];
    }
    if (std::string expected = option->set(text); !expected.empty()) {
      *error =
          "option '" + name + "' takes " + expected + ", not '" + text + "'";
      return false;
    }
  }
  return true;
}

std::string Options::helpText() const {
  std::string text = "usage: " + program + " " + usage + "\n\n" + description +
                     "\n\noptions:\n";
  for (const Option &option : options) {
    std::string left = "  ";
    for (const std::string &name : option.names)
      left += (left.size() > 2 ? ", " : "") + name;
    if (!option.metavar.empty())
      left += " " + option.metavar;
    constexpr size_t column = 28;
    left += left.size() + 2 <= column ? std::string(column - left.size(), ' ')
                                      : "\n" + std::string(column, ' ');
    text += left + option.help + "\n";
  }
  if (!examples.empty())
    text += "\nexamples:\n";
  for (const std::string &example : examples)
    text += "  " + program + " " + example + "\n";
  return text;
}

} // namespace bitnet
