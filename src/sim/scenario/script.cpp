#include "sim/scenario/script.hpp"

namespace vswim::sim::scenario {

namespace {
constexpr std::string_view separator = "----";
constexpr std::string_view red_prefix = "# red under:";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (true) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos || line[at] == '#') return words;
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
}

// "l4b (I10), l4 (I9)"
void parse_claims(Script& script, std::size_t line, std::string_view text) {
  std::string plain;
  for (const char c : text) plain += c == '(' || c == ')' || c == ',' ? ' ' : c;
  const auto words = words_of(plain);
  if (words.empty() || words.size() % 2 != 0)
    fail(script.path, line, "after \"red under:\" stand pairs, as in: l4b (I10), l4 (I9)");
  for (std::size_t i = 0; i < words.size(); i += 2) script.red_under.push_back({words[i], words[i + 1]});
}
}  // namespace

void fail(const std::string& path, std::size_t line, const std::string& what) {
  throw ScriptError(path + ":" + std::to_string(line) + ": " + what);
}

Script parse_script(const std::string& path, std::string_view text) {
  Script script;
  script.path = path;
  bool golden = false;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (golden) {
      script.golden.emplace_back(line);
      continue;
    }
    if (line == separator) {
      golden = true;
      continue;
    }
    script.told.append(line).append("\n");
    if (line.starts_with(red_prefix)) parse_claims(script, number, line.substr(red_prefix.size()));
    auto words = words_of(line);
    if (!words.empty()) script.commands.push_back({number, std::move(words)});
  }
  if (!script.told.starts_with("# ")) fail(path, 1, "a scenario begins with a comment that tells its story");
  return script;
}

std::string with_golden(const Script& script, const std::vector<std::string>& trace) {
  std::string text = script.told + std::string(separator) + "\n";
  for (const auto& line : trace) text += line + "\n";
  return text;
}

}  // namespace vswim::sim::scenario
