// The commands that stand for users: clients, proposers, operators.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "sim/scenario/actor.hpp"

namespace vswim::sim::scenario {

namespace {
constexpr Duration reply_patience = seconds(60);
constexpr std::size_t reply_told_max = 100;

[[noreturn]] void puzzled(const Words& words, const char* form) {
  throw std::invalid_argument("\"" + joined(words) + "\" should read: " + form);
}

const char* text_of(core::Decision decision) {
  switch (decision) {
    case core::Decision::serve: return "served";
    case core::Decision::moved: return "moved";
    case core::Decision::ask: return "ask";
    case core::Decision::clusterdown: return "clusterdown";
    case core::Decision::crossslot: return "crossslot";
    case core::Decision::tryagain: return "tryagain";
    case core::Decision::hold: return "held";
  }
  return "?";
}

const char* text_of(contract::Outcome outcome) {
  switch (outcome) {
    case contract::Outcome::ok: return "ok";
    case contract::Outcome::stale: return "stale";
    case contract::Outcome::failed: return "failed";
    case contract::Outcome::unknown: return "unknown";
  }
  return "?";
}
}  // namespace

// "begin" leaves the answer to a later line; otherwise the story waits here until it comes.
void Actor::await_reply(bool begun) {
  if (begun) return;
  wait_for([this] { return heard_.reply.has_value(); }, reply_patience);
  if (!heard_.reply) teller_.say("no reply");
}

// write <key> at <node>
void Actor::write(const Words& words) {
  if (words.size() != 4 || words[2] != "at") puzzled(words, "write <key> at <node>");
  const auto key = cast_.key(words[1]);
  const auto value = "value " + std::to_string(++asked_);
  heard_.reply.reset();
  cluster_.node(node(words[3]))
      .write_key(key, value, [this, key, value, number = asked_, name = words[3]](core::Decision decision) {
        teller_.say(name + ": " + text_of(decision));
        if (decision == core::Decision::serve) stage_.acknowledged[key] = value;
        if (number == asked_) heard_.reply = text_of(decision);
      });
  if (!begun_) wait_for([this] { return heard_.reply.has_value(); }, milliseconds(100));
}

// propose <register>=<value>... at <node> [expecting nothing | expecting what was remembered]
void Actor::propose(const Words& words) {
  const auto at = std::ranges::find(words, "at");
  if (at == words.begin() + 1 || words.end() - at < 2)
    puzzled(words, "propose <register>=<value>... at <node>");
  const auto index = node(*(at + 1));
  const std::string expecting = joined(Words(at + 2, words.end()));
  const auto& known = cluster_.node(index).shard_registers();
  contract::Batch batch;
  for (auto word = words.begin() + 1; word != at; ++word) {
    const auto equals = word->find('=');
    if (equals == std::string::npos) puzzled(words, "propose <register>=<value>... at <node>");
    const auto name = word->substr(0, equals);
    auto value = word->substr(equals + 1);
    if (name == "primaryship") value = cluster_.node(node(value)).id().hex();
    contract::Write write{name == "primaryship" ? name : "test:" + name, value, {}};
    if (expecting == "expecting what was remembered") {
      write.expected = remembered_[name];
    } else if (const auto found = known.find(write.key);
               expecting.empty() && found != known.end() && found->second.value) {
      write.expected = found->second.revision;
    } else if (!expecting.empty() && expecting != "expecting nothing") {
      puzzled(words, "... [expecting nothing | expecting what was remembered]");
    }
    batch.push_back(std::move(write));
  }
  heard_.reply.reset();
  // Checkers know a proposal by the value of its first write; Core writes the same primaryships on its own.
  if (batch.front().key == "primaryship") {
    contract::Write mark{"test:proposal", "proposal " + std::to_string(asked_), {}};
    const auto found = known.find(mark.key);
    if (found != known.end() && found->second.value) mark.expected = found->second.revision;
    batch.insert(batch.begin(), std::move(mark));
  }
  const auto unique = *batch.front().value;
  cluster_.node(index).propose(
      batch, unique, [this, number = ++asked_, name = *(at + 1)](const contract::Completed& completed) {
        teller_.say(name + ": " + text_of(completed.outcome));
        if (number == asked_) heard_.reply = text_of(completed.outcome);
      });
  await_reply(begun_);
}

// remember <register> at <node>: the revision that its Core knows
void Actor::remember(const Words& words) {
  if (words.size() != 4 || words[2] != "at") puzzled(words, "remember <register> at <node>");
  const auto& known = cluster_.node(node(words[3])).shard_registers();
  const auto key = words[1] == "primaryship" ? words[1] : "test:" + words[1];
  const auto found = known.find(key);
  remembered_[words[1]] =
      found == known.end() || !found->second.value ? std::nullopt : std::optional(found->second.revision);
}

// gossip <register>=<value>... at <node>: one batch of the global namespace; no value: deleted
void Actor::gossip(const Words& words) {
  if (words.size() < 4 || words[words.size() - 2] != "at")
    puzzled(words, "gossip <register>=<value>... at <node>");
  auto& writer = cluster_.node(node(words.back()));
  contract::Batch batch;
  for (std::size_t i = 1; i + 2 < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos) puzzled(words, "gossip <register>=<value>... at <node>");
    contract::Write write{"test:" + words[i].substr(0, equals), words[i].substr(equals + 1), {}};
    if (write.value->empty()) write.value.reset();
    const auto& known = writer.global_registers();
    if (const auto found = known.find(write.key); found != known.end())
      write.expected = found->second.revision;
    batch.push_back(std::move(write));
  }
  heard_.reply.reset();
  writer.gossip(contract::Scope::global, std::move(batch),
                [this, number = ++asked_, name = words.back()](const contract::Completed& completed) {
                  teller_.say(name + ": " + text_of(completed.outcome));
                  if (number == asked_) heard_.reply = text_of(completed.outcome);
                });
  await_reply(begun_);
}

void Actor::start_command(NodeIndex index, std::vector<std::string> arguments) {
  heard_.reply.reset();
  cluster_.node(index).command(std::move(arguments),
                               [this, number = ++asked_, name = cast_.name(index)](const core::Reply& reply) {
                                 auto text = stage_.with_names(sim::text_of(reply));
                                 if (number == asked_) heard_.reply = text;
                                 if (const auto line_end = text.find('\n'); line_end != std::string::npos)
                                   text.resize(line_end);
                                 if (text.size() > reply_told_max)
                                   text = text.substr(0, reply_told_max) + "...";
                                 teller_.say(name + ": " + text);
                               });
}

// command <node> CLUSTER <arguments>: names stand for ids, "former:A2" for the id it had before its disk was
// lost
void Actor::command(const Words& words) {
  if (words.size() < 4 || words[2] != "CLUSTER") puzzled(words, "command <node> CLUSTER <arguments>");
  std::vector<std::string> arguments(words.begin() + 3, words.end());
  for (auto& argument : arguments) {
    if (const auto named = cast_.node(argument)) argument = cluster_.node(*named).id().hex();
    constexpr std::string_view former = "former:";
    if (!argument.starts_with(former)) continue;
    for (const auto& [id, name] : stage_.former_names) {
      if (name == argument.substr(former.size())) {
        argument = id.hex();
        break;
      }
    }
  }
  start_command(node(words[1]), std::move(arguments));
  await_reply(begun_);
}

void Actor::meet(const Words& words) {
  if (words.size() != 3) puzzled(words, "meet <node> <node>");
  const auto& config = cluster_.node(node(words[2])).config();
  start_command(node(words[1]), {"MEET", config.bus.ip_text(), std::to_string(config.client_port),
                                 std::to_string(config.bus.port)});
  await_reply(begun_);
}

// shutdown <node>: a server that was asked to end hands over and releases; `crash` ends the process
void Actor::shutdown(const Words& words) {
  if (words.size() != 2) puzzled(words, "shutdown <node>");
  auto& ending = cluster_.node(node(words[1]));
  ending.core().begin_graceful_end(ending.clock_now());
}

// cancel shutdown <node>: the server did not end after all
void Actor::cancel(const Words& words) {
  if (words.size() != 3 || words[1] != "shutdown") puzzled(words, "cancel shutdown <node>");
  auto& going_on = cluster_.node(node(words[2]));
  going_on.core().cancel_graceful_end(going_on.clock_now());
}

}  // namespace vswim::sim::scenario
