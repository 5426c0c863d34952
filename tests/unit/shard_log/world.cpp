#include "world.hpp"

#include <algorithm>
#include <functional>

#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "shard_log/quorum.hpp"

namespace vswim::shard_log::test {

namespace {
std::string words(const Message& message);
const std::string primaryship = "primaryship";
constexpr Duration detector_delay = seconds(2);
}  // namespace

World::World(std::uint64_t seed, std::size_t nodes, const Settings& settings_in)
    : settings(settings_in), rng_(seed) {
  now_ = Instant{seconds(100).ns};
  shard_ = rng_.id<ShardId>();
  for (std::size_t i = 0; i < nodes; ++i) {
    Node node;
    node.id = rng_.id<NodeId>();
    node.id.bytes[0] = static_cast<std::uint8_t>(i);
    node.offset = milliseconds(static_cast<std::int64_t>(rng_.below(100'000)));
    node.rate_ppm = static_cast<std::int64_t>(rng_.below(20'001)) - 10'000;
    if (rng_.below(2) == 0) node.rate_ppm = rng_.below(2) == 0 ? 10'000 : -9'900;
    nodes_.push_back(std::move(node));
  }
  cut_.assign(nodes, std::vector<bool>(nodes, false));
  core_round();
}

// News of ended leases spread again and again, and Core looks again after a bid without an answer.
void World::core_round() {
  after(milliseconds(500), [this] { core_round(); });
  const auto leads = leader();
  if (!leads) return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].up || !nodes_[i].seat || cut_[*leads][i]) continue;
    nodes_[i].core.failed = nodes_[*leads].core.failed;
    nodes_[i].seat->pulse(local(nodes_[i]));
    core_consider_bid(i);
  }
}

Instant World::local(const Node& node) const {
  return Instant{node.offset.ns + now_.ns + now_.ns / 1'000'000 * node.rate_ppm};
}

std::size_t World::index_of(const NodeId& id) const { return id.bytes[0]; }

void World::at(Instant when, std::function<void()> act) {
  queue_.push({std::max(when, now_), ++order_, std::move(act)});
}
void World::after(Duration delay, std::function<void()> act) { at(now_ + delay, std::move(act)); }

void World::run_for(Duration time) {
  const auto end = now_ + time;
  while (broken().empty() && !queue_.empty() && queue_.top().at <= end) {
    const auto happening = queue_.top();
    queue_.pop();
    now_ = happening.at;
    happening.act();
  }
  now_ = end;
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const auto end = now_ + limit;
  while (broken().empty()) {
    if (condition()) return true;
    if (queue_.empty() || queue_.top().at > end) break;
    const auto happening = queue_.top();
    queue_.pop();
    now_ = happening.at;
    happening.act();
  }
  return condition();
}

// ---- nodes ----

void World::bootstrap(std::size_t index) {
  auto& node = nodes_[index];
  node.uuid = rng_.id<VoterUuid>();
  node.core.on = true;
  node.seat = ShardLog::bootstrap(settings, seat_of(node), local(node), Rng(rng_.next()));
  drain(index);
}

void World::add_member(std::size_t index) {
  auto& node = nodes_[index];
  node.wants_seat = true;
  if (!node.up) return;
  if (!node.seat || node.seat->status().ended) {
    drop_seat(node);
    node.uuid = rng_.id<VoterUuid>();
    node.seat = ShardLog::vacant(settings, seat_of(node), local(node), Rng(rng_.next()));
  }
  ask_membership(index);
  drain(index);
}

// Nothing of it is left, and its uuid is never used again (invariant I14).
void World::drop_seat(Node& node) {
  const auto index = index_of(node.id);
  for (auto it = open_.begin(); it != open_.end();)
    it = std::get<0>(*it) == index ? open_.erase(it) : std::next(it);
  node.seat.reset();
  node.uuid = {};
  node.disk.clear();
  node.writes.clear();
  node.core = FakeCore{};
  node.silent_until = Instant::long_ago();  // another voter, which owes nothing
  deadlines_[index] = Instant::long_ago();
  oracle_.forgot(node.id);
  oracle_.restarted(node.id, {});
  oracle_.core_restarted(node.id);
}

void World::ask_membership(std::size_t index) {
  auto& node = nodes_[index];
  if (!node.wants_seat || !node.up) return;
  for (std::size_t attempt = 0; attempt < nodes_.size() * 2; ++attempt) {
    const auto other = rng_.below(nodes_.size());
    auto& member = nodes_[other];
    if (other == index || !member.up || !member.seat || cut_[index][other] || cut_[other][index]) continue;
    if (find_voter(member.seat->status().configuration, member.id, member.uuid) == nullptr) continue;
    last_ticket_ = last_ticket_.next();
    node.asking = last_ticket_;
    member.seat->request_member(local(member), last_ticket_, true, node.id, node.uuid);
    drain(other);
    break;
  }
  after(seconds(3), [this, index] { ask_membership(index); });
}

void World::remove_member(std::size_t index) {
  nodes_[index].wants_seat = false;
  for (std::size_t attempt = 0; attempt < nodes_.size() * 2; ++attempt) {
    const auto other = rng_.below(nodes_.size());
    auto& member = nodes_[other];
    if (!member.up || !member.seat ||
        find_voter(member.seat->status().configuration, member.id, member.uuid) == nullptr)
      continue;
    last_ticket_ = last_ticket_.next();
    member.seat->request_member(local(member), last_ticket_, false, nodes_[index].id, {}, true);
    return drain(other);
  }
}

void World::crash(std::size_t index) {
  auto& node = nodes_[index];
  if (!node.up) return;
  tell(index, "CRASH");
  node.up = false;
  const auto survived = rng_.below(node.writes.size() + 1);  // the disk may have got further than it said
  for (std::size_t i = 0; i < (VSWIM_RULE(fsync) ? survived : 0); ++i) {
    auto& write = node.writes[i];
    if (write.compacted) node.disk.clear();
    for (auto& record : write.records) {
      oracle_.reached_disk(node.id, record);
      node.disk.push_back(std::move(record));
    }
  }
  node.writes.clear();
  node.seat.reset();
  deadlines_[index] = Instant::long_ago();
  node.core = FakeCore{};
  for (auto it = open_.begin(); it != open_.end();)
    it = std::get<0>(*it) == index ? open_.erase(it) : std::next(it);
  oracle_.restarted(node.id, node.disk);
}

void World::restart(std::size_t index) {
  auto& node = nodes_[index];
  if (node.up) return;
  node.up = true;
  ++node.life;
  node.last_proposal = {};
  node.disk_free = node.core_free = now_;
  if (node.uuid.is_nil()) return;
  Duration longest;
  for (const auto& record : node.disk) {
    if (const auto* state = std::get_if<StateRecord>(&record)) longest = std::max(longest, state->ttl_max);
    if (const auto* ttl = std::get_if<TtlRecord>(&record)) longest = std::max(longest, ttl->ttl);
  }
  node.silent_until = local(node) + longest.scaled_ppm(settings.drift_ppm);
  const auto recovered_core = !node.disk.empty();
  node.core.on = recovered_core;
  oracle_.core_restarted(node.id);
  node.seat = ShardLog::recover(settings, seat_of(node), node.disk, local(node), Rng(rng_.next()));
  if (!node.seat) return oracle_.fail("a seat cannot read its own records");
  const auto configuration_there = node.seat->status().configuration;
  const auto* voter = find_voter(configuration_there, node.id);
  if (voter != nullptr && voter->role == Role::witness) {
    node.core.on = false;
    node.seat->set_has_core(local(node), false);
  }
  tell(index, "RESTART");
  drain(index);
  if (node.wants_seat) ask_membership(index);
}

void World::lose_memory(std::size_t index) {
  crash(index);
  auto& node = nodes_[index];
  node.disk.clear();
  oracle_.forgot(node.id);
  oracle_.restarted(node.id, {});
  node.uuid = rng_.id<VoterUuid>();
  restart(index);
}

void World::cut(std::size_t from, std::size_t to, bool is_cut) { cut_[from][to] = is_cut; }
void World::part(std::set<std::size_t> side) {
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    for (std::size_t b = 0; b < nodes_.size(); ++b) cut_[a][b] = side.contains(a) != side.contains(b);
  }
}
void World::heal() {
  for (auto& row : cut_) row.assign(row.size(), false);
}

void World::set_candidates(const std::vector<std::size_t>& nodes) {
  candidates_.clear();
  for (const auto index : nodes) candidates_.push_back(nodes_[index].id);
  for (auto& node : nodes_) {
    if (node.seat) node.seat->set_witness_candidates(local(node), candidates_);
  }
}

void World::tell_dead() {
  std::vector<NodeId> dead;
  for (const auto& node : nodes_) {
    if (!node.up) dead.push_back(node.id);
  }
  for (auto& node : nodes_) {
    if (node.up && node.seat) node.seat->set_dead(local(node), dead);
  }
}

// ---- the pump ----

void World::drain(std::size_t index) {
  auto& node = nodes_[index];
  for (int round = 0; node.up && node.seat; ++round) {
    if (round > 1'000) return oracle_.fail("a seat never comes to rest");
    auto output = node.seat->take_output();
    if (output.records.empty() && output.sends.empty() && output.events.empty()) break;
    write(index, output);
    look(index);
    for (const auto& send : output.sends) transmit(index, send);
    for (const auto& event : output.events) {
      handle(index, event);
      if (on_event) on_event(index, event);
    }
  }
  look(index);
  arm(index);
}

void World::arm(std::size_t index) {
  auto& node = nodes_[index];
  if (!node.up || !node.seat) return;
  const auto deadline = node.seat->next_deadline();
  if (deadline == Instant::never()) return;
  // True time at which the node's clock has reached the deadline.
  const auto ahead = deadline - local(node);
  auto real = Duration{std::max<std::int64_t>(ahead.ns, 0)};
  real = Duration{
      static_cast<std::int64_t>(static_cast<long double>(real.ns) * 1'000'000 / (1'000'000 + node.rate_ppm)) +
      2'000};
  const auto when = now_ + real;
  if (node.timer_at <= when && node.timer_at > now_) return;
  node.timer_at = when;
  const auto token = ++node.timer_token;
  at(when, [this, index, token] {
    auto& armed = nodes_[index];
    if (armed.timer_token != token) return;
    armed.timer_at = Instant::never();
    if (!armed.up || !armed.seat) return;
    if (now_ - armed.spin_since > milliseconds(10)) {
      armed.spin_since = now_;
      armed.spins = 0;
    }
    if (++armed.spins > 2'000) return oracle_.fail("a timer spins at node " + std::to_string(index));
    armed.seat->on_timer(local(armed));
    drain(index);
  });
}

void World::write(std::size_t index, const Output& output) {
  if (output.records.empty()) return;
  auto& node = nodes_[index];
  for (const auto& record : output.records) oracle_.wrote(node.id, record);
  node.writes.push_back({output.records, output.compacted, output.persist_upto});
  auto took = Duration{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(faults.sync_max.ns)))};
  if (rng_.chance(faults.slow_sync_ppm)) took = milliseconds(static_cast<std::int64_t>(rng_.below(300)));
  node.disk_free = std::max(node.disk_free, now_) + took;
  if (!VSWIM_RULE(fsync)) node.seat->on_persisted(local(node), output.persist_upto);
  const auto life = node.life;
  at(node.disk_free + (VSWIM_RULE(fsync) ? Duration{} : seconds(5)), [this, index, life] {
    auto& owner = nodes_[index];
    if (!owner.up || owner.life != life || owner.writes.empty()) return;
    auto done = std::move(owner.writes.front());
    owner.writes.pop_front();
    if (done.compacted) owner.disk.clear();
    for (auto& record : done.records) {
      oracle_.reached_disk(owner.id, record);
      owner.disk.push_back(std::move(record));
    }
    if (!owner.seat) return;
    owner.seat->on_persisted(local(owner), done.upto);
    drain(index);
  });
}

void World::transmit(std::size_t from, const Send& send) {
  ++sent;
  const auto to = index_of(send.to);
  oracle_.said(nodes_[from].id, send.message, node_silent(nodes_[from]));
  if (cut_[from][to] || rng_.chance(faults.drop_ppm)) return;
  const auto copies = rng_.chance(faults.duplicate_ppm) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const auto spread = static_cast<std::uint64_t>((faults.delay_max - faults.delay_min).ns + 1);
    auto delay = faults.delay_min + Duration{static_cast<std::int64_t>(rng_.below(spread))};
    if (rng_.chance(faults.slow_ppm))
      delay =
          Duration{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(faults.delay_slow.ns)))};
    after(delay, [this, from, to, message = send.message] { deliver(from, to, message); });
  }
}

void World::deliver(std::size_t from, std::size_t to, const Message& message) {
  auto& node = nodes_[to];
  if (!node.up || cut_[from][to]) return;
  if (!node.seat) {
    if (!opens_seat(message)) return;
    node.uuid = rng_.id<VoterUuid>();
    node.disk.clear();
    oracle_.forgot(node.id);
    oracle_.restarted(node.id, {});
    node.core.on = false;
    node.seat = ShardLog::vacant(settings, seat_of(node), local(node), Rng(rng_.next()));
  }
  if (trace != nullptr) tell(to, "gets from n" + std::to_string(from) + " " + words(message));
  node.seat->step(local(node), nodes_[from].id, message);
  drain(to);
}

// ---- events ----

void World::handle(std::size_t index, const Event& event) {
  auto& node = nodes_[index];
  auto& core = node.core;
  std::visit(Overloaded{[&](const Updated& update) {
                          oracle_.updated(node.id, node.life, update);
                          auto took = Duration{static_cast<std::int64_t>(
                              rng_.below(static_cast<std::uint64_t>(faults.core_max.ns)))};
                          if (rng_.chance(faults.slow_core_ppm))
                            took = Duration{static_cast<std::int64_t>(
                                rng_.below(static_cast<std::uint64_t>(faults.core_slow.ns)))};
                          node.core_free = std::max(node.core_free, now_) + took;
                          const auto life = node.life;
                          at(node.core_free, [this, index, life, update] {
                            if (nodes_[index].up && nodes_[index].life == life) core_update(index, update);
                          });
                        },
                        [&](const SettledUpTo& settled) {
                          for (const auto& other : nodes_) {
                            if (leased(other) && other.core.applied < settled.revision) {
                              oracle_.fail("I9: settled at revision " + std::to_string(settled.revision) +
                                           " while node " + std::to_string(other.id.bytes[0]) + " is OK at " +
                                           std::to_string(other.core.applied));
                            }
                          }
                          core.settled = std::max(core.settled, settled.revision);
                          core_evaluate(index);
                        },
                        [&](const LeaseUntil& lease) {
                          if (core.lease <= local(node)) core.right = false;  // a lapse: it counts as new
                          core.lease = lease.deadline;
                          const auto configuration_there = node.seat->status().configuration;
                          const auto* voter = find_voter(configuration_there, node.id);
                          if (voter != nullptr && voter->role == Role::witness)
                            oracle_.fail("I13: a witness is leased");
                          core_evaluate(index);
                        },
                        [&](const LeaseLost&) {
                          core.lease = Instant::long_ago();
                          core.right = false;
                        },
                        [&](const ProposalDone& done) {
                          oracle_.answered(node.id, node.life, done);
                          answers_[{index, done.sequence.value}] = done.outcome;
                          open_.erase({index, node.life, done.sequence.value});
                          if (core.bid == done.sequence) core.bid.reset();
                        },
                        [&](const MembershipDone& done) {
                          if (done.outcome != contract::Outcome::ok) return;
                          for (std::size_t i = 0; i < nodes_.size(); ++i) {
                            auto& asker = nodes_[i];
                            if (!asker.wants_seat || asker.asking != done.request || !asker.up || !asker.seat)
                              continue;
                            asker.asking.reset();
                            asker.wants_seat = false;
                            if (asker.core.on) continue;
                            after(milliseconds(1), [this, i, life = asker.life] {
                              auto& joined = nodes_[i];
                              if (!joined.up || !joined.seat || joined.life != life || joined.core.on) return;
                              joined.core.on = true;
                              joined.seat->set_has_core(local(joined), true);
                              drain(i);
                            });
                          }
                        },
                        [&](const PeerLease& peer) {
                          const auto& subject = nodes_[index_of(peer.node)];
                          if (peer.ended && leased(subject))
                            oracle_.fail("L10: FAIL for node " + std::to_string(peer.node.bytes[0]) +
                                         " while its lease runs for " +
                                         std::to_string((subject.core.lease - local(subject)).ms()) + " ms");
                          for (std::size_t i = 0; i < nodes_.size(); ++i) {  // news spread
                            if (!nodes_[i].up || cut_[index][i]) continue;
                            if (peer.ended) {
                              nodes_[i].core.failed.insert(peer.node);
                            } else {
                              nodes_[i].core.failed.erase(peer.node);
                            }
                            if (auto_failover) after(microseconds(200), [this, i] { core_consider_bid(i); });
                          }
                        },
                        [&](const SeatEnded&) {
                          core = FakeCore{};
                          oracle_.core_restarted(node.id);
                          after(seconds(1), [this, index, life = node.life] {
                            auto& gone = nodes_[index];
                            if (!gone.up || gone.life != life || !gone.seat || gone.wants_seat) return;
                            if (gone.seat->status().ended) drop_seat(gone);
                          });
                        },
                        [](const LeaderChanged&) {},
                        [&](const ConfigurationChanged&) {
                          after(milliseconds(1), [this, index] { core_consider_bid(index); });
                        },
                        [](const Released&) {}},
             event);
}

void World::core_update(std::size_t index, const Updated& update) {
  auto& node = nodes_[index];
  auto& core = node.core;
  if (!core.on || !node.seat) return;
  if (update.snapshot) {
    core.registers.clear();
    core.right = false;
  }
  for (const auto& entry : update.registers) {
    if (entry.key == primaryship) core.right = false;
    if (entry.value) {
      core.registers[entry.key] = entry;
    } else {
      core.registers.erase(entry.key);
    }
  }
  core.applied = update.revision;
  node.seat->shown(local(node), update.revision);
  core_evaluate(index);
  drain(index);
  core_consider_bid(index);
}

// Rule L4b: a right is taken up only when the revision of its register is settled.
void World::core_evaluate(std::size_t index) {
  auto& core = nodes_[index].core;
  const auto held = core.registers.find(primaryship);
  if (held == core.registers.end() || held->second.value != nodes_[index].id.hex()) {
    core.right = false;
  } else if (held->second.revision.minor <= core.settled) {
    core.right = true;
  }
  if (!serves(nodes_[index])) return;
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != index && serves(nodes_[other])) {
      oracle_.fail("I10: nodes " + std::to_string(index) + " and " + std::to_string(other) +
                   " both serve as primary");
    }
  }
}

bool World::serves(const Node& node) const { return leased(node) && node.core.right; }

void World::core_consider_bid(std::size_t index) {
  auto& core = nodes_[index].core;
  if (!auto_failover || !nodes_[index].up || !core.on || !nodes_[index].seat || core.bid || core.applied == 0)
    return;
  const auto held = core.registers.find(primaryship);
  if (held != core.registers.end()) {
    const auto owner = std::find_if(nodes_.begin(), nodes_.end(),
                                    [&](const Node& node) { return node.id.hex() == held->second.value; });
    const auto members = nodes_[index].seat->status().configuration;
    if (owner != nodes_.end() && !core.failed.contains(owner->id) &&
        find_voter(members, owner->id) != nullptr)
      return;
  }
  bid(index);
}

void World::bid(std::size_t index) {
  auto& core = nodes_[index].core;
  contract::Write write{primaryship, nodes_[index].id.hex(), std::nullopt};
  const auto held = core.registers.find(primaryship);
  if (held != core.registers.end()) write.expected = held->second.revision;
  core.bid = propose(index, {write});
}

ProposalSequence World::propose(std::size_t index, const Batch& batch) {
  auto& node = nodes_[index];
  node.last_proposal = node.last_proposal.next();
  const auto sequence = node.last_proposal;
  if (!node.seat) return sequence;
  answers_.erase({index, sequence.value});
  open_.emplace(index, node.life, sequence.value);
  node.seat->propose(local(node), sequence, batch);
  drain(index);
  return sequence;
}

std::optional<contract::Outcome> World::outcome(std::size_t index, ProposalSequence sequence) const {
  const auto found = answers_.find({index, sequence.value});
  return found == answers_.end() ? std::nullopt : std::optional(found->second);
}

// ---- looking ----

void World::tell(std::size_t index, const std::string& what) {
  if (trace == nullptr) return;
  *trace << (now_.ns - seconds(100).ns) / 1'000 << "us n" << index << " " << what;
  const auto& node = nodes_[index];
  if (node.seat) {
    const auto status = node.seat->status();
    *trace << " [e" << status.configuration.epoch.value << " p" << status.promised.round << "."
           << int(status.promised.node.bytes[0]) << " c" << status.committed << " s" << status.settled << " l"
           << status.last_accepted
           << (status.leader_active ? " LEADS"
               : status.leading     ? " leads"
                                    : "")
           << (status.sealed ? " sealed" : "") << "]";
  }
  *trace << "\n";
}

namespace {
std::string words(const Message& message) {
  const auto b = [](const Ballot& ballot) {
    return std::to_string(ballot.round) + "." + std::to_string(int(ballot.node.bytes[0]));
  };
  const auto n = [](auto number) { return std::to_string(number); };
  return std::visit(
      Overloaded{
          [&](const Append& m) {
            return "Append b" + b(m.ballot) + " e" + n(m.epoch.value) + (m.whole ? " whole" : "") + " base " +
                   n(m.base) + (m.snapshot ? " snap" : "") + " n" + n(m.entries.size()) + " c" +
                   n(m.committed) + " s" + n(m.settled);
          },
          [&](const Appended& m) {
            return "Appended b" + b(m.ballot) + " e" + n(m.epoch.value) + " m" + n(m.matched) +
                   (m.supports ? " supports" : "") + " c" + n(m.committed);
          },
          [&](const PreVote& m) { return "PreVote b" + b(m.ballot); },
          [&](const PreVoted& m) {
            return "PreVoted b" + b(m.ballot) + (m.granted ? " yes" : " no " + n(m.wait.ms()));
          },
          [&](const Prepare& m) {
            return "Prepare e" + n(m.epoch.value) + " b" + b(m.ballot) + " acc " + b(m.accepted) + " l" +
                   n(m.last) + " c" + n(m.committed);
          },
          [&](const Promised& m) {
            return "Promised b" + b(m.ballot) + " acc " + b(m.accepted) + " l" + n(m.last) + " c" +
                   n(m.committed) + (m.snapshot ? " snap " + n(m.snapshot->revision) : "") + " n" +
                   n(m.entries.size()) + " rel " + n(m.released.ms());
          },
          [&](const Refused& m) {
            return "Refused e" + n(m.epoch.value) + " b" + b(m.ballot) + " p" + b(m.promised) + " wait " +
                   n(m.wait.ms());
          },
          [&](const LeaseRequest& m) {
            return "LeaseRequest #" + n(m.number.value) + " shown " + n(m.shown);
          },
          [&](const LeaseGrant& m) { return "LeaseGrant #" + n(m.number.value) + " " + n(m.duration.ms()); },
          [&](const Install& m) {
            return "Install e" + n(m.configuration.epoch.value) + " b" + b(m.ballot) + " rev " +
                   n(m.snapshot.revision);
          },
          [&](const Installed& m) {
            return "Installed e" + n(m.epoch.value) + " b" + b(m.ballot) + " by " + b(m.by);
          },
          [&](const Moved& m) { return "Moved e" + n(m.configuration.epoch.value); },
          [&](const auto& m) {
            (void)m;
            return std::string("message ") + n(message.index());
          },
      },
      message);
}
}  // namespace

void World::look(std::size_t index) {
  const auto& node = nodes_[index];
  if (!node.up || !node.seat) return;
  const auto status = node.seat->status();
  if (status.configuration.epoch > newest_.epoch) newest_ = status.configuration;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {  // leader leases end by themselves
    if (i == index || !nodes_[i].seat || !nodes_[i].up) continue;
    const auto d = deadlines_.try_emplace(i, Instant::long_ago()).first->second;
    oracle_.lease_runs(nodes_[i].id, d > local(nodes_[i]));
  }
  deadlines_[index] = status.leading ? status.leader_deadline : Instant::long_ago();
  oracle_.status(node.id, node.life, status, deadlines_[index] > local(node));
}

std::optional<std::size_t> World::leader() const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].up || !nodes_[i].seat) continue;
    const auto status = nodes_[i].seat->status();
    if (status.leader_active && status.leader_deadline > local(nodes_[i])) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> World::primary() const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (serves(nodes_[i])) return i;
  }
  return std::nullopt;
}

}  // namespace vswim::shard_log::test
