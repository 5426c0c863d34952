// The subcommands of CLUSTER as native servers declare them: name and arity (counted with CLUSTER itself;
// negative: at least). Arity and unknown names are answered with the native texts before a handler runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/core.hpp"

namespace vswim::core {

enum class Command : std::uint8_t {
  addslots,
  addslotsrange,
  bumpepoch,
  count_failure_reports,
  countkeysinslot,
  delslots,
  delslotsrange,
  failover,
  flushslot,
  flushslots,
  forget,
  getkeysinslot,
  help,
  info,
  keyslot,
  links,
  meet,
  myid,
  myshardid,
  nodes,
  replicas,
  replicate,
  reset,
  saveconfig,
  set_config_epoch,
  setslot,
  migrateslots,
  getslotmigrations,
  cancelslotmigrations,
  shards,
  slot_stats,
  slots
};

using Arguments = std::vector<std::string>;

struct ParsedCommand {
  std::optional<Command> command;
  std::string error;  // with its code, when there is no command
};
ParsedCommand parse_command(const Arguments& arguments);

// Errors shared by handlers.
std::string subcommand_syntax_error(const std::string& subcommand);
bool same_word(std::string_view a, std::string_view b);            // without regard to case
std::optional<std::int64_t> parse_integer(std::string_view text);  // as servers parse: strict, 64 bits
Reply help_reply();

}  // namespace vswim::core
