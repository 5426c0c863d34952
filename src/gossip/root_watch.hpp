// With whom to repair: peers whose root differs from ours for longer than rumours need. Two views, because in
// a small cluster the same peer is met again soon and in a large one hardly ever:
//   - this peer differed in 3 exchanges in a row, over at least 3 probe periods; or
//   - everybody met in 3 probe periods differed, in at least 3 exchanges.
// Repairs that bring nothing wait longer and longer: under a steady stream of writes roots always differ.
#pragma once

#include <cstdint>
#include <map>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"

namespace vswim::gossip {

class RootWatch {
 public:
  RootWatch(Duration probe_period, Rng rng) : period_(probe_period), rng_(rng) {}

  // Whether to repair with this peer now.
  bool on_root(Instant now, const NodeId& peer, bool equal);
  void on_repaired(bool brought_news);
  void clear();
  std::size_t peers() const { return peers_.size(); }

  static constexpr std::size_t peers_max = 64;  // beyond, the same peer is hardly met again

 private:
  struct Streak {
    std::uint32_t exchanges = 0;
    Instant since{};
  };
  bool lasts(const Streak& streak, Instant now) const;
  Streak& streak_of(Instant now, const NodeId& peer);

  Duration period_;
  Rng rng_;
  std::map<NodeId, Streak> peers_;  // that differed when last met
  Streak everybody_;
  std::uint32_t fruitless_ = 0;  // repairs in a row that brought nothing
  bool repairing_ = false;       // one is under way
  Instant next_repair_ = Instant::long_ago();
};

}  // namespace vswim::gossip
