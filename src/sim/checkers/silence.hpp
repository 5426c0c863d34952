// I15: silence after a start. A seat that came back from its file promises nothing and supports nobody,
// itself included, before the largest T it ever promised has passed since the start, in the oracle's time.
// That is the exact bound: what it supported in its former life began before the start and cannot carry a
// leader for longer than T of true time, whatever the clocks did (rule L2's T(1-drift) on a clock that is
// slow by as much); the seat itself waits T(1+drift), which a fast clock makes T and nothing makes less. Fed
// with what a starting node finds in its file, with every message it sends meanwhile, and with its seats.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/overloaded.hpp"
#include "sim/checkers/seat_files.hpp"
#include "wire/packet.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim {

class Silence : public SeatFileReader {
 public:
  explicit Silence(Violations& violations) : violations_(&violations) {}

  void on_recovered(WorldTime now, NodeIndex node, const std::map<ShardId, SeatFile>& seats) override {
    if (silent_.size() <= node) silent_.resize(node + 1);
    auto& own = silent_[node];
    own = {};
    for (const auto& [shard, seat] : seats) {
      if (seat.ttl_max.ns == 0) continue;
      own.seats[shard] = {seat.uuid, now + seat.ttl_max - rounding};
      own.until = std::max(own.until, now + seat.ttl_max);
    }
  }
  // A seat under a new uuid owes nothing.
  void on_opened(WorldTime, NodeIndex node, const ShardId& shard, const VoterUuid&) override {
    if (node < silent_.size()) silent_[node].seats.erase(shard);
  }
  bool listens(WorldTime now, NodeIndex node) const {
    return node < silent_.size() && now < silent_[node].until;
  }
  void on_sent(WorldTime now, NodeIndex node, std::string_view bytes) {
    if (!listens(now, node)) return;
    const auto decoded = wire::decode(bytes);
    if (decoded.error != wire::DecodeError::none) return;
    for (const auto& part : decoded.packet.small_log) on_message(now, node, part.shard, part.message);
    for (const auto& part : decoded.packet.shard_log) {
      if (const auto message = wire::decode_message(part.payload))
        on_message(now, node, part.shard, *message);
    }
  }
  void on_message(WorldTime now, NodeIndex node, const ShardId& shard, const shard_log::Message& message) {
    const auto owed = owed_by(now, node, shard);
    if (!owed) return;
    const auto speaks = [&](bool as_voter, const VoterUuid& uuid, const char* what) {
      if (as_voter && uuid == owed->uuid) broken(now, node, shard, *owed, what);
    };
    std::visit(
        Overloaded{
            [&](const shard_log::Appended& said) { speaks(said.supports, said.voter, "supports a leader"); },
            [&](const shard_log::PreVoted& said) { speaks(said.granted, said.voter, "grants a pre-vote"); },
            [&](const shard_log::Promised& said) { speaks(true, said.voter, "promises"); },
            [&](const shard_log::Installed& said) {
              speaks(said.supports, said.voter, "supports an installer");
            },
            [&](const shard_log::Prepare&) { broken(now, node, shard, *owed, "promises itself"); },
            [](const auto&) {},
        },
        message);
  }
  void on_leading(WorldTime now, NodeIndex node, const ShardId& shard) {
    if (const auto owed = owed_by(now, node, shard)) broken(now, node, shard, *owed, "leads");
  }

 private:
  static constexpr Duration rounding = microseconds(1);
  struct Owed {
    VoterUuid uuid;
    WorldTime until;
  };
  struct NodeSilence {
    WorldTime until;
    std::map<ShardId, Owed> seats;
  };
  std::optional<Owed> owed_by(WorldTime now, NodeIndex node, const ShardId& shard) const {
    if (!listens(now, node)) return std::nullopt;
    const auto found = silent_[node].seats.find(shard);
    if (found == silent_[node].seats.end() || now >= found->second.until) return std::nullopt;
    return found->second;
  }
  void broken(WorldTime now, NodeIndex node, const ShardId& shard, const Owed& owed, const char* what) {
    violations_->add("I15", node_name(node), now,
                     std::string(what) + " in shard " + short_id(shard) + ", silent for " +
                         std::to_string((owed.until - now).ns / 1'000) + " us more");
  }

  Violations* violations_;
  std::vector<NodeSilence> silent_;
};

}  // namespace vswim::sim
