// What the server's COMMAND says about every command, in the form the filter reads: a flat table found by
// lower-case name ("get", "xgroup|create"), built once and never changed. No allocation in a lookup.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vswim::module {

// Commands that the filter treats by name.
enum class Special : std::uint8_t {
  none,
  multi,
  exec,
  discard,
  reset,
  readonly,
  readwrite,
  asking,
  watch,
  unwatch,
  stream_read,
  functions,
  quit,
  cluster,
  info,
  config,
  cluster_scan,
  keyspace,
  debug,
  select,
  swapdb,
  move,
  copy,
  replicaof,
  failover,
  psync,
  shutdown,
  import_keys,
  flush,
  migrate,
  module_load,
};

struct KeySpec {
  enum class Begin : std::uint8_t { index, keyword };
  enum class Find : std::uint8_t { range, keynum };
  Begin begin = Begin::index;
  Find find = Find::range;
  int index = 0;       // begin index
  int start_from = 0;  // begin keyword
  std::string keyword;
  int last = 0, step = 1, limit = 0;    // range
  int keynum_index = 0, first_key = 0;  // keynum (step shared)
};

struct Command {
  std::string name;
  int arity = 0;
  bool write = false;
  bool may_write = false;  // COMMAND does not flag it as write, yet it may (scripts, publish, PFCOUNT)
  bool script = false;     // runs commands of its own
  bool container = false;  // look up "name|subcommand" instead
  bool pubsub = false;
  bool blocking = false;  // may wait for its keys
  bool noscript = false;
  bool deny_oom = false;
  bool no_multi = false;      // refused inside of a transaction
  bool names_no_key = false;  // the argument that routes it is no key
  Special special = Special::none;
  bool ask_server = false;            // only the server can tell its keys
  int first = 0, last = 0, step = 0;  // the usual case, when `specs` is empty
  std::vector<KeySpec> specs;

  bool may_flush() const { return special == Special::flush || script; }
  bool has_keys() const { return first > 0 || !specs.empty() || ask_server; }
};

// CLUSTERSCAN's name here; on releases that do not have it, this one's.
constexpr std::string_view own_scan_name = "swim.clusterscan", scan_name = "clusterscan";

class CommandTable {
 public:
  CommandTable();
  // Later entries of the same name replace earlier ones.
  void add(Command command);
  const Command* find(std::string_view name) const;
  // The entry of "<container>|<subcommand>", else null.
  const Command* find(std::string_view container, std::string_view subcommand) const;
  std::size_t size() const { return commands_.size(); }

 private:
  static constexpr std::size_t buckets =
      4'096;  // a power of two, several times the number of commands of any release
  static constexpr std::size_t name_bytes_max = 63;
  static constexpr std::uint16_t none = 0xffff;

  const Command* find_lower(std::string_view lower) const;
  std::array<std::uint16_t, buckets> index_{};
  std::vector<Command> commands_;
};

// CLUSTERSCAN runs in this module under both of its names.
void add_own_scan(CommandTable& table);

// What the module knows of a command beyond COMMAND: its special treatment and whether it may write.
void classify(Command& command);

}  // namespace vswim::module
