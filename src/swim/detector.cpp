// Timers: the probe of each period, relays, suspicions that run out, dead members asked now and then.
#include <algorithm>

#include "swim/swim_state.hpp"

namespace vswim::swim {

namespace {
constexpr Duration forever = seconds(100 * 365 * 86'400LL);
}

void Swim::State::on_timer(Instant now) {
  if (!is_active()) return;
  quick_pings = 0;
  for (const Errand& errand : errands.expired(now)) {
    const Slot asker = table.find(errand.asker);  // a greeting has none and is not repeated
    if (asker != no_slot)
      send(asker, errand.asker_address, Nack{errand.asker_sequence, errand.target}, false);
  }
  if (probe && !probe->answered && probe->indirect_at <= now) ask_relays(now);
  if (probe && !probe->answered && probe->last_at <= now) ping_again(Instant::never());
  if (up.size() > 0 && next_probe_at <= now) {
    end_period(now);
    begin_probe(now);
    expire_one(now);
  }
  if (next_suspicion_at <= now) check_suspicions(now);
  if (down.size() > 0 && next_down_at <= now) {
    next_down_at = now + settings.probe_period;
    // All nodes together ask each dead member a few times a period: every period in a small cluster, seldom
    // each in a large one, so that the cost of a node does not grow with N.
    const std::size_t wanted = down_probe_share * down.size();
    if (now < healing_until || rng.below(table.cluster_size()) < wanted) probe_down(now);
  }
  if (next_seed_at <= now) announce_to_seeds(now);
  if (!rumours.empty() && up.size() > 0 && next_gossip_at <= now) gossip(now);
}

Instant Swim::State::next_deadline() const {
  if (!is_active()) return Instant::never();
  Instant deadline = std::min(errands.next_deadline(), next_seed_at);
  if (probe && !probe->answered) deadline = std::min({deadline, probe->indirect_at, probe->last_at});
  if (up.size() > 0) deadline = std::min(deadline, next_probe_at);
  if (up.size() > 0 && !rumours.empty()) deadline = std::min(deadline, next_gossip_at);
  if (down.size() > 0) deadline = std::min(deadline, next_down_at);
  if (!suspicions.empty()) deadline = std::min(deadline, next_suspicion_at);
  return deadline;
}

void Swim::State::end_period(Instant now) {
  if (!probe) return;
  const Probe ended = *probe;
  probe.reset();
  // Any word of it since the ping left shows it alive as well as the ack would have.
  if (ended.answered || table.heard_at(ended.target) >= ended.began_at) return;
  // Missing a member that is suspect anyway says nothing new about this node.
  if (table.status(ended.target) == Status::alive) health.probe_missed(ended.relays_asked, ended.nacks);
  suspect(now, ended.target);
}

Slot Swim::State::next_target() {
  while (!second_opinions.empty()) {
    const Slot slot = second_opinions.front();
    second_opinions.erase(second_opinions.begin());
    if (const Suspicion* suspicion = suspicion_of(slot); suspicion && !suspicion->observed_here) return slot;
  }
  return up.next(rng);
}

void Swim::State::begin_probe(Instant now) {
  const Slot target = next_target();
  next_probe_at = now + health.scaled(settings.probe_period);
  if (target == no_slot) return;
  const MemberUpdate record = table.record(target);
  probe = Probe{++last_sequence, target, record.id, now, now + health.scaled(settings.probe_timeout)};
  send(target, record.address, Ping{probe->sequence, record.id, record.status, record.life},
       introduces_self(now, target));
}

// With the own record, in case the target did not know whom to answer.
void Swim::State::ping_again(Instant next) {
  probe->last_at = next;
  const MemberUpdate record = table.record(probe->target);
  send(probe->target, record.address, Ping{probe->sequence, record.id, record.status, record.life}, true);
}

// One lost datagram in ten is common, and each false suspicion costs the whole cluster some rumours: the
// target itself is asked twice more besides.
void Swim::State::ask_relays(Instant now) {
  probe->indirect_at = Instant::never();
  ping_again(now + (next_probe_at - now) / 2);
  const Slot target = probe->target;
  const PingRequest request{probe->sequence, probe->target_id, table.address(target)};
  for (const Slot relay : up.sample(settings.indirect_probes, target, rng)) {
    if (table.status(relay) != Status::alive) continue;
    ++probe->relays_asked;
    send(relay, table.address(relay), request, !table.knows_us(relay));
  }
}

Duration Swim::State::suspicion_lasts(std::uint32_t confirmations) const {
  const std::size_t size = table.cluster_size(), confirmers = table.count(Status::alive) - 1;
  const std::size_t wanted = std::min<std::size_t>(settings.confirmations, confirmers);
  // A node that hardly gets an answer from anybody condemns nobody on its own word.
  if (health.is_poor() && confirmations < wanted) return forever;
  const bool distrust_self =
      table.count(Status::suspect) > suspects_trusted(size) && (confirmers == 0 || confirmations < wanted);
  if (distrust_self) return suspicion_max(settings, size);
  return suspicion_timeout(settings, size, confirmations, confirmers);
}

void Swim::State::check_suspicions(Instant now) {
  next_suspicion_at = now + settings.probe_period / suspicion_checks;
  std::vector<Duration> lasts;  // by confirmations: the formulas once a check, not once a suspect
  std::vector<Slot> over, asked;
  for (Suspicion& suspicion : suspicions) {
    const std::uint32_t confirmations = confirmations_of(table.record(suspicion.slot).observers);
    for (auto next = static_cast<std::uint32_t>(lasts.size()); next <= confirmations; ++next) {
      lasts.push_back(suspicion_lasts(next));
    }
    const Instant since = std::max(suspicion.started_at, table.heard_at(suspicion.slot));
    const bool asks = suspicion.observed_here || since + lasts[confirmations] / 4 * 3 <= now;
    if (since + lasts[confirmations] <= now) {
      over.push_back(suspicion.slot);
    } else if (asks && now - suspicion.asked_at >= settings.probe_period &&
               asked.size() < suspect_pings_max) {
      suspicion.asked_at = now;
      asked.push_back(suspicion.slot);
    }
  }
  for (const Slot slot : over) {
    MemberUpdate record = table.record(slot);
    record.status = Status::dead;
    record.observers = 0;
    store(now, slot, record, true);
  }
  // Who suspects by own observation keeps asking, so that a suspect can refute however few rumours reach it;
  // who suspects on hearsay may have missed the refutation, and asks before he calls anybody dead.
  for (const Slot slot : asked) ping_untracked(slot);
}

void Swim::State::probe_down(Instant now) {
  while (down.size() > 0) {
    const Slot slot = down.next(rng);
    if (now - table.changed_at(slot) < settings.down_probe_horizon) return ping_untracked(slot);
    down.erase(slot);
  }
}

// One entry a period is looked at, so that what is over leaves the table without ever a walk through all of
// it.
void Swim::State::expire_one(Instant now) {
  const auto& slots = table.in_id_order();
  expiry_cursor = expiry_cursor + 1 < slots.size() ? expiry_cursor + 1 : 0;
  const Slot slot = slots[expiry_cursor];
  const Status status = table.status(slot);
  const bool over = status == Status::left ||
                    (status == Status::forgotten && table.count(Status::forgotten) > tombstones_max);
  if (slot == MemberTable::self_slot || !over || now - table.changed_at(slot) < settings.down_probe_horizon)
    return;
  rumours.erase(slot);
  output.events.push_back(MemberChanged{table.id(slot)});
  table.erase(slot);
}

}  // namespace vswim::swim
