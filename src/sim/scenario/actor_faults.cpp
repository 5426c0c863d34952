// The commands that make something go wrong, or right again.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "sim/scenario/actor.hpp"

namespace vswim::sim::scenario {

namespace {
[[noreturn]] void puzzled(const Words& words, const char* form) {
  throw std::invalid_argument("\"" + joined(words) + "\" should read: " + form);
}
Words from(const Words& words, std::size_t first) {
  return words.size() <= first ? Words{}
                               : Words(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
}
// The words end so: they are taken off.
bool takes_ending(Words& words, const Words& ending) {
  if (words.size() < ending.size() || !std::equal(ending.rbegin(), ending.rend(), words.rbegin()))
    return false;
  words.resize(words.size() - ending.size());
  return true;
}
std::uint32_t ppm_of(const std::string& word) {  // "10%"
  if (!word.ends_with('%')) throw std::invalid_argument("\"" + word + "\" should be a percentage");
  return static_cast<std::uint32_t>(number_of(word.substr(0, word.size() - 1)) * 10'000);
}
std::int64_t rate_of(const std::string& word) {  // "+1%", "-1%", "0%"
  const bool slow = word.starts_with('-');
  const std::int64_t ppm = ppm_of(slow ? word.substr(1) : word);
  return slow ? -ppm : ppm;
}
}  // namespace

std::vector<NodeIndex> Actor::nodes_of(const Words& words) const {
  std::vector<NodeIndex> nodes;
  if (words == Words{"all"}) {
    for (NodeIndex index = 0; index < cast_.size(); ++index) nodes.push_back(index);
    return nodes;
  }
  for (const auto& word : words) nodes.push_back(node(word));
  return nodes;
}

// crash A1 A2 ... [losing what waits]; crash all; crash A1 before|after <record kind> [of <shard>]
void Actor::crash(const Words& words) {
  if (words.size() >= 4 && (words[2] == "before" || words[2] == "after")) {
    DeathTrap trap{node(words[1]), seat_record_of(words[3]), words[3], words[2] == "after", {}};
    if (!trap.kind) throw std::invalid_argument("no record is called " + words[3]);
    if (words.size() == 6 && words[4] == "of") trap.shard = shard_of(stage_, words[5]);
    return traps_.set(std::move(trap));
  }
  auto who = from(words, 1);
  const bool losing = takes_ending(who, {"losing", "what", "waits"});
  for (const auto index : nodes_of(who)) {
    if (losing) cluster_.node(index).disk().lose_waiting();
    cluster_.crash(index);
  }
}

// restart A1 A2 ... [without data | from the last save | without disk | damaged]; restart all. Damaged: a
// record has rotted, the server refuses to start, and its operator has it start without its disk.
void Actor::restart(const Words& words) {
  auto who = from(words, 1);
  StartOptions options;
  const bool diskless = takes_ending(who, {"without", "disk"});
  options.damaged = takes_ending(who, {"damaged"});
  options.with_data = !diskless && !takes_ending(who, {"without", "data"});
  options.exact_data = !takes_ending(who, {"from", "the", "last", "save"});
  const auto nodes = nodes_of(who);
  if (nodes.empty())
    puzzled(words, "restart <nodes> [without data | from the last save | without disk | damaged]");
  for (const auto index : nodes) {
    cluster_.crash(index);
    if (diskless || options.damaged) stage_.former_names[cluster_.node(index).id()] = cast_.name(index);
    if (diskless) cluster_.wipe_disk(index);
    if (options.damaged && !cluster_.rot_disk(index)) throw Unmet{"there is nothing on its disk to rot"};
    cluster_.restart(index, options);
  }
}

// move <node> [seeds <nodes>]: another address for its next start
void Actor::move(const Words& words) {
  if (words.size() < 2 || (words.size() > 2 && words[2] != "seeds"))
    puzzled(words, "move <node> [seeds <nodes>]");
  std::vector<Address> seeds;
  for (const auto& word : from(words, 3)) seeds.push_back(cluster_.node(node(word)).config().bus);
  cluster_.move_address(node(words[1]), std::move(seeds));
}

// pause main|node <node> <duration>
void Actor::pause(const Words& words) {
  if (words.size() != 4) puzzled(words, "pause main|node <node> <duration>");
  if (words[1] == "main") return cluster_.pause_main(node(words[2]), duration_of(words[3]));
  if (words[1] == "node") return cluster_.pause_node_thread(node(words[2]), duration_of(words[3]));
  puzzled(words, "pause main|node <node> <duration>");
}

void Actor::stop(const Words& words) {
  if (words.size() != 3) puzzled(words, "stop <node> <duration>");
  cluster_.stop(node(words[1]), duration_of(words[2]));
}

void Actor::resume(const Words& words) {
  for (const auto& word : from(words, 1)) cluster_.node(node(word)).resume();
}

void Actor::stall(const Words& words) {
  if (words.size() != 5 || words[1] != "disk" || words[2] != "of")
    puzzled(words, "stall disk of <node> <duration>");
  cluster_.node(node(words[3])).disk().stall_until(cluster_.now() + duration_of(words[4]));
}

void Actor::slow(const Words& words) {
  if (words.size() != 5 || words[1] != "disk" || words[2] != "of")
    puzzled(words, "slow disk of <node> <duration>");
  const Duration latency = duration_of(words[4]);
  cluster_.node(node(words[3])).disk().set_pace({latency, latency});
}

// cut A1 B1; cut A1 -> B1 (one way)
void Actor::cut(const Words& words) {
  if (words.size() == 4 && words[2] == "->") return cluster_.cut_one_way(node(words[1]), node(words[3]));
  if (words.size() != 3) puzzled(words, "cut <node> [->] <node>");
  cluster_.cut(node(words[1]), node(words[2]));
}

void Actor::mend(const Words& words) {
  if (words.size() != 3) puzzled(words, "mend <node> <node>");
  cluster_.mend(node(words[1]), node(words[2]));
}

void Actor::isolate(const Words& words) {
  for (const auto& word : from(words, 1)) cluster_.isolate(node(word));
}

// split A1 B1 | A2 B2
void Actor::split(const Words& words) {
  std::vector<NodeIndex> sides[2];
  std::size_t side = 0;
  for (const auto& word : from(words, 1)) {
    if (word == "|") {
      ++side;
    } else if (side < 2) {
      sides[side].push_back(node(word));
    }
  }
  if (side != 1) puzzled(words, "split <nodes> | <nodes>");
  cluster_.split(sides[0], sides[1]);
}

void Actor::heal(const Words&) { cluster_.heal(); }

// weather calm; weather loss 10% duplicates 20% stragglers 5%
void Actor::weather(const Words& words) {
  Weather weather;
  const auto rest = from(words, 1);
  if (rest == Words{"calm"}) return cluster_.network().set_weather(weather);
  for (std::size_t i = 0; i + 1 < rest.size(); i += 2) {
    auto* field = rest[i] == "loss"         ? &weather.loss_ppm
                  : rest[i] == "duplicates" ? &weather.duplicate_ppm
                  : rest[i] == "stragglers" ? &weather.straggler_ppm
                                            : nullptr;
    if (field == nullptr)
      puzzled(words, "weather calm, or weather [loss|duplicates|stragglers <percent>]...");
    *field = ppm_of(rest[i + 1]);
  }
  cluster_.network().set_weather(weather);
}

void Actor::garbage(const Words& words) {
  if (words.size() != 4 || words[2] != "to") puzzled(words, "garbage <number> to <node>");
  cluster_.garbage(node(words[3]), number_of(words[1]));
}

// hold|drop|copy [next] <kind> [<node>|* -> <node>|*] [of <shard>]
void Actor::letters(const Words& words) {
  LetterRule rule;
  rule.fate = words[0] == "drop" ? Fate::drop : words[0] == "hold" ? Fate::hold : Fate::copy;
  auto rest = from(words, 1);
  if (!rest.empty() && rest[0] == "next") {
    rule.left = 1;
    rest.erase(rest.begin());
  }
  if (rest.size() > 2 && rest[rest.size() - 2] == "of") {
    rule.shard = shard_of(stage_, rest.back());
    rest.resize(rest.size() - 2);
  }
  if (rest.empty() || (rest.size() != 1 && (rest.size() != 4 || rest[2] != "->")))
    puzzled(words, "hold|drop|copy [next] <kind> [<node>|* -> <node>|*] [of <shard>]");
  rule.kind_name = rest[0];
  rule.kind = kind_of(rest[0]);
  if (!rule.kind) throw std::invalid_argument("no message is called " + rest[0]);
  if (rest.size() == 4) {
    if (rest[1] != "*") rule.from = node(rest[1]);
    if (rest[3] != "*") rule.to = node(rest[3]);
  }
  letters_.add(std::move(rule));
}

void Actor::release(const Words& words) { letters_.end(words.size() > 1 ? words[1] : "", true); }
void Actor::forget(const Words& words) { letters_.end(words.size() > 1 ? words[1] : "", false); }

// clock <node> <rate error>: from its next start on
void Actor::clock(const Words& words) {
  if (words.size() != 3) puzzled(words, "clock <node> <rate error in percent>");
  cluster_.fix_clock(node(words[1]), rate_of(words[2]));
}

// add <name>: a fresh node that knows nobody
void Actor::add(const Words& words) {
  if (words.size() != 2 || cast_.node(words[1])) puzzled(words, "add <new name>");
  cluster_.fix_clock(static_cast<NodeIndex>(cluster_.size()), 0);
  const auto index = cluster_.add_node();
  cast_.enter(words[1]);
  if (!wait_for([&] { return cluster_.serves(index); }, seconds(10)))
    throw Unmet{words[1] + " does not serve alone"};
}

// call <name> the witness|learner|primary of <shard>: rendezvous hashing chose it, the story needs a name for
// it
void Actor::call(const Words& words) {
  if (words.size() != 6 || words[2] != "the" || words[4] != "of" || cast_.node(words[1]))
    puzzled(words, "call <new name> the witness|learner|primary of <shard>");
  const auto shard = shard_of(stage_, words[5]);
  std::optional<NodeIndex> found;
  if (words[3] == "primary") found = stage_.primary(shard);
  const auto configuration = stage_.configuration(shard);
  const auto role = words[3] == "learner" ? shard_log::Role::learner : shard_log::Role::witness;
  if (words[3] != "primary" && configuration) {
    for (const auto& voter : configuration->voters) {
      if (voter.role == role) found = cluster_.find(voter.node);
    }
  }
  if (!found) throw Unmet{"there is no " + words[3] + " of " + words[5]};
  cast_.call(words[1], *found);
  teller_.say("(" + words[1] + " is " + cast_.name(*found) + ")");
}

}  // namespace vswim::sim::scenario
