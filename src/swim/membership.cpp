// Records in, and what follows from them: the order by which the newest word wins (rule: incarnation),
// refutation of what is wrong about this node, and who is probed, asked again or left alone from then on.
#include <algorithm>

#include "base/mutation.hpp"
#include "swim/swim_state.hpp"

namespace vswim::swim {

Swim::State::State(const Settings& given, const MemberUpdate& self, Instant now, Rng random)
    : settings(given), rng(random), table(self, now, given.descriptions), health(given.local_health_max) {
  MemberUpdate record = self;
  record.status = Status::alive;
  record.observers = 0;
  table.set_record(MemberTable::self_slot, record, now);
  table.set_knows_us(MemberTable::self_slot, true);
  last_sequence = static_cast<std::uint32_t>(rng.next());
  spread_self(now);
}

Verdict Swim::State::apply(Instant now, const MemberUpdate& update, const Source& source) {
  if (!is_acceptable(update)) return Verdict::same;
  if (update.id == self().id) {
    apply_to_self(now, update);
    return Verdict::same;
  }
  MemberUpdate news = update;
  if (news.status != Status::suspect) news.observers = 0;
  // A node that does not know its own ip yet is where its datagram came from.
  if (!news.address.has_ip() && news.id == source.from) news.address.ip = source.address.ip;

  const Slot known = table.find(news.id);
  if (known == no_slot) {
    if (!news.address.has_ip() && news.status != Status::forgotten) return Verdict::older;
    return arrive(now, news, source.spread);
  }
  const MemberUpdate have = table.record(known);
  const Verdict verdict = judge(have, news);
  if (verdict == Verdict::older) {
    const bool wrongly_present = have.status == Status::forgotten && news.status != Status::forgotten;
    const bool wrongly_failed = have.status == Status::left && news.status != Status::alive;
    // Called dead in a life that has been refuted: whoever says so has missed the refutation.
    const bool wrongly_dead =
        have.status == Status::alive && news.status == Status::dead && same_start(have.life, news.life);
    if (wrongly_present || wrongly_failed || wrongly_dead) corrections.push_back(known);
    // Called alive by others in the very life that we hold for dead: only itself can settle that, so it is
    // asked.
    const bool disputed =
        have.status == Status::dead && news.status == Status::alive && news.life == have.life;
    if (disputed && quick_pings < quick_pings_max && !table.told_within(known, now, settings.probe_period)) {
      ++quick_pings;
      table.set_told(known, now, settings.probe_period);
      ping_untracked(known);
    }
    return verdict;
  }
  const MemberUpdate record = merged(have, news, verdict);
  if (record == have) return verdict;
  const bool newly_suspect =
      record.status == Status::suspect && (have.status != Status::suspect || have.life != record.life);
  // Observers beyond those that shorten anything are no news.
  const bool confirmed_before =
      verdict == Verdict::same && confirmations_of(have.observers) >= settings.confirmations;
  store(now, known, record, source.spread && !confirmed_before);
  if (newly_suspect) maybe_ask_too(now, known);
  return verdict;
}

// Who is not alone in its shard: its leases prove a death there, sooner than any probe.
bool Swim::State::shares_shard(Slot slot) const {
  const auto& all = table.in_id_order();
  return std::any_of(all.begin(), all.end(), [&](Slot other) {
    return other != slot && table.shard(other) == table.shard(slot) &&
           table.status(other) != Status::forgotten;
  });
}

// At once, if this period's own probe is answered already. Each draws for itself, so that those who ask are
// not the same for every suspect.
void Swim::State::maybe_ask_too(Instant now, Slot slot) {
  const std::size_t size = table.cluster_size();
  if (size < second_opinions_from || second_opinions.size() >= second_opinions_max) return;
  if (shares_shard(slot) || rng.below(size) >= settings.second_opinions) return;
  second_opinions.push_back(slot);
  if (!probe || probe->answered) next_probe_at = now;
}

void Swim::State::apply_to_self(Instant now, const MemberUpdate& claim) {
  if (!is_active()) return;
  const MemberUpdate& me = self();
  if (claim.status == Status::forgotten) {
    if (claim.life.join < me.life.join) return;
    is_forgotten = true;
    probe.reset();
    output.events.push_back(SelfForgotten{});
    return;
  }
  if (claim.life < me.life || (claim.life == me.life && claim.status == Status::alive)) return;
  if (!same_start(claim.life, me.life) && claim.status == Status::alive && claim.address != me.address) {
    // A later start of this very node runs elsewhere. Fighting it would make both flap.
    note(NoteLevel::warning,
         "another node uses this node's id: " + me.id.hex() + " at " + claim.address.text());
    return;
  }
  refute(now, claim.life);
}

// Only the member itself outranks what is said of its life, by a higher incarnation of it. A claim about a
// later start (this node's state file was replaced by an older one) is answered within that start.
void Swim::State::refute(Instant now, const Life& claimed) {
  if (VSWIM_RULE(incarnation)) {
    MemberUpdate record = self();
    record.life = claimed;
    record.life.incarnation = claimed.incarnation.next();
    table.set_record(MemberTable::self_slot, record, now);
  }
  spread_self(now);
  next_gossip_at = now;
  health.refuted_self();
  output.events.push_back(SelfRefuted{self().life});
}

void Swim::State::spread_self(Instant now) {
  rumours.push(MemberTable::self_slot, true);
  self_news_until = now + settings.probe_period * self_news_periods;
}

void Swim::State::set_self(Instant now, const MemberUpdate& record) {
  table.set_record(MemberTable::self_slot, record, now);
  spread_self(now);
}

Verdict Swim::State::arrive(Instant now, const MemberUpdate& record, bool spread) {
  const Slot slot = table.insert(record, now);
  if (slot == no_slot) return Verdict::older;
  if (record.status == Status::suspect) begin_suspicion(now, slot);
  enlist(now, slot);
  if (spread) rumours.push(slot, record.status == Status::alive);
  if (record.status != Status::forgotten) output.events.push_back(MemberChanged{record.id});
  return Verdict::newer;
}

void Swim::State::begin_suspicion(Instant now, Slot slot) {
  suspicions.push_back({slot, now, Instant::long_ago(), false});
  next_suspicion_at = std::min(next_suspicion_at, now + settings.probe_period / suspicion_checks);
}

void Swim::State::store(Instant now, Slot slot, const MemberUpdate& record, bool spread) {
  const MemberUpdate before = table.record(slot);
  table.set_record(slot, record, now);
  const bool new_life = !same_start(before.life, record.life);
  if (new_life || record.status == Status::suspect || record.status == Status::dead)
    table.set_knows_us(slot, false);
  // A suspicion is of one life: that of another begins anew.
  if (before.status == Status::suspect && (record.status != Status::suspect || before.life != record.life)) {
    std::erase_if(suspicions, [&](const Suspicion& suspicion) { return suspicion.slot == slot; });
  }
  if (record.status == Status::suspect) {
    if (before.status != Status::suspect || before.life != record.life) begin_suspicion(now, slot);
    next_suspicion_at = std::min(next_suspicion_at, now + settings.probe_period / suspicion_checks);
  }
  // A death refuted within its life was no death: more may be mistaken, on either side of a partition.
  if (before.status == Status::dead && record.status == Status::alive && !new_life) {
    healing_until = now + settings.probe_period * healing_periods;
  }
  enlist(now, slot);
  if (spread) rumours.push(slot, record.status == Status::alive);
  if (new_life || before.status != record.status || before.address != record.address ||
      before.shard != record.shard || before.shard_epoch != record.shard_epoch) {
    output.events.push_back(MemberChanged{record.id});
  }
}

void Swim::State::enlist(Instant now, Slot slot) {
  const Status status = table.status(slot);
  const bool is_up = status == Status::alive || status == Status::suspect;
  if (is_up && up.size() == 0)
    next_probe_at = now + nanoseconds(static_cast<std::int64_t>(
                              rng.below(static_cast<std::uint64_t>(settings.probe_period.ns))));
  if (status == Status::dead && down.size() == 0) next_down_at = now + settings.probe_period;
  if (is_up) {
    up.insert(slot, rng);
  } else {
    up.erase(slot);
    if (probe && probe->target == slot) probe.reset();
  }
  if (status == Status::dead) {
    down.insert(slot, rng);
  } else {
    down.erase(slot);
  }
}

void Swim::State::suspect(Instant now, Slot slot) {
  MemberUpdate record = table.record(slot);
  if (record.status != Status::alive && record.status != Status::suspect) return;
  const bool is_first = record.status == Status::alive;
  if (const Suspicion* known = suspicion_of(slot); known && known->observed_here) return;
  const bool helps = is_first || confirmations_of(record.observers) < settings.confirmations;
  record.status = Status::suspect;
  record.observers = with_observer(is_first ? 0 : record.observers, self().id);
  store(now, slot, record, helps);
  if (Suspicion* suspicion = suspicion_of(slot)) suspicion->observed_here = true;
}

Suspicion* Swim::State::suspicion_of(Slot slot) {
  const auto it =
      std::find_if(suspicions.begin(), suspicions.end(), [&](const Suspicion& s) { return s.slot == slot; });
  return it == suspicions.end() ? nullptr : &*it;
}

void Swim::State::fill_address(Instant now, Slot slot, const Address& address) {
  MemberUpdate record = table.record(slot);
  if (record.address.has_ip() || !address.has_ip()) return;
  record.address = address;
  store(now, slot, record, false);
}

}  // namespace vswim::swim
