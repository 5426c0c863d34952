#include "module/rewriting.hpp"

#include "module/arguments.hpp"
#include "module/command_keys.hpp"

namespace vswim::module {
namespace {

void replace_field(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    if (at == 0 || text[at - 1] == '\n') {
      text.replace(at, from.size(), to);
    } else {
      at += from.size() - to.size() + 1;  // not at the start of a line: look behind it
    }
  }
}

// Glob of the server's kind, as far as CONFIG GET needs it: * and ?; a class ([..]) counts as a match of
// anything.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.find('[') != std::string_view::npos) return true;
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    const std::size_t rest = pattern.find_first_not_of('*');
    if (rest == std::string_view::npos) return true;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (matches(pattern.substr(rest), text.substr(i))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  if (pattern.front() != '?' && !equal_ignoring_case(pattern.substr(0, 1), text.substr(0, 1))) return false;
  return matches(pattern.substr(1), text.substr(1));
}

constexpr std::size_t pattern_bytes_max = 64;  // longer ones match neither name unless they are made of stars

}  // namespace

std::string rewrite_info(std::string_view text, bool slots_wait) {
  std::string result(text);
  replace_field(result, "cluster_enabled:0\r\n", "cluster_enabled:1\r\n");
  replace_field(result, "redis_mode:standalone\r\n", "redis_mode:cluster\r\n");
  replace_field(result, "server_mode:standalone\r\n", "server_mode:cluster\r\n");
  if (slots_wait) {
    replace_field(result, "paused_reason:none\r\n", "paused_reason:slot_migration_in_progress\r\n");
    replace_field(result, "paused_actions:none\r\n", "paused_actions:write\r\n");
  }
  return result;
}

std::string_view rewritten_config(std::string_view name) {
  if (name == "cluster-enabled") return "yes";
  if (name == "databases" || name == "cluster-databases") return "1";  // valkey-cli --cluster fix walks them
  return {};
}

bool concerns_rewritten_config(std::string_view pattern) {
  if (pattern.size() > pattern_bytes_max) return pattern.find('*') != std::string_view::npos;
  return matches(pattern, "cluster-enabled") || matches(pattern, "databases") ||
         matches(pattern, "cluster-databases");
}

std::string_view info_field(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const std::size_t colon = at + name.size();
    if ((at != 0 && text[at - 1] != '\n') || colon >= text.size() || text[colon] != ':') continue;
    const std::size_t end = text.find('\r', colon);
    return text.substr(colon + 1, end == std::string_view::npos ? end : end - colon - 1);
  }
  return {};
}

std::string without_replicaof(std::string_view file) {
  std::string result;
  while (!file.empty()) {
    const std::size_t newline = file.find('\n');
    const std::string_view line = file.substr(0, newline == std::string_view::npos ? newline : newline + 1);
    const auto words = split_words(line, " \t\r\n");
    const bool role = !words.empty() && (equal_ignoring_case(words[0], "replicaof") ||
                                         equal_ignoring_case(words[0], "slaveof"));
    if (!role) result += line;
    file.remove_prefix(line.size());
  }
  return result;
}

}  // namespace vswim::module
