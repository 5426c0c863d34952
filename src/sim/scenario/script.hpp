// A scenario file as a value: a comment that tells the story, commands one a line, and behind a line of four
// dashes the golden trace. docs/scenarios.md describes the language.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vswim::sim::scenario {

struct Command {
  std::size_t line = 0;
  std::vector<std::string> words;
};

// "# red under: l4b (I10)": without that rule this checker goes red. The checker "expect" is the script's
// own.
struct RedClaim {
  std::string mutation;
  std::string checker;
};

struct Script {
  std::string path;
  std::string told;  // all lines before the golden trace, as they stand in the file
  std::vector<RedClaim> red_under;
  std::vector<Command> commands;
  std::vector<std::string> golden;
};

// What is wrong with a script, with its file and line.
struct ScriptError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void fail(const std::string& path, std::size_t line, const std::string& what);

Script parse_script(const std::string& path, std::string_view text);
std::string with_golden(const Script& script, const std::vector<std::string>& trace);

}  // namespace vswim::sim::scenario
