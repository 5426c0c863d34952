#include "sim/scenario/actor.hpp"

#include <charconv>
#include <stdexcept>
#include <utility>

namespace vswim::sim::scenario {

namespace {
constexpr Duration step = milliseconds(1);
constexpr Duration patience = seconds(10);

[[noreturn]] void puzzled(const Words& words, const char* form) {
  throw std::invalid_argument("\"" + joined(words) + "\" should read: " + form);
}
}  // namespace

Duration duration_of(const std::string& word) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  const std::string unit(end, word.data() + word.size());
  if (error == std::errc{} && number >= 0) {
    if (unit == "us") return microseconds(number);
    if (unit == "ms") return milliseconds(number);
    if (unit == "s") return seconds(number);
    if (unit == "min") return seconds(number * 60);
  }
  throw std::invalid_argument("\"" + word + "\" should be a duration such as 500ms, 2s or 1min");
}

Actor::Actor(const ClusterSettings& settings, Cluster::Tracer tracer)
    : cluster_(settings, std::move(tracer)),
      stage_{cluster_, formed_, cast_, {}, {}, {}},
      teller_(stage_),
      letters_(cluster_,
               [this](const LetterRule& rule, NodeIndex from, NodeIndex to) {
                 if (letters_.caught(rule.kind_name) > 1) return;  // one line tells of a whole rule
                 static constexpr const char* fates[] = {"is dropped", "is held", "is copied"};
                 teller_.say("(" + rule.kind_name + " " + cast_.name(from) + " -> " + cast_.name(to) + " " +
                             fates[static_cast<std::size_t>(rule.fate)] + ")");
               }),
      traps_(cluster_,
             [this](const DeathTrap& trap) {
               teller_.say("(" + cast_.name(trap.node) + " dies " + (trap.durable ? "after" : "before") +
                           " the " + trap.kind_name + " record is durable)");
             }),
      heard_{&stage_, &letters_, {}} {}

Actor::~Actor() = default;

void Actor::form(const Shape& shape) {
  cast_.enter(shape);
  for (NodeIndex index = 0; index < cast_.size(); ++index) {
    const auto clock = clocks_.find(cast_.name(index));
    cluster_.fix_clock(index, clock == clocks_.end() ? 0 : clock->second);
    clocks_.erase(cast_.name(index));
  }
  if (!clocks_.empty()) throw std::invalid_argument("no node is called " + clocks_.begin()->first);
  formed_ = sim::form(cluster_, shape);
  if (!formed_.ok) throw Unmet{"the cluster does not form: " + formed_.stage};
  cast_.shards(formed_.ids);
  for (const auto& shard : formed_.ids) {
    if (!cluster_.wait_until([&] { return stage_.leader(shard).has_value(); }, patience))
      throw Unmet{"a shard that formed has no leader"};
  }
  for (const auto& shard : formed_.ids) stage_.first_epochs[shard] = stage_.configuration(shard)->epoch.value;
  teller_.begin();
}

const std::map<std::string, Actor::Verb>& Actor::verbs() {
  static const std::map<std::string, Verb> all = {
      {"run", &Actor::run},           {"wait", &Actor::wait},       {"expect", &Actor::expect},
      {"always", &Actor::always},     {"never", &Actor::never},     {"crash", &Actor::crash},
      {"restart", &Actor::restart},   {"move", &Actor::move},       {"pause", &Actor::pause},
      {"stop", &Actor::stop},         {"resume", &Actor::resume},   {"stall", &Actor::stall},
      {"cut", &Actor::cut},           {"mend", &Actor::mend},       {"isolate", &Actor::isolate},
      {"split", &Actor::split},       {"heal", &Actor::heal},       {"weather", &Actor::weather},
      {"garbage", &Actor::garbage},   {"hold", &Actor::letters},    {"drop", &Actor::letters},
      {"copy", &Actor::letters},      {"release", &Actor::release}, {"forget", &Actor::forget},
      {"clock", &Actor::clock},       {"add", &Actor::add},         {"call", &Actor::call},
      {"write", &Actor::write},       {"propose", &Actor::propose}, {"remember", &Actor::remember},
      {"gossip", &Actor::gossip},     {"command", &Actor::command}, {"meet", &Actor::meet},
      {"shutdown", &Actor::shutdown}, {"cancel", &Actor::cancel},   {"relax", &Actor::relax},
      {"slow", &Actor::slow},
  };
  return all;
}

void Actor::act(const Words& words) {
  begun_ = words[0] == "begin";
  const Words rest(words.begin() + (begun_ ? 1 : 0), words.end());
  const auto verb = rest.empty() ? verbs().end() : verbs().find(rest[0]);
  if (verb == verbs().end()) throw std::invalid_argument("nothing is done by \"" + joined(words) + "\"");
  static const std::set<std::string> untold = {"run", "wait", "expect", "always", "never", "relax"};
  if (!untold.contains(verb->first)) teller_.say("> " + joined(words));
  (this->*verb->second)(rest);
  teller_.look();
  check_always();
}

void Actor::end() {
  for (NodeIndex index = 0; index < cluster_.size(); ++index) {
    auto& one = cluster_.node(index);
    const auto* seat = one.alive() ? one.provider().own_seat() : nullptr;
    if (seat == nullptr) continue;
    cluster_.oracle().commits.check_final(cluster_.now(), index, one.provider().shard_id(),
                                          seat->status().committed, seat->registers());
  }
}

// ---- time and conditions

void Actor::tick() {
  cluster_.run_for(step);
  teller_.look();
  check_always();
}

void Actor::advance(Duration duration) {
  const auto end = cluster_.now() + duration;
  while (cluster_.now() < end) tick();
}

bool Actor::wait_for(const Condition& condition, Duration limit) {
  const auto end = cluster_.now() + limit;
  while (!condition()) {
    if (cluster_.now() >= end) return false;
    tick();
  }
  return true;
}

void Actor::run(const Words& words) {
  if (words.size() != 2) puzzled(words, "run <duration>");
  advance(duration_of(words[1]));
}

// wait until <condition> [within <duration>]
void Actor::wait(const Words& words) {
  auto sentence = words;
  auto limit = patience;
  if (sentence.size() > 2 && sentence[sentence.size() - 2] == "within") {
    limit = duration_of(sentence.back());
    sentence.resize(sentence.size() - 2);
  }
  if (sentence.size() < 3 || sentence[1] != "until")
    puzzled(words, "wait until <condition> [within <duration>]");
  const Words condition(sentence.begin() + 2, sentence.end());
  if (!wait_for(condition_of(heard_, condition), limit))
    throw Unmet{"in " + std::to_string(limit.ms()) + " ms it never came true: " + joined(condition)};
}

void Actor::expect(const Words& words) {
  const Words condition(words.begin() + 1, words.end());
  if (condition_of(heard_, condition)()) return;
  std::string reply;
  if (words.size() > 1 && words[1] == "reply") reply = " (it is: " + heard_.reply.value_or("none") + ")";
  throw Unmet{"it is not true: " + joined(condition) + reply};
}

void Actor::always(const Words& words) {
  const Words condition(words.begin() + 1, words.end());
  rules_.push_back({words, condition_of(heard_, condition), true});
}

void Actor::never(const Words& words) {
  const Words condition(words.begin() + 1, words.end());
  rules_.push_back({words, condition_of(heard_, condition), false});
}

void Actor::relax(const Words&) { rules_.clear(); }

void Actor::check_always() {
  for (const auto& rule : rules_) {
    if (rule.condition() != rule.wanted) throw Unmet{"it did not stay true: " + joined(rule.words)};
  }
}

}  // namespace vswim::sim::scenario
