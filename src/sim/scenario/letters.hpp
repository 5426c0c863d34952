// What a scenario does to single messages on their way, those of the shard logs and those between providers:
// drop them, hold them until they are released, or keep a copy that is delivered a second time. Everything
// else passes.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "shard_log/messages.hpp"
#include "sim/cluster.hpp"
#include "wire/control.hpp"

namespace vswim::sim::scenario {

using Letter = std::variant<shard_log::Message, wire::Control>;

// Kinds are the names of shard_log::Message's and wire::Control's alternatives, and finer ones of an Append:
// Heartbeat (nothing in it), Entries, Seal (entries with one). Empty for an unknown name.
using Kind = std::function<bool(const Letter&)>;
Kind kind_of(const std::string& name);

enum class Fate : std::uint8_t { drop, hold, copy };

struct LetterRule {
  Fate fate = Fate::drop;
  std::string kind_name;
  Kind kind;
  std::optional<NodeIndex> from, to;  // absent: anybody
  std::optional<ShardId> shard;       // of a shard log's message; absent: any
  std::optional<std::size_t> left;    // how many more; absent: all
};

class Letters {
 public:
  using Told = std::function<void(const LetterRule&, NodeIndex from, NodeIndex to)>;

  Letters(Cluster& cluster, Told told);
  ~Letters();
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;

  void add(LetterRule rule) { rules_.push_back(std::move(rule)); }
  // Ends the rules of that kind (all when empty); what they hold is sent on its way, or thrown away.
  void end(const std::string& kind_name, bool deliver);
  std::size_t held(const std::string& kind_name) const;
  std::size_t caught(const std::string& kind_name) const;  // so far, by all rules of that kind

 private:
  struct Held {
    std::string kind_name;
    Parcel parcel;
  };
  bool pass(const Parcel& parcel);
  void send(Parcel&& parcel);

  Cluster* cluster_;
  Told told_;
  std::vector<LetterRule> rules_;
  std::vector<Held> held_;
  std::vector<std::string> caught_;
};

}  // namespace vswim::sim::scenario
