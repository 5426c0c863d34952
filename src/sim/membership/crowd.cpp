#include "sim/membership/crowd.hpp"

#include <algorithm>
#include <utility>

#include "seal/datagram_seal.hpp"
#include "swim/descriptions.hpp"
#include "wire/frame.hpp"

namespace vswim::sim::membership {

namespace {
constexpr std::uint32_t seeds_wanted = 3;
// Packets are not sealed here, but counted as if (seal/datagram_head.hpp): a secret is what clusters have.
constexpr std::size_t sealing_bytes = seal::DatagramSeal::overhead_bytes - wire::frame_saved_bytes;
constexpr Duration sync_time = microseconds(150);  // of a disk
}  // namespace

Crowd::Crowd(const Plan& plan)
    : plan_(plan),
      rng_(plan.seed),
      cluster_(rng_.id<ClusterId>()),
      paths_(plan.nodes, plan.loss_per_million, Rng(rng_.next())),
      judge_(plan.nodes, Instant{}),
      slots_(plan.nodes),
      sent_(plan.nodes) {
  settings_.descriptions = std::make_shared<swim::Descriptions>();
  ShardId shard;
  for (std::uint32_t i = 0; i < plan.nodes; ++i) {
    if (i % 2 == 0 || !plan.leases) shard = rng_.id<ShardId>();
    auto& identity = slots_[i].identity;
    identity.id = rng_.id<NodeId>();
    identity.life = {{1}, {1}, {0}};
    identity.address = address_of(i);
    identity.shard = shard;
    identity.shard_epoch = {1};
    numbers_.emplace(identity.id, i);
  }
}

void Crowd::create(std::uint32_t node) {
  auto& slot = slots_[node];
  slot.node = std::make_unique<Node>(node, cluster_, settings_, slot.identity, now(), Rng(rng_.next()));
  std::vector<Address> seeds;
  for (std::uint32_t seed = 0; seed < std::min(seeds_wanted, plan_.nodes); ++seed)
    seeds.push_back(address_of(seed));
  slot.node->swim().set_seeds(std::move(seeds));
}

void Crowd::start_formed() {
  std::vector<swim::MemberUpdate> everybody;
  for (const auto& slot : slots_) everybody.push_back(slot.identity);
  std::sort(everybody.begin(), everybody.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
    create(i);
    slots_[i].node->knows(now(), everybody);
    settle(i);
  }
}

void Crowd::start_cold() {
  for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
    create(i);
    slots_[i].node->ask_for_news();
    settle(i);
  }
}

void Crowd::judge_from_now() {
  judging_ = true;
  for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
    if (slots_[i].node->swim().count(swim::Status::alive) == plan_.nodes) continue;
    for (const auto& member : slots_[i].node->swim().members())
      judge_.believes(now(), i, numbers_.at(member.record.id), member.record.status);
  }
}

void Crowd::form_shards() {
  for (std::uint32_t primary = 0; primary + 1 < plan_.nodes; primary += 2) {
    const auto& shard = slots_[primary].identity.shard;
    const std::uint32_t replica = primary + 1, witness = (primary + 3) % plan_.nodes;
    slots_[primary].node->found_shard(now(), shard);
    const auto uuid = slots_[replica].node->await_invitation(now(), shard);
    slots_[primary].node->invite(now(), shard, slots_[replica].identity.id, uuid,
                                 slots_[witness].identity.id);
    settle(replica);
    settle(primary);
  }
}

bool Crowd::shards_are_whole() const {
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.node == nullptr || slot.node->shard_is_whole(); });
}

// ---- time

void Crowd::at(Instant when, std::function<void()> step) {
  script_.push_back(std::move(step));
  timeline_.at(when, Kind::script, 0, static_cast<std::uint32_t>(script_.size() - 1));
}

void Crowd::run_until(Instant limit) {
  while (const auto event = timeline_.next(limit)) handle(*event);
}

bool Crowd::run_until_true(Instant limit, const std::function<bool()>& done) {
  while (!done()) {
    const auto event = timeline_.next(limit);
    if (!event) return false;
    handle(*event);
  }
  return true;
}

void Crowd::handle(const Event& event) {
  if (event.kind == Kind::script) return script_[event.item]();
  auto& slot = slots_[event.node];
  const bool is_parcel = event.kind == Kind::parcel;
  if (event.kind == Kind::timer && event.when != slot.armed_at) return;
  if (slot.node != nullptr && slot.paused_until > now()) {
    if (event.kind == Kind::timer) slot.armed_at = slot.paused_until;
    return timeline_.at(slot.paused_until, event.kind, event.node, event.item);
  }
  Parcel parcel;
  if (is_parcel) {
    parcel = std::move(parcels_[event.item]);
    free_parcels_.push_back(event.item);
  }
  if (slot.node == nullptr) return;
  switch (event.kind) {
    case Kind::parcel: slot.node->on_bytes(now(), address_of(parcel.from), parcel.bytes); break;
    case Kind::timer:
      slot.armed_at = Instant::never();
      slot.node->on_timer(now());
      break;
    case Kind::persisted: slot.node->on_persisted(now()); break;
    case Kind::script: break;
  }
  settle(event.node);
}

void Crowd::settle(std::uint32_t node) {
  auto& slot = slots_[node];
  auto output = slot.node->take_output(now());
  for (auto& parcel : output.parcels) post(std::move(parcel));
  for (std::uint32_t i = 0; i < output.writes; ++i) timeline_.at(now() + sync_time, Kind::persisted, node);
  if (output.heard_register && !slot.heard) {
    slot.heard = true;
    if (unheard_ > 0) --unheard_;
  }
  if (judging_) {
    look(node, output.changed);
  } else if (!slot.complete && slot.node->swim().count(swim::Status::alive) == plan_.nodes) {
    slot.complete = true;
    ++complete_;
  }
  const Instant deadline = slot.node->next_deadline();
  if (deadline < slot.armed_at) {
    slot.armed_at = std::max(deadline, now());
    timeline_.at(slot.armed_at, Kind::timer, node);
  }
}

void Crowd::look(std::uint32_t node, const std::vector<NodeId>& changed) {
  for (const auto& id : changed) {
    const auto view = slots_[node].node->swim().find(id);
    if (view) judge_.believes(now(), node, numbers_.at(id), view->record.status);
  }
}

void Crowd::post(Parcel&& parcel) {
  auto& sent = sent_[parcel.from];
  if (parcel.stream) {
    sent.stream_bytes += parcel.bytes.size();
  } else {
    ++sent.packets;
    sent.bytes += parcel.bytes.size() + sealing_bytes;
  }
  if (parcel.to >= plan_.nodes) return;
  const auto arrival = parcel.stream ? paths_.stream(now(), parcel.from, parcel.to, parcel.bytes.size())
                                     : paths_.datagram(now(), parcel.from, parcel.to);
  if (!arrival) return;
  const std::uint32_t to = parcel.to;
  std::uint32_t item = 0;
  if (free_parcels_.empty()) {
    item = static_cast<std::uint32_t>(parcels_.size());
    parcels_.push_back(std::move(parcel));
  } else {
    item = free_parcels_.back();
    free_parcels_.pop_back();
    parcels_[item] = std::move(parcel);
  }
  timeline_.at(*arrival, Kind::parcel, to, item);
}

// ---- faults

void Crowd::kill(std::uint32_t node) {
  slots_[node].node.reset();
  judge_.killed(now(), node);
}

void Crowd::stop(std::uint32_t node, bool gracefully) {
  auto& slot = slots_[node];
  if (gracefully) {
    slot.node->leave(now());
    settle(node);
  }
  slot.file = slot.node->swim().snapshot();
  slot.node.reset();
  judge_.stopped(now(), node);
}

void Crowd::start_again(std::uint32_t node) {
  auto& slot = slots_[node];
  slot.identity.life.generation = slot.identity.life.generation.next();
  slot.armed_at = Instant::never();
  create(node);
  std::erase_if(slot.file, [&](const auto& member) { return member.id == slot.identity.id; });
  slot.node->knows(now(), slot.file);
  slot.node->ask_for_news();
  std::vector<std::uint32_t> dead;
  for (const auto& member : slot.file) {
    if (member.status == swim::Status::dead || member.status == swim::Status::left)
      dead.push_back(numbers_.at(member.id));
  }
  slot.file.clear();
  judge_.started(now(), node, dead);
  settle(node);
}

void Crowd::pause(std::uint32_t node, Duration length) { slots_[node].paused_until = now() + length; }

std::vector<std::uint32_t> Crowd::some_nodes(std::uint32_t count) {
  std::vector<std::uint32_t> running;
  for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
    if (is_up(i)) running.push_back(i);
  }
  count = std::min(count, static_cast<std::uint32_t>(running.size()));
  for (std::uint32_t i = 0; i < count; ++i)
    std::swap(running[i], running[i + rng_.below(running.size() - i)]);
  running.resize(count);
  return running;
}

// ---- metadata

void Crowd::write_register(std::uint32_t node) {
  unheard_ = 0;
  for (auto& slot : slots_) {
    slot.heard = false;
    if (slot.node != nullptr) ++unheard_;
  }
  slots_[node].node->write_register(now(), "node:" + slots_[node].identity.id.hex(), std::string(100, 'x'));
  settle(node);
}

}  // namespace vswim::sim::membership
