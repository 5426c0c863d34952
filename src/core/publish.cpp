// This node's gossip registers, rewritten whenever they differ from what they are a projection of: settings
// for the node's own, the settled shard log for the shard's (only its leased primary writes those).
#include <algorithm>

#include "core/endpoints.hpp"
#include "core/failover.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

// Gossip has the new owner everywhere by then: whom a rumour missed finds out after three periods.
constexpr Duration linger_time = seconds(10);
constexpr Duration retry_after =
    milliseconds(100);  // after a stale revision; the winner's register is on its way

std::vector<ClaimedRange> projection(const Machine& m, std::uint16_t bucket) {
  const auto* entries = m.log.slots().bucket(bucket);
  const auto& lingering = m.migrations.lingering;
  if (entries == nullptr && lingering.empty()) return {};
  const auto entry = [&](Slot slot) -> SlotEntry {
    const auto left = lingering.find(slot);
    const auto present = entries == nullptr ? SlotEntry{} : (*entries)[slot % bucket_slots];
    if (left == lingering.end() || state_owns(present.state)) return present;
    return {SlotState::fenced, left->second, {}};
  };
  const auto first = bucket_first(bucket);
  const auto mine = [&](Slot slot) {
    const auto state = entry(slot).state;
    return !m.claims.yielding[slot] &&
           (m.log.slot_right(slot) || (state_owns(state) && !state_serves(state)));
  };
  std::vector<ClaimedRange> claimed;
  for (const auto& range : runs(first, static_cast<Slot>(first + bucket_slots - 1), mine,
                                [&](Slot a, Slot b) { return entry(a).claim == entry(b).claim; })) {
    claimed.push_back({range, entry(range.first).claim});
  }
  return claimed;
}

std::map<std::string, std::string> desired_registers(const Machine& m) {
  std::map<std::string, std::string> desired;
  const auto& self = m.view.self();
  desired[key_text(NodeInfoKey{self})] = node_info_text(own_info(m.settings, m.engine.report.loading));
  if (!m.primary_here) return desired;
  const auto& shard = m.view.own_shard();
  desired[key_text(ShardPrimaryKey{shard})] = self.hex();
  desired[key_text(ShardEpochKey{shard})] = std::to_string(m.own_epoch);
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    if (const auto claimed = projection(m, b); !claimed.empty()) {
      desired[key_text(ShardSlotsKey{shard, b})] = claimed_text(claimed);
    }
  }
  return desired;
}

void delete_others(const Machine& m, const ShardId& shard, const std::map<std::string, std::string>& desired,
                   contract::Batch& batch) {
  const auto prefix = "shard:" + shard.hex() + ":";
  const auto& live = m.view.global().live();
  for (auto it = live.lower_bound(prefix); it != live.end() && it->first.rfind(prefix, 0) == 0; ++it) {
    if (desired.count(it->first) == 0) batch.push_back({it->first, std::nullopt, it->second.revision});
  }
}

void answer_published(Machine& m, bool everything) {
  auto& replies = m.publish.replies;
  const auto done = [&](const auto& waiting) {
    if (!everything && m.now < waiting.second) return false;
    m.reply(waiting.first, Reply::ok());  // the log has it; gossip follows at the next try
    return true;
  };
  replies.erase(std::remove_if(replies.begin(), replies.end(), done), replies.end());
}

}  // namespace

std::uint64_t current_epoch(const Machine& m) {
  return std::max({m.view.max_epoch(), m.own_epoch, m.epoch_before_reset});
}

void publish_registers(Machine& m) {
  if (m.view.member(m.view.self()) == nullptr || m.publish.in_flight) return answer_published(m, false);
  if (m.publish.retry_at != Instant::never() && m.now < m.publish.retry_at) return answer_published(m, false);
  if (m.publish.retry_at != Instant::never()) m.publish.due = true;
  m.publish.retry_at = Instant::never();
  if (!m.publish.due) return answer_published(m, true);
  m.publish.due = false;
  const auto desired = desired_registers(m);
  contract::Batch batch;
  for (const auto& [key, value] : desired) {
    const auto* present = m.view.global().value(key);
    if (present == nullptr || *present != value) batch.push_back({key, value, m.view.global().revision(key)});
  }
  if (m.primary_here) delete_others(m, m.view.own_shard(), desired, batch);
  if (batch.empty()) return answer_published(m, true);
  m.publish.in_flight = m.next_ticket(PublishOp{});
  m.operate(contract::UpdateGossip{*m.publish.in_flight, contract::Scope::global, std::move(batch)});
  answer_published(m, false);
}

void on_published(Machine& m, const contract::Completed& done) {
  if (m.publish.offset_in_flight == done.ticket) m.publish.offset_in_flight.reset();
  if (m.publish.in_flight != done.ticket) return;
  m.publish.in_flight.reset();
  m.publish.due = true;
  if (done.outcome != contract::Outcome::ok) m.publish.retry_at = m.now + retry_after;
}

void publish_offset(Machine& m) {
  if (m.publish.offset_in_flight || !m.engine.known || m.view.members_of(m.view.own_shard()).size() < 2)
    return;
  const bool may_stand = why_not_stand(m.engine.report, m.settings).empty();
  const auto& history = m.engine.report.history;
  const OffsetRegister mine{m.engine.report.offset, may_stand, plain_name(history, 64) ? history : ""};
  const auto key = key_text(NodeOffsetKey{m.view.self()});
  const auto value = offset_text(mine);
  const auto* present = m.view.own_gossip().value(key);
  if (present != nullptr && *present == value) return;
  m.publish.offset_in_flight = m.next_ticket(OffsetOp{});
  m.operate(contract::UpdateGossip{*m.publish.offset_in_flight,
                                   contract::Scope::shard,
                                   {{key, value, m.view.own_gossip().revision(key)}}});
}

// Who hears first that they are not this shard's any more would call the whole cluster down.
void linger(Machine& m, const SlotSet& slots) {
  if (slots.none()) return;
  for (Slot slot = 0; slot < slot_count; ++slot) {
    if (slots[slot]) m.migrations.lingering[slot] = m.log.slots().at(slot).claim;
  }
  auto& until = m.migrations.linger_until;
  until = until == Instant::never() ? m.now + linger_time : std::max(until, m.now + linger_time);
}

void resolve_epoch_ties(Machine& m) {
  if (!m.primary_here || m.alone()) return;
  m.own_epoch = std::max(m.own_epoch, m.view.epoch_of(m.view.own_shard()));
  std::uint64_t before_me = 0;  // primaries with my epoch and a higher id: the highest id keeps it
  for (const auto& [shard, members] : m.view.shards()) {
    const auto* meta = m.view.shard(shard);
    if (shard == m.view.own_shard() || meta == nullptr || !meta->primary) continue;
    if (meta->epoch == m.own_epoch && *meta->primary > m.view.self()) ++before_me;
  }
  if (before_me > 0) m.own_epoch = current_epoch(m) + before_me;
  m.publish.due = true;
}

void delete_shard_registers(Machine& m, const ShardId& shard) {
  contract::Batch batch;
  delete_others(m, shard, {}, batch);
  if (batch.empty()) return;
  m.operate(contract::UpdateGossip{m.next_ticket(CleanOp{}), contract::Scope::global, std::move(batch)});
}

void delete_node_register(Machine& m, const NodeId& node) {
  const auto key = key_text(NodeInfoKey{node});
  const auto revision = m.view.global().revision(key);
  if (!revision) return;
  m.operate(contract::UpdateGossip{
      m.next_ticket(CleanOp{}), contract::Scope::global, {{key, std::nullopt, revision}}});
}

}  // namespace vswim::core
