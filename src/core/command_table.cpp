#include "core/command_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace vswim::core {

namespace {

struct Entry {
  std::string_view name;
  int arity;
  Command command;
};

constexpr std::array<Entry, 33> entries = {{
    {"addslots", -3, Command::addslots},
    {"addslotsrange", -4, Command::addslotsrange},
    {"bumpepoch", 2, Command::bumpepoch},
    {"cancelslotmigrations", -2, Command::cancelslotmigrations},
    {"count-failure-reports", 3, Command::count_failure_reports},
    {"countkeysinslot", 3, Command::countkeysinslot},
    {"delslots", -3, Command::delslots},
    {"delslotsrange", -4, Command::delslotsrange},
    {"failover", -2, Command::failover},
    {"flushslot", -3, Command::flushslot},
    {"flushslots", 2, Command::flushslots},
    {"forget", 3, Command::forget},
    {"getkeysinslot", 4, Command::getkeysinslot},
    {"getslotmigrations", 2, Command::getslotmigrations},
    {"help", 2, Command::help},
    {"info", 2, Command::info},
    {"keyslot", 3, Command::keyslot},
    {"links", 2, Command::links},
    {"meet", -4, Command::meet},
    {"migrateslots", -4, Command::migrateslots},
    {"myid", 2, Command::myid},
    {"myshardid", 2, Command::myshardid},
    {"nodes", 2, Command::nodes},
    {"replicas", 3, Command::replicas},
    {"replicate", -3, Command::replicate},
    {"reset", -2, Command::reset},
    {"saveconfig", 2, Command::saveconfig},
    {"set-config-epoch", 3, Command::set_config_epoch},
    {"setslot", -4, Command::setslot},
    {"shards", 2, Command::shards},
    {"slaves", 3, Command::replicas},
    {"slot-stats", -4, Command::slot_stats},
    {"slots", 2, Command::slots},
}};

constexpr std::size_t name_bytes_shown = 128;  // of a user's word in an error text

// Native help texts are part of the interface that tools parse; wording per subcommand is ours where it may
// differ.
constexpr std::string_view help_lines[] = {
    "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ADDSLOTS <slot> [<slot> ...]",
    "    Give these slots to this node's shard.",
    "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
    "    Give these ranges of slots to this node's shard.",
    "BUMPEPOCH",
    "    Raise the config epoch of this node.",
    "CANCELSLOTMIGRATIONS [ALL]",
    "    End every migration of slots away from here; one that is being handed over may still complete.",
    "COUNT-FAILURE-REPORTS <node-id>",
    "    Always 0: failures are proven by leases, not counted by reports.",
    "COUNTKEYSINSLOT <slot>",
    "    Number of keys in a slot.",
    "DELSLOTS <slot> [<slot> ...]",
    "    Take these slots away from this node's shard.",
    "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
    "    Take these ranges of slots away from this node's shard.",
    "FLUSHSLOT <slot> [ASYNC|SYNC]",
    "    Delete the keys of a slot.",
    "FLUSHSLOTS",
    "    Take all slots away from this node's shard.",
    "FAILOVER [FORCE|TAKEOVER]",
    "    Make this replica the primary of its shard.",
    "FORGET <node-id>",
    "    Remove a node from the whole cluster.",
    "GETKEYSINSLOT <slot> <count>",
    "    Names of keys in a slot.",
    "GETSLOTMIGRATIONS",
    "    Migrations of slots that go on here or ended lately, newest first.",
    "INFO",
    "    State and counters of the cluster.",
    "KEYRING (LIST|INSTALL|USE <key-id> [FORCE]|REMOVE <key-id> [FORCE])",
    "    The cluster secrets: which node has which, and how they are changed.",
    "KEYSLOT <key>",
    "    The slot of a key.",
    "LINKS",
    "    Two entries for every peer, as if nodes kept links; they send datagrams.",
    "MEET <ip> <port> [<bus-port>]",
    "    Join the cluster of that node.",
    "MIGRATESLOTS SLOTSRANGE <start> <end> [<start> <end> ...] NODE <node-id> [SLOTSRANGE ...]",
    "    Move slots with their keys to the shard of that primary, in the background.",
    "MYID",
    "    This node's id.",
    "MYSHARDID",
    "    This node's shard id.",
    "NODES",
    "    The cluster as this node sees it, a line for each node:",
    "    <id> <ip:port@bus-port[,hostname]> <flags> <primary> <pings> <pongs> <epoch> <link> <slot> ...",
    "REPLICAS <node-id>",
    "    The replicas of a primary.",
    "REPLICATE (<node-id>|NO ONE)",
    "    Become a replica of that primary, or an empty primary of a new shard.",
    "RESET [HARD|SOFT]",
    "    Leave the cluster and start anew (default: soft).",
    "SAVECONFIG",
    "    Accepted: the state is always saved before it is used.",
    "SET-CONFIG-EPOCH <epoch>",
    "    Set the config epoch of a fresh node.",
    "SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)",
    "    Set the state of a slot.",
    "SHARDS",
    "    Slots and nodes of every shard.",
    "SLOT-STATS (SLOTSRANGE <start> <end> | ORDERBY KEY-COUNT [LIMIT <limit>] [ASC|DESC])",
    "    Number of keys in each of this shard's slots.",
    "SLOTS",
    "    Ranges of slots with the addresses and ids of their nodes.",
    "HELP",
    "    Print this help.",
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string subcommand_syntax_error(const std::string& subcommand) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         subcommand.substr(0, name_bytes_shown) + "'. Try CLUSTER HELP.";
}

ParsedCommand parse_command(const Arguments& arguments) {
  if (arguments.empty()) return {std::nullopt, "ERR wrong number of arguments for 'cluster' command"};
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return same_word(entry.name, arguments[0]); });
  if (found == entries.end()) {
    return {std::nullopt,
            "ERR unknown subcommand '" + arguments[0].substr(0, name_bytes_shown) + "'. Try CLUSTER HELP."};
  }
  const auto count = static_cast<int>(arguments.size()) + 1;
  if ((found->arity > 0 && count != found->arity) || count < -found->arity) {
    return {std::nullopt,
            "ERR wrong number of arguments for 'cluster|" + std::string(found->name) + "' command"};
  }
  return {found->command, ""};
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  const auto digits = text.substr(negative ? 1 : 0);
  if (digits.size() > 1 && digits[0] == '0')
    return std::nullopt;  // "007" and "-0" are no integers to a server
  if (negative && number == 0) return std::nullopt;
  return number;
}

Reply help_reply() {
  Reply::Array lines;
  for (const auto line : help_lines) lines.push_back({Reply::Simple{std::string(line)}});
  return {std::move(lines)};
}

}  // namespace vswim::core
