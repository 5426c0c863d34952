#include "module/command_table.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace vswim::module {
namespace {

std::uint64_t hash_name(std::string_view lower) {
  std::uint64_t value = 1'469'598'103'934'665'603ULL;  // FNV-1a: names are short
  for (const char c : lower) value = (value ^ static_cast<std::uint8_t>(c)) * 1'099'511'628'211ULL;
  return value ^ value >> 32;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

constexpr std::pair<std::string_view, Special> specials[] = {
    {"multi", Special::multi},
    {"exec", Special::exec},
    {"discard", Special::discard},
    {"reset", Special::reset},
    {"readonly", Special::readonly},
    {"readwrite", Special::readwrite},
    {"asking", Special::asking},
    {"cluster", Special::cluster},
    {"info", Special::info},
    {"config", Special::config},
    {"dbsize", Special::keyspace},
    {"keys", Special::keyspace},
    {"scan", Special::keyspace},
    {"randomkey", Special::keyspace},
    {"debug", Special::debug},
    {scan_name, Special::cluster_scan},
    {"select", Special::select},
    {"swapdb", Special::swapdb},
    {"move", Special::move},
    {"copy", Special::copy},
    {"replicaof", Special::replicaof},
    {"slaveof", Special::replicaof},
    {"failover", Special::failover},
    {"psync", Special::psync},
    {"sync", Special::psync},
    {"shutdown", Special::shutdown},
    {"restore", Special::import_keys},
    {"restore-asking", Special::import_keys},
    {"module", Special::module_load},
    {"flushall", Special::flush},
    {"flushdb", Special::flush},
    {"migrate", Special::migrate},
    {"watch", Special::watch},
    {"unwatch", Special::unwatch},
    {"quit", Special::quit},
    {"xread", Special::stream_read},
    {"xreadgroup", Special::stream_read},
    {"function", Special::functions},
};

constexpr std::string_view writers_unflagged[] = {"eval",     "evalsha", "eval_ro",  "evalsha_ro", "fcall",
                                                  "fcall_ro", "publish", "spublish", "pfcount"};

}  // namespace

void classify(Command& command) {
  for (const auto& [name, special] : specials) {
    if (command.name == name) command.special = special;
  }
  if (std::find(std::begin(writers_unflagged), std::end(writers_unflagged), command.name) !=
      std::end(writers_unflagged)) {
    command.may_write = true;
  }
  command.names_no_key = command.name.ends_with(scan_name);
  command.script = command.name.starts_with("eval") || command.name.starts_with("fcall");
}

CommandTable::CommandTable() { index_.fill(none); }

void CommandTable::add(Command command) {
  std::transform(command.name.begin(), command.name.end(), command.name.begin(), lower);
  if (command.name.size() > name_bytes_max || commands_.size() >= buckets / 2) return;
  classify(command);
  for (std::size_t at = hash_name(command.name) % buckets;; at = (at + 1) % buckets) {
    if (index_[at] == none) {
      index_[at] = static_cast<std::uint16_t>(commands_.size());
      commands_.push_back(std::move(command));
      return;
    }
    if (commands_[index_[at]].name == command.name) {
      commands_[index_[at]] = std::move(command);
      return;
    }
  }
}

void add_own_scan(CommandTable& table) {
  for (const std::string_view name : {scan_name, own_scan_name}) {
    if (table.find(name)) continue;
    Command command;
    command.name = name;
    command.arity = -2;
    command.first = command.last = command.step = 1;
    table.add(std::move(command));
  }
}

const Command* CommandTable::find_lower(std::string_view lower) const {
  for (std::size_t at = hash_name(lower) % buckets; index_[at] != none; at = (at + 1) % buckets) {
    const Command& command = commands_[index_[at]];
    if (command.name == lower) return &command;
  }
  return nullptr;
}

const Command* CommandTable::find(std::string_view name) const {
  if (name.size() > name_bytes_max) return nullptr;
  char text[name_bytes_max];
  std::transform(name.begin(), name.end(), text, lower);
  return find_lower({text, name.size()});
}

const Command* CommandTable::find(std::string_view container, std::string_view subcommand) const {
  if (container.size() + 1 + subcommand.size() > name_bytes_max) return nullptr;
  char text[name_bytes_max];
  char* end = std::transform(container.begin(), container.end(), text, lower);
  *end++ = '|';
  end = std::transform(subcommand.begin(), subcommand.end(), end, lower);
  return find_lower({text, static_cast<std::size_t>(end - text)});
}

}  // namespace vswim::module
