// The commands of a script, each a function of its words; play.cpp runs them in order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/conditions.hpp"
#include "sim/scenario/death_traps.hpp"
#include "sim/scenario/letters.hpp"
#include "sim/scenario/stage.hpp"
#include "sim/scenario/teller.hpp"

namespace vswim::sim::scenario {

// The script expected something that did not come true; the story ends there.
struct Unmet {
  std::string what;
};

class Actor {
 public:
  Actor(const ClusterSettings& settings, Cluster::Tracer tracer);
  ~Actor();

  // ---- before the cluster has formed
  void fix_clock(const std::string& name, std::int64_t ppm) { clocks_[name] = ppm; }
  void form(const Shape& shape);

  // ---- the story; throws Unmet, or std::invalid_argument for words it does not understand
  void act(const Words& words);
  void end();  // what must hold at the end of every story

  Cluster& cluster() { return cluster_; }
  const Teller& teller() const { return teller_; }

 private:
  using Verb = void (Actor::*)(const Words&);
  static const std::map<std::string, Verb>& verbs();

  // actor.cpp: time and conditions
  void run(const Words& words);
  void wait(const Words& words);
  void expect(const Words& words);
  void always(const Words& words);
  void never(const Words& words);
  void relax(const Words& words);
  void advance(Duration duration);
  void tick();  // one step of the story's clock
  void check_always();
  bool wait_for(const Condition& condition, Duration limit);

  // actor_faults.cpp
  void crash(const Words& words);
  void restart(const Words& words);
  void move(const Words& words);
  void pause(const Words& words);
  void stop(const Words& words);
  void resume(const Words& words);
  void stall(const Words& words);
  void slow(const Words& words);
  void cut(const Words& words);
  void mend(const Words& words);
  void isolate(const Words& words);
  void split(const Words& words);
  void heal(const Words& words);
  void weather(const Words& words);
  void garbage(const Words& words);
  void letters(const Words& words);
  void release(const Words& words);
  void forget(const Words& words);
  void clock(const Words& words);
  void add(const Words& words);
  void call(const Words& words);

  // actor_users.cpp
  void write(const Words& words);
  void propose(const Words& words);
  void remember(const Words& words);
  void gossip(const Words& words);
  void command(const Words& words);
  void meet(const Words& words);
  void shutdown(const Words& words);
  void cancel(const Words& words);
  void start_command(NodeIndex node, std::vector<std::string> arguments);
  void await_reply(bool begun);

  std::vector<NodeIndex> nodes_of(const Words& words) const;  // "all" is everybody
  NodeIndex node(const std::string& word) const { return node_of(stage_, word); }

  Cluster cluster_;
  Formed formed_;
  Cast cast_;
  Stage stage_;
  Teller teller_;
  Letters letters_;
  DeathTraps traps_;
  Heard heard_;
  std::uint64_t asked_ = 0;  // the newest question: older answers are not `heard_.reply`
  std::map<std::string, std::int64_t> clocks_;
  std::map<std::string, std::optional<contract::Revision>> remembered_;
  struct Rule {
    Words words;
    Condition condition;
    bool wanted = true;
  };
  std::vector<Rule> rules_;
  bool begun_ = false;  // the command at hand was prefixed with "begin"
};

Duration duration_of(const std::string& word);

}  // namespace vswim::sim::scenario
