// A few gossip machines and a bad network between them: loss, delay, reordering, duplication, partitions.
// Virtual time.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "gossip/gossip.hpp"

namespace vswim::gossip {

inline NodeId node_id(std::size_t index) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(index + 1);
  id.bytes[1] = static_cast<std::uint8_t>((index + 1) >> 8);
  return id;
}

inline contract::Write put(std::string key, std::string value,
                           std::optional<Revision> expected = std::nullopt) {
  return {std::move(key), std::move(value), expected};
}
inline contract::Write erase(std::string key, std::optional<Revision> expected) {
  return {std::move(key), std::nullopt, expected};
}

struct World {
  struct Options {
    std::size_t nodes = 5;
    std::uint32_t loss_per_million = 0;
    Settings settings = {};
    bool streams_batches = true;   // large news as batches, else by repairs
    bool repairs_by_parts = true;  // else by whole snapshots, as with a peer of an older version
    Duration step = milliseconds(50);
    std::uint64_t seed = 1;
  };
  // What Core sees of one node, built from `changed` alone.
  using View = std::map<std::string, Register>;

  explicit World(const Options& given) : options(given), rng(given.seed) {
    for (std::size_t i = 0; i < options.nodes; ++i) {
      nodes.emplace_back(options.settings, node_id(i), now, Rng(rng.next()));
      views.emplace_back();
    }
  }

  // Writes with the revisions that are seen there now.
  WriteOutcome write(std::size_t at, contract::Batch batch) {
    for (auto& entry : batch) {
      const auto found = nodes[at].find(entry.key);
      entry.expected = found ? std::optional(found->revision) : std::nullopt;
    }
    const auto outcome = nodes[at].write(now, batch);
    drain(at);
    return outcome;
  }

  void run_for(Duration duration) {
    for (const Instant end = now + duration; now < end;) tick();
  }

  void tick() {
    now = now + options.step;
    for (std::size_t at = 0; at < nodes.size(); ++at) {
      nodes[at].on_timer(now);
      drain(at);
    }
    deliver();
    ++ticks;
    for (std::size_t at = 0; at < nodes.size(); ++at) {
      // Four steps are a gossip interval, twenty a probe period; nodes are out of step with each other.
      if ((ticks + at) % 4 == 0 && nodes[at].has_rumours()) {
        for (int i = 0; i < 3; ++i) send_rumours(at, random_other(at));
      }
      if ((ticks + at) % 20 == 0) {
        const std::size_t peer = random_other(at);
        send_rumours(at, peer);
        send_rumours(peer, at);
      }
    }
  }

  bool all_equal() const {
    return std::all_of(nodes.begin(), nodes.end(), [this](const Gossip& node) {
      return node.root() == nodes[0].root() && node.live() == nodes[0].live();
    });
  }
  // Until all are equal, at most `limit`; how long it took.
  Duration time_to_equal(Duration limit) {
    const Instant start = now;
    while (!all_equal() && now - start < limit) tick();
    return now - start;
  }

  // ---- the network ----
  using Delivery = std::function<void()>;
  bool is_cut(std::size_t a, std::size_t b) const { return side.contains(a) != side.contains(b); }
  void post(std::size_t from, std::size_t to, bool reliable, Delivery delivery) {
    if (is_cut(from, to)) return;
    if (!reliable && rng.chance(options.loss_per_million)) return;
    const auto delay = milliseconds(static_cast<std::int64_t>(rng.below(120)));
    if (!reliable && rng.chance(options.loss_per_million / 2))
      in_flight.emplace(now + delay + delay, delivery);
    in_flight.emplace(now + delay, std::move(delivery));
  }
  void deliver() {
    while (!in_flight.empty() && in_flight.begin()->first <= now) {
      const auto delivery = std::move(in_flight.begin()->second);
      in_flight.erase(in_flight.begin());
      delivery();
    }
  }
  void send_rumours(std::size_t from, std::size_t to) {
    post(from, to, false,
         [this, from, to, root = nodes[from].root(), batches = nodes[from].fill(900, nodes.size())] {
           for (const auto& batch : batches) {
             nodes[to].apply(now, batch);
             drain(to);
           }
           nodes[to].on_root(now, node_id(from), root);
           drain(to);
         });
  }
  struct Digests {
    RepairEra era;
    BucketDigests buckets;
  };
  Digests digests_of(std::size_t at) const { return {nodes[at].era(), nodes[at].digests()}; }
  // As provider/repair.cpp: asked with digests, answered by a part and digests, returned by a part.
  void repair(std::size_t at, std::size_t peer) {
    ++repairs;
    if (!options.repairs_by_parts) {
      post(at, peer, true, [this, at, peer] {
        post(peer, at, true, [this, at, snapshot = nodes[peer].snapshot()] {
          nodes[at].apply_snapshot(now, snapshot);
          drain(at);
        });
      });
      return;
    }
    post(at, peer, true, [this, at, peer, asked = digests_of(at)] {
      send_part(peer, at, asked,
                [this, at, peer, answered = digests_of(peer)] { send_part(at, peer, answered, [] {}); });
    });
  }
  void send_part(std::size_t from, std::size_t to, const Digests& theirs, Delivery then) {
    const Part part{theirs.era, nodes[from].differing(theirs.buckets)};
    post(from, to, true, [this, to, part, then = std::move(then)] {
      nodes[to].apply_part(now, part);
      drain(to);
      then();
    });
  }
  std::size_t random_other(std::size_t at) {
    const auto other = static_cast<std::size_t>(rng.below(nodes.size() - 1));
    return other < at ? other : other + 1;
  }
  static std::size_t index_of(const NodeId& id) { return (id.bytes[0] | id.bytes[1] << 8) - std::size_t{1}; }

  // What the provider does with outputs.
  void drain(std::size_t at) {
    auto output = nodes[at].take_output();
    for (const auto& entry : output.changed) views[at].insert_or_assign(entry.key, entry);
    if (!output.changed.empty() && on_group) on_group(at, output.changed);
    for (const auto& peer : output.repair_with) repair(at, index_of(peer));
    if (options.streams_batches) {
      for (const auto& batch : nodes[at].take_large_batches()) {
        for (int i = 0; i < 3; ++i) {
          const std::size_t to = random_other(at);
          post(at, to, true, [this, to, batch] {
            nodes[to].apply(now, batch);
            drain(to);
          });
        }
      }
    }
    if (nodes[at].take_large_news()) {
      for (int i = 0; i < 3; ++i) repair(at, random_other(at));
    }
  }

  Options options;
  Rng rng;
  Instant now{1'000'000'000};
  std::uint64_t ticks = 0;
  std::vector<Gossip> nodes;
  std::vector<View> views;
  std::set<std::size_t> side;  // these are cut off from the rest
  std::multimap<Instant, Delivery> in_flight;
  std::size_t repairs = 0;
  std::function<void(std::size_t, const std::vector<Register>&)> on_group;
};

}  // namespace vswim::gossip
