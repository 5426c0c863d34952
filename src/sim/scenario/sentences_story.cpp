// Sentences about registers of the two kinds, and about what the story has heard and lost.
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/scenario/sentences.hpp"

namespace vswim::sim::scenario {

namespace {
std::pair<std::string, std::string> assignment(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos) throw std::invalid_argument("\"" + word + "\" should be register=value");
  return {"test:" + word.substr(0, equals), word.substr(equals + 1)};
}

const contract::Register* register_at(const Stage& stage, NodeIndex node, const std::string& key) {
  if (!stage.alive(node)) return nullptr;
  const auto& registers = stage.cluster.node(node).shard_registers();
  const auto found = registers.find(key);
  return found == registers.end() || !found->second.value ? nullptr : &found->second;
}

bool lost_nothing(const Stage& stage) {
  return std::ranges::all_of(stage.acknowledged, [&](const auto& write) {
    for (NodeIndex node = 0; node < stage.cast.size(); ++node) {
      if (!stage.cluster.serves(node)) continue;
      const auto& data = stage.cluster.node(node).engine().data();
      const auto found = data.find(write.first);
      if (found != data.end() && found->second == write.second) return true;
    }
    return false;
  });
}

// Registers of one gossip batch: a node has all of them with one value, or none.
bool seen_whole(const Stage& stage, const Words& keys) {
  for (NodeIndex node = 0; node < stage.cast.size(); ++node) {
    if (!stage.alive(node)) continue;
    const auto& registers = stage.cluster.node(node).global_registers();
    std::optional<std::optional<std::string>> first;
    for (const auto& key : keys) {
      const auto found = registers.find("test:" + key);
      const auto value = found == registers.end() ? std::nullopt : found->second.value;
      if (first && *first != value) return false;
      first = value;
    }
  }
  return true;
}

bool gossip_agrees(const Stage& stage) {
  std::optional<Hash128> root;
  for (NodeIndex node = 0; node < stage.cast.size(); ++node) {
    if (!stage.alive(node)) continue;
    const auto here = stage.cluster.node(node).provider().global_gossip().root();
    if (root && *root != here) return false;
    root = here;
  }
  return true;
}
}  // namespace

std::vector<Sentence> about_registers() {
  return {
      {"<node> shows <register=value>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), wanted = assignment(w[1])] {
           const auto* found = register_at(*s, n, wanted.first);
           return found != nullptr && found->value == wanted.second;
         };
       }},
      {"<node> has settled <register=value>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), wanted = assignment(w[1])] {
           const auto* found = register_at(*s, n, wanted.first);
           const auto* seat = s->alive(n) ? s->cluster.node(n).provider().own_seat() : nullptr;
           return found != nullptr && found->value == wanted.second && seat != nullptr &&
                  seat->status().settled >= found->revision.minor;
         };
       }},
      {"<node> has accepted <number> more than committed",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), count = number_of(w[1])] {
           const auto* seat = s->alive(n) ? s->cluster.node(n).provider().own_seat() : nullptr;
           if (seat == nullptr) return false;
           const auto status = seat->status();
           return status.last_accepted == status.committed + count;
         };
       }},
      {"<node> has heard <register=value>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), wanted = assignment(w[1])] {
           if (!s->alive(n)) return false;
           const auto& registers = s->cluster.node(n).global_registers();
           const auto found = registers.find(wanted.first);
           return found != registers.end() && found->second.value == wanted.second;
         };
       }},
      {"<node> has heard of <register>",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, n = node_of(*h.stage, w[0]), key = "test:" + w[1]] {
           if (!s->alive(n)) return false;
           const auto& registers = s->cluster.node(n).global_registers();
           const auto found = registers.find(key);
           return found != registers.end() && found->second.value.has_value();
         };
       }},
      {"nobody sees half of <registers>+",
       [](const Heard& h, const Words& w) -> Condition {
         return [s = h.stage, keys = split(w[0])] { return seen_whole(*s, keys); };
       }},
      {"gossip agrees",
       [](const Heard& h, const Words&) -> Condition { return [s = h.stage] { return gossip_agrees(*s); }; }},
  };
}

std::vector<Sentence> about_the_story() {
  return {
      {"reply is <text>+",
       [](const Heard& h, const Words& w) -> Condition {
         return [heard = &h, text = w[0]] { return heard->reply == text; };
       }},
      {"reply begins <text>+",
       [](const Heard& h, const Words& w) -> Condition {
         return [heard = &h, text = w[0]] { return heard->reply && heard->reply->starts_with(text); };
       }},
      {"reply came",
       [](const Heard& h, const Words&) -> Condition {
         return [heard = &h] { return heard->reply.has_value(); };
       }},
      {"<kind> was caught",
       [](const Heard& h, const Words& w) -> Condition {
         return [letters = h.letters, kind = w[0]] { return letters->caught(kind) > 0; };
       }},
      {"nothing was lost",
       [](const Heard& h, const Words&) -> Condition { return [s = h.stage] { return lost_nothing(*s); }; }},
      {"no replica was wiped",
       [](const Heard& h, const Words&) -> Condition {
         return [s = h.stage] { return s->cluster.oracle().coverage.wiped_replicas == 0; };
       }},
      {"everything is whole",
       [](const Heard& h, const Words&) -> Condition {
         return [s = h.stage] {
           return all_serve(s->cluster, s->formed) && replicas_follow(s->cluster, s->formed);
         };
       }},
  };
}

}  // namespace vswim::sim::scenario
