#include "sim/scenario/conditions.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace vswim::sim::scenario {

namespace {
// "<...>" in a sentence stands for one word, "<...>+" at its end for all that follow.
struct Sentence {
  const char* pattern;
  std::function<Condition(const Heard&, const Words&)> meaning;
};

Words split(std::string_view text) {
  Words words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::optional<Words> match(const Words& pattern, const Words& words) {
  Words captured;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].ends_with(">+")) {
      if (i >= words.size()) return std::nullopt;
      captured.push_back(joined(words, i));
      return captured;
    }
    if (i >= words.size()) return std::nullopt;
    if (pattern[i].starts_with('<')) {
      captured.push_back(words[i]);
    } else if (pattern[i] != words[i]) {
      return std::nullopt;
    }
  }
  return words.size() == pattern.size() ? std::optional(captured) : std::nullopt;
}

std::optional<NodeIndex> node_or_nobody(const Stage& stage, const std::string& word) {
  if (word == "nobody") return std::nullopt;
  return node_of(stage, word);
}

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

std::uint64_t refused_by(const Stage& stage, NodeIndex node) {
  if (!stage.alive(node)) return 0;
  const auto& counters = stage.cluster.node(node).provider().counters();
  return counters.bad_checksum + counters.bad_format + counters.bad_version + counters.wrong_cluster;
}

bool knows(const Stage& stage, NodeIndex node, const NodeId& id) {
  return stage.alive(node) && std::ranges::any_of(stage.cluster.node(node).membership().members,
                                                  [&](const auto& member) { return member.id == id; });
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

std::size_t servers_of_slot(const Stage& stage, std::uint64_t slot) {
  std::size_t count = 0;
  for (NodeIndex node = 0; node < stage.cast.size(); ++node) {
    count += stage.cluster.serves(node) && stage.cluster.node(node).core().routing().served.at(slot) ? 1 : 0;
  }
  return count;
}

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

std::vector<Sentence> sentences() {
  std::vector<Sentence> all;
  for (auto&& some : {about_shards(), about_nodes(), about_registers(), about_the_story()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}
}  // namespace

std::string joined(const Words& words, std::size_t from) {
  std::string text;
  for (auto i = from; i < words.size(); ++i) text += (i > from ? " " : "") + words[i];
  return text;
}

NodeIndex node_of(const Stage& stage, const std::string& word) {
  const auto node = stage.cast.node(word);
  if (!node) throw std::invalid_argument("no node is called " + word);
  return *node;
}

ShardId shard_of(const Stage& stage, const std::string& word) {
  const auto shard = stage.cast.shard(word);
  if (!shard) throw std::invalid_argument("no shard is called " + word);
  return *shard;
}

std::uint64_t number_of(const std::string& word) {
  const std::size_t start = word.starts_with('+') ? 1 : 0;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data() + start, word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || start == word.size())
    throw std::invalid_argument("\"" + word + "\" should be a number");
  return number;
}

Condition condition_of(const Heard& heard, const Words& words) {
  if (!words.empty() && words[0] == "not") {
    return [inner = condition_of(heard, {words.begin() + 1, words.end()})] { return !inner(); };
  }
  for (const auto& sentence : sentences()) {
    auto pattern = split(sentence.pattern);
    if (const auto captured = match(pattern, words)) return sentence.meaning(heard, *captured);
  }
  throw std::invalid_argument("no condition reads \"" + joined(words) + "\"; see docs/scenarios.md");
}

std::vector<std::string> known_conditions() {
  std::vector<std::string> all;
  for (const auto& sentence : sentences()) all.emplace_back(sentence.pattern);
  return all;
}

}  // namespace vswim::sim::scenario
