// Sentences about shards and nodes.
#include <algorithm>
#include <optional>
#include <string>

#include "sim/scenario/sentences.hpp"

namespace vswim::sim::scenario {

namespace {
std::optional<NodeIndex> node_or_nobody(const Stage& stage, const std::string& word) {
  if (word == "nobody") return std::nullopt;
  return node_of(stage, word);
}

std::uint64_t refused_by(const Stage& stage, NodeIndex node) {
  if (!stage.alive(node)) return 0;
  const auto& counters = stage.cluster.node(node).provider().counters();
  return counters.bad_checksum + counters.bad_format + counters.bad_version + counters.wrong_cluster;
}

bool knows(const Stage& stage, NodeIndex node, const NodeId& id) {
  return stage.alive(node) && std::ranges::any_of(stage.cluster.node(node).membership().members,
                                                  [&](const auto& member) { return member.id == id; });
}

std::size_t servers_of_slot(const Stage& stage, std::uint64_t slot) {
  std::size_t count = 0;
  for (NodeIndex node = 0; node < stage.cast.size(); ++node) {
    count += stage.cluster.serves(node) && stage.cluster.node(node).core().routing().served.at(slot) ? 1 : 0;
  }
  return count;
}
}  // namespace

std::vector<Sentence> about_shards() {
  return {
      {"primary of <shard> is <node|nobody>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), node = node_or_nobody(*h.stage, w[1])] {
           return s->primary(shard) == node;
         };
       }},
      {"leader of <shard> is <node|nobody>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), node = node_or_nobody(*h.stage, w[1])] {
           return s->leader(shard) == node;
         };
       }},
      {"log of <shard> names <node>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), node = node_of(*h.stage, w[1])] {
           const auto named = s->shown(shard, "primaryship");
           return named && named->value == s->cluster.node(node).id().hex();
         };
       }},
      {"epoch of <shard> is <number>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), n = number_of(w[1])] {
           return s->epoch(shard) == n;
         };
       }},
      {"epoch of <shard> is at least <number>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), n = number_of(w[1])] {
           return s->epoch(shard) >= n;
         };
       }},
      {"voters of <shard> are <voters>+",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, shard = shard_of(*h.stage, w[0]), text = w[1]] {
           const auto configuration = s->configuration(shard);
           return configuration && s->voters_text(*configuration) == text;
         };
       }},
      {"slot <number> is served once",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, slot = number_of(w[0])] { return servers_of_slot(*s, slot) == 1; };
       }},
      {"slot <number> is served twice",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, slot = number_of(w[0])] { return servers_of_slot(*s, slot) == 2; };
       }},
  };
}

std::vector<Sentence> about_nodes() {
  return {
      {"<node> serves",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0])] { return s->cluster.serves(n); };
       }},
      {"<node> serves slot <number>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), slot = number_of(w[1])] {
           return s->cluster.serves(n) && s->cluster.node(n).core().routing().served.at(slot);
         };
       }},
      {"<node> holds slot <number>",  // its fence is up: commands wait
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), slot = number_of(w[1])] {
           return s->cluster.serves(n) &&
                  s->cluster.node(n).core().routing().mode.at(slot) == core::SlotMode::fenced;
         };
       }},
      {"<node> has won its ballot",  // leads, perhaps without being able to commit anything
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0])] {
           const auto* seat = s->alive(n) ? s->cluster.node(n).provider().own_seat() : nullptr;
           return seat != nullptr && seat->status().leading;
         };
       }},
      {"<node> is leased",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0])] {
           return s->alive(n) && s->cluster.node(n).seen().leased(s->cluster.now());
         };
       }},
      {"<node> is dead",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0])] { return !s->alive(n); };
       }},
      {"<node> is in sync",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0])] { return s->follows(n); };
       }},
      {"<node> is in shard <shard>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), shard = shard_of(*h.stage, w[1])] {
           return s->alive(n) && s->cluster.shard_of(n) == shard;
         };
       }},
      {"<node> is a witness of <shard>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), shard = shard_of(*h.stage, w[1])] {
           const auto configuration = s->configuration(shard);
           return configuration && std::ranges::any_of(configuration->voters, [&](const auto& voter) {
                    return voter.role == shard_log::Role::witness && voter.node == s->cluster.node(n).id();
                  });
         };
       }},
      {"<node> takes <node> for FAIL",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, by = node_of(*h.stage, w[0]), of = node_of(*h.stage, w[1])] {
           return s->health(of, by) == contract::Health::fail;
         };
       }},
      {"<node> takes <node> for well",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, by = node_of(*h.stage, w[0]), of = node_of(*h.stage, w[1])] {
           return s->health(of, by) == contract::Health::ok;
         };
       }},
      {"<node> knows <node>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), of = node_of(*h.stage, w[1])] {
           return knows(*s, n, s->cluster.node(of).id());
         };
       }},
      {"<node> knows <number> members",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), count = number_of(w[1])] {
           return s->alive(n) && s->cluster.node(n).membership().members.size() == count;
         };
       }},
      {"nobody else knows <node>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, of = node_of(*h.stage, w[0])] {
           for (NodeIndex node = 0; node < s->cast.size(); ++node) {
             if (node != of && knows(*s, node, s->cluster.node(of).id())) return false;
           }
           return true;
         };
       }},
      {"keys of <node> are <number>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), count = number_of(w[1])] {
           return s->alive(n) && s->cluster.node(n).engine().data().size() == count;
         };
       }},
      {"<node> refused at least <number>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), count = number_of(w[1])] {
           return refused_by(*s, n) >= count;
         };
       }},
  };
}

}  // namespace vswim::sim::scenario
