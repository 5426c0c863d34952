// SWIM's statuses and the shard's leases -> the contract's membership; evidence to the others; witness
// candidates.
#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "provider/state.hpp"

namespace vswim::provider {

namespace {
constexpr Duration evidence_interval = milliseconds(900);  // a little below the idle tick that repeats it
constexpr Duration evidence_horizon = seconds(4);          // several repetitions may be lost

bool down(swim::Status status) { return status == swim::Status::dead || status == swim::Status::left; }

std::uint64_t digest_of(const contract::Member& member) {
  std::array<char, 20 + 20 + 16 + 3> bytes;  // of every member at every view: no allocation
  auto at = std::copy(member.id.bytes.begin(), member.id.bytes.end(), bytes.begin());
  at = std::copy(member.shard.bytes.begin(), member.shard.bytes.end(), at);
  at = std::copy(member.address.ip.begin(), member.address.ip.end(), at);
  *at++ = static_cast<char>(member.address.port >> 8);
  *at++ = static_cast<char>(member.address.port & 0xff);
  *at = static_cast<char>(member.health);
  return hash64({bytes.data(), bytes.size()});
}
}  // namespace

// Inside a shard leases alone say FAIL (rule L10), SWIM says PFAIL; across shards SWIM and evidence say both
// (design 2, section 0). A lease that ended while its holder still talks is a node that starts or stalls:
// FAIL only after 2 T.
contract::Health Provider::State::health_of(Instant now, const swim::MemberView& view) const {
  if (view.record.id == record.node) return contract::Health::ok;
  const auto status = view.record.status;
  if (view.record.shard == record.membership.shard) {
    const auto lease = peer_leases.find(view.record.id);
    const auto ttl = settings.shard_log.lease_ttl;
    // Nobody's word for so long: whoever would say it has not been heard, and the peer may be leased again.
    const bool withdrawn =
        lease != peer_leases.end() && lease->second.asserted + std::max(evidence_horizon, ttl * 3) <= now;
    if (lease != peer_leases.end() && lease->second.ended && !withdrawn) {
      const bool still_proven = lease->second.asserted + evidence_interval * 3 > now;
      if (status == swim::Status::left || view.heard_at + ttl / 2 <= now ||
          (still_proven && lease->second.since + ttl * 2 <= now)) {
        return contract::Health::fail;
      }
    }
    return status == swim::Status::alive ? contract::Health::ok : contract::Health::pfail;
  }
  if (down(status)) return contract::Health::fail;
  return status == swim::Status::suspect ? contract::Health::pfail : contract::Health::ok;
}

void Provider::State::publish_view(Instant now, const std::vector<swim::MemberView>& views) {
  std::vector<contract::Member> members;
  members.reserve(views.size());
  for (const auto& view : views) {
    if (view.record.status == swim::Status::forgotten) continue;
    contract::Member member;
    member.id = view.record.id;
    member.shard = view.record.shard;
    member.address = view.record.id == record.node ? self_address : view.record.address;
    member.health = health_of(now, view);
    member.suspected_at = member.health == contract::Health::ok ? Instant{} : view.changed_at;
    member.heard_at = view.heard_at;
    members.push_back(member);
  }
  std::vector<ShownMember> view;
  view.reserve(members.size());
  for (const auto& member : members) view.push_back({digest_of(member), member.heard_at});
  // Proofs of life alone are no change worth a callback more often than once in five seconds.
  const bool same = std::equal(view.begin(), view.end(), last_view.begin(), last_view.end(),
                               [](const ShownMember& a, const ShownMember& b) {
                                 return a.digest == b.digest && a.heard_at - b.heard_at < seconds(5);
                               });
  if (same && !last_view.empty()) return;
  last_view = std::move(view);
  emit(contract::MembershipChanged{record.node, record.membership.shard, std::move(members)});
}

void Provider::State::on_peer_lease(Instant now, const NodeId& node, bool ended) {
  auto& lease = peer_leases[node];
  if (lease.ended != ended) lease = {ended, now, now};
  lease.asserted = now;
  view_dirty = true;
  const auto* seat = own_seat();
  if (seat == nullptr || !seat->leads()) return;
  tell_evidence(node, ended);
  if (ended) accuse(now, node);
}

void Provider::State::tell_evidence(const NodeId& node, bool ended) {
  for (const auto& peer : shard_members(record.membership.shard)) {
    const auto address = address_of(peer);
    if (peer == record.node || !address) continue;
    send_control(*address, wire::LeaseEvidence{record.membership.shard, node, ended}, true);
  }
}

// A FORGET that is cut short between the seat and the tombstone leaves a member that has no seat: no voter's
// lease tells of it, so its absence does. SWIM, which alone is not believed inside a shard, has to agree.
void Provider::State::judge_unseated(Instant now) {
  auto* seat = own_seat();
  if (seat == nullptr || !seat->leads()) return;
  // The common case, and the walk below costs as much as there are members.
  if (swim->count(swim::Status::dead) + swim->count(swim::Status::left) == 0) return;
  for (const auto& node : swim->in_shard(record.membership.shard)) {
    const auto view = swim->find(node);
    if (!view || node == record.node || !down(view->record.status)) continue;
    const auto known = peer_leases.find(node);
    if (known != peer_leases.end() && known->second.ended) continue;
    seat->judge_absent(now, node);
  }
}

// A datagram may be lost and a leader may go: what was proven is told again while it holds, and whoever hears
// it no more of a member that is alive lets go of it.
void Provider::State::repeat_evidence(Instant now) {
  const auto* seat = own_seat();
  // A leader whose own deadline has passed proves nothing any more: another may grant by now (rule L10).
  if (seat == nullptr || !seat->leads() || seat->leader_deadline() <= now) return;
  for (auto& [node, lease] : peer_leases) {
    const auto view = swim->find(node);
    const bool news = lease.ended || lease.since + evidence_horizon * 2 > now;
    if (!news || lease.asserted + evidence_interval > now || !view) continue;
    if (view->record.shard != record.membership.shard) continue;
    lease.asserted = now;
    tell_evidence(node, lease.ended);
  }
}

// From the leader of our shard, about a member of our shard: the same proof, second hand.
void Provider::State::on_lease_evidence(Instant now, const NodeId& sender,
                                        const wire::LeaseEvidence& evidence) {
  const auto* seat = own_seat();
  if (seat == nullptr || evidence.shard != record.membership.shard || seat->leader() != sender) return;
  auto& lease = peer_leases[evidence.node];
  if (lease.ended != evidence.ended) lease = {evidence.ended, now, now};
  lease.asserted = now;
  view_dirty = true;
}

// Shard evidence for everybody: this life of the node is over. Only of a node that is silent as well.
void Provider::State::accuse(Instant now, const NodeId& node) {
  const auto view = swim->find(node);
  if (!view || node == record.node || view->heard_at + settings.shard_log.lease_ttl / 2 > now) return;
  if (view->record.status == swim::Status::alive || view->record.status == swim::Status::suspect) {
    swim->confirm_dead(now, node, view->record.life);
  }
}

std::vector<NodeId> Provider::State::shard_members(const ShardId& shard) const {
  auto nodes = swim->in_shard(shard);
  std::erase_if(nodes, [&](const auto& node) { return down(swim->find(node)->record.status); });
  return nodes;
}

// Witnesses come from other shards, another machine preferred, by rendezvous hash so that the load spreads
// and few move.
void Provider::State::refresh_policies(Instant now, const std::vector<swim::MemberView>& views) {
  struct Candidate {
    bool same_machine = false;
    std::uint64_t score = 0;
    NodeId node;
  };
  std::vector<NodeId> dead;
  for (const auto& view : views) {
    if (health_of(now, view) == contract::Health::fail || down(view.record.status))
      dead.push_back(view.record.id);
  }
  for (auto& [shard, seat] : seats) {
    auto gone = dead;  // also for who may lead next: since when counts then
    std::vector<NodeId> elsewhere;
    for (const auto& voter : seat.configuration().voters) {
      const auto view = swim->find(voter.node);
      if (!view) gone.push_back(voter.node);  // forgotten, or left by RESET
      const bool moved = !view || (view->record.status == swim::Status::alive && view->record.shard != shard);
      if (moved && voter.role != shard_log::Role::witness) elsewhere.push_back(voter.node);
    }
    seat.set_dead(now, std::move(gone));
    if (!seat.leads()) continue;
    std::vector<Candidate> candidates;
    std::vector<std::array<std::uint8_t, 16>> machines;
    for (const auto& view : views) {
      if (view.record.shard == shard) machines.push_back(view.record.address.ip);
    }
    std::array<char, 20 + 20> names{};  // the shard's and the candidate's
    std::copy(shard.bytes.begin(), shard.bytes.end(), names.begin());
    for (const auto& view : views) {
      if (view.record.shard == shard || view.record.id == record.node ||
          view.record.status != swim::Status::alive)
        continue;
      const auto& id = view.record.id;
      std::copy(id.bytes.begin(), id.bytes.end(), names.begin() + shard.bytes.size());
      candidates.push_back(
          {std::find(machines.begin(), machines.end(), view.record.address.ip) != machines.end(),
           hash64({names.data(), names.size()}), id});
    }
    constexpr std::size_t candidates_max = 8;  // more would only be ballast: one is needed at a time
    const auto wanted = static_cast<std::ptrdiff_t>(std::min(candidates_max, candidates.size()));
    std::partial_sort(candidates.begin(), candidates.begin() + wanted, candidates.end(),
                      [](const Candidate& a, const Candidate& b) {
                        return std::tie(a.same_machine, b.score, a.node) <
                               std::tie(b.same_machine, a.score, b.node);
                      });
    std::vector<NodeId> ordered;
    for (auto it = candidates.begin(); it != candidates.begin() + wanted; ++it) ordered.push_back(it->node);
    seat.set_witness_candidates(now, std::move(ordered));
    seat.set_elsewhere(now, std::move(elsewhere));
  }
}

void Provider::State::publish_status() {
  const auto* seat = own_seat();
  if (seat == nullptr) return;
  ShownStatus status{seat->leader(), seat->configuration(), seat->has_majority_contact(), seats.size()};
  if (status == last_status) return;
  std::size_t data = 0;
  std::size_t learners = 0;
  std::string witnesses;
  for (const auto& voter : status.configuration.voters) {
    if (voter.role == shard_log::Role::data) ++data;
    if (voter.role == shard_log::Role::learner) ++learners;
    if (voter.role == shard_log::Role::witness)
      witnesses += (witnesses.empty() ? "" : ",") + voter.node.hex();
  }
  std::vector<std::pair<std::string, std::string>> fields;
  fields.emplace_back("swim_shard_leader", status.leader ? status.leader->hex() : "");
  fields.emplace_back("swim_shard_epoch", std::to_string(status.configuration.epoch.value));
  fields.emplace_back("swim_shard_data_voters", std::to_string(data));
  fields.emplace_back("swim_shard_witnesses", witnesses);
  fields.emplace_back("swim_shard_majority", status.majority ? "yes" : "no");
  const bool possible = data >= 3 || (data == 2 && !witnesses.empty());
  const bool lacks_witness = data + learners == 2;
  fields.emplace_back("swim_automatic_failover", possible ? "yes"
                                                 : lacks_witness
                                                     ? "no: no node of another shard can be a witness"
                                                     : "no: the shard has no replica");
  fields.emplace_back("swim_seats", std::to_string(status.seats));
  last_status = std::move(status);
  emit(contract::ProviderStatus{std::move(fields)});
}

}  // namespace vswim::provider
