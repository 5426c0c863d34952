// The node thread's half, and starting and dying; the main thread's half is node_main.cpp.
#include "sim/node.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/hash.hpp"
#include "base/overloaded.hpp"

namespace vswim::sim {

namespace {
constexpr Duration timer_resolution =
    microseconds(1);  // what comes due at once still takes the loop a moment
constexpr Duration ack_crash_window = milliseconds(1);

provider::Settings provider_settings(const NodeConfig& config) {
  provider::Settings settings;
  settings.shard_log.lease_ttl = config.lease_ttl;
  settings.advertised.port = config.bus.port;
  settings.seeds = config.seeds;
  settings.host_label = config.host_label;
  settings.zone_label = config.zone_label;
  return settings;
}
}  // namespace

Node::Node(const NodeConfig& config, const Surroundings& surroundings, Rng rng)
    : config_(config),
      around_(surroundings),
      rng_(rng),
      disk_(*surroundings.scheduler, Rng(rng_.next())),
      node_lane_(*surroundings.scheduler),
      main_lane_(*surroundings.scheduler) {}

bool Node::start(const StartOptions& options) {
  const WorldTime now = around_.scheduler->now();
  ++life_;
  // The machine may have been booted again: a clock reading of an earlier life means nothing.
  clock_ = NodeClock(now, Instant{} + seconds(1 + static_cast<std::int64_t>(rng_.below(1'000'000))),
                     options.rate_error_ppm);
  last_reading_ = clock_.read(now);
  around_.oracle->on_start(now, config_.index, life_, last_reading_, config_.lease_ttl, disk_.contents());
  std::string error;
  auto provider = provider::Provider::start(provider_settings(config_), disk_.contents(), last_reading_,
                                            rng_.next(), error);
  if (!provider) {
    if (!options.damaged) violate("disk", ("the state file was refused: " + error).c_str());
    return false;
  }
  if (options.damaged) violate("I14", "a damaged state file was believed");
  auto image = !options.with_data ? std::nullopt : options.exact_data ? at_death_ : saved_;
  engine_ = std::make_unique<Engine>(std::move(image), now, Rng(rng_.next()));
  saved_ = at_death_ = engine_->image();
  provider_ = std::move(provider);
  id_ = provider_->node_id();
  around_.network->bind(config_.bus, config_.index);
  node_timer_ = main_timer_ = WorldTime::never();
  seen_ = {};
  seen_.node = config_.index;
  seen_.id = id_;
  seen_.shard = provider_->shard_id();
  seen_.alive = true;
  trace("starts as " + id_.hex().substr(0, 8) + " shard " + short_id(seen_.shard));
  start_core();
  drain_provider(last_reading_);
  arm_node_timer();
  return true;
}

void Node::crash() {
  if (!alive()) return;
  trace("dies");
  at_death_ = engine_->image();
  around_.network->unbind(config_.bus);
  around_.oracle->on_crash(around_.scheduler->now(), config_.index);
  node_lane_.kill();
  main_lane_.kill();
  const auto torn = disk_.torn_tails();
  disk_.crash();
  doomed_ = mute_ = false;
  sealed_.clear();
  installed_.clear();
  around_.oracle->coverage.torn_tails += disk_.torn_tails() - torn;
  provider_.reset();
  core_.reset();
  engine_.reset();
  own_.clear();
  commands_.clear();
  held_.clear();
  shard_registers_.clear();
  global_registers_.clear();
  membership_ = {};
  namespace_ = 0;
}

void Node::on_parcel(const Parcel& parcel) {
  if (!alive()) return;
  node_lane_.post({}, [this, parcel] {
    on_node_thread([&](Instant now) {
      if (parcel.stream) {
        provider_->on_frame(now, parcel.from, parcel.bytes);
      } else {
        provider_->on_datagram(now, parcel.from, parcel.bytes);
      }
    });
  });
}

void Node::on_stream_failed(std::uint64_t sender_life, const Address& to) {
  if (!alive() || sender_life != life_) return;
  node_lane_.post({},
                  [this, to] { on_node_thread([&](Instant now) { provider_->on_stream_failed(now, to); }); });
}

void Node::pause_main(Duration duration) { main_lane_.pause_until(around_.scheduler->now() + duration); }
void Node::pause_node_thread(Duration duration) {
  node_lane_.pause_until(around_.scheduler->now() + duration);
}
void Node::resume() {
  main_lane_.resume();
  node_lane_.resume();
}

void Node::on_node_thread(const std::function<void(Instant)>& work) {
  const Instant now = clock_now();
  around_.oracle->on_turn(around_.scheduler->now(), config_.index, now);
  if (now - last_reading_ > config_.lease_ttl / 4) provider_->on_clock_gap(now);
  last_reading_ = now;
  work(now);
  drain_provider(now);
  arm_node_timer();
}

void Node::drain_provider(Instant now) {
  const WorldTime world = around_.scheduler->now();
  auto& oracle = *around_.oracle;
  auto output = provider_->take_output();
  for (const auto& note : output.notes) trace("provider: " + note.text);
  for (auto& write : output.writes) {
    oracle.mix(hash64(write.bytes, write.sequence));
    oracle.on_disk_write(world, config_.index, write.sequence, write.rewrite, write.bytes);
    write_to_disk(write);
  }
  if (mute_) output.transmits.clear();
  bool acknowledged = false;
  for (auto& event : output.events) {
    oracle.mix(event.index() * 1'000 + config_.index);
    const auto* reset = std::get_if<contract::Reset>(&event);
    if (reset != nullptr && reset->which == contract::Namespace::shard) told_shard_ = reset->own_shard;
    oracle.on_provider_event(world, config_.index, told_shard_, event);
    if (const auto* completed = std::get_if<contract::Completed>(&event)) {
      acknowledged = acknowledged || completed->outcome == contract::Outcome::ok;
    }
    if (std::holds_alternative<contract::ShardLogUpdated>(event) &&
        rng_.chance(traps_.pause_before_shown_ppm)) {
      pause_main(
          Duration{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(traps_.pause_max.ns)))});
      ++oracle.coverage.pauses;
    }
    main_lane_.post(queue_latency(), [this, moved = std::move(event), now] {
      on_main_thread([&](Instant later) { on_event(later, moved, later - now); });
    });
  }
  const bool sent = !output.transmits.empty();
  for (auto& transmit : output.transmits) {
    oracle.mix(hash64(transmit.bytes, static_cast<std::uint64_t>(world.ns)));
    oracle.on_sent(world, config_.index, transmit.bytes);
    Parcel parcel{config_.index, config_.bus, transmit.to, transmit.transport == provider::Transport::stream,
                  std::move(transmit.bytes)};
    if (parcel.stream) {
      around_.network->send_frame(std::move(parcel), life_);
    } else {
      around_.network->send_datagram(std::move(parcel));
    }
  }
  auto statuses = provider_->seat_statuses();
  tell_seals(statuses);
  oracle.on_seats(world, config_.index, id_, life_, clock_, std::move(statuses));
  spring_traps(acknowledged || (sent && rng_.chance(100'000)));
}

void Node::write_to_disk(provider::DiskWrite& write) {
  std::optional<WriteStage> dies;
  std::function<void()> die;
  if (traps_.crash_at_writes && !mute_) {
    const auto lot = static_cast<std::uint32_t>(rng_.below(1'000'000));
    const auto kind =
        lot < crash_chance_ppm_max ? kind_of_write(write.rewrite, write.bytes) : RecordKind::accept;
    if (lot < crash_chance_ppm(kind)) {
      dies = static_cast<WriteStage>(rng_.below(write_stages));
      doomed_ = true;
      if (kind == RecordKind::rewrite && dies == WriteStage::torn)
        dies = WriteStage::lost;  // a rename is whole
      die = [this, kind, stage = *dies] {
        ++around_.oracle->coverage.persistence_crashes[point_index(kind, stage)];
        mute_ = stage == WriteStage::told_unsent || (stage <= WriteStage::torn && rng_.chance(500'000));
        const bool hangs = stage <= WriteStage::torn && !mute_ && rng_.chance(500'000);
        const auto hang = static_cast<std::uint64_t>((config_.lease_ttl / 8).ns);
        if (hangs) return die_soon(Duration{static_cast<std::int64_t>(rng_.below(hang))});
        die_soon(stage >= WriteStage::told_unsent ? microseconds(1) : Duration{});
      };
    }
  }
  disk_.write(
      write.sequence, write.rewrite, std::move(write.bytes),
      [this](std::uint64_t sequence) {
        node_lane_.post({}, [this, sequence] {
          on_node_thread([&](Instant later) {
            around_.oracle->on_durable(around_.scheduler->now(), config_.index, sequence);
            provider_->on_persisted(later, sequence);
          });
        });
      },
      dies, std::move(die));
}

void Node::tell_seals(const std::vector<shard_log::Status>& statuses) {
  for (const auto& status : statuses) {
    auto& installed = installed_[status.shard];
    if (status.configuration.epoch > installed) {
      installed = status.configuration.epoch;
      if (!status.leading && !status.ended) around_.installs(config_.index, status.shard, installed);
    }
    if (!status.sealed || !status.leading) continue;
    auto& before = sealed_[status.shard];
    if (status.sealed->epoch <= before) continue;
    before = status.sealed->epoch;
    around_.seals(config_.index);
  }
}

bool Node::leads(const ShardId& shard) const {
  const auto statuses = provider_->seat_statuses();
  return std::ranges::any_of(statuses,
                             [&](const auto& status) { return status.shard == shard && status.leading; });
}

void Node::die_soon(Duration delay) {
  doomed_ = true;
  around_.scheduler->after(delay, [this, life = life_] {
    if (alive() && life == life_) around_.crash(config_.index);
  });
}

void Node::spring_traps(bool acknowledged) {
  if (!acknowledged || !rng_.chance(traps_.crash_after_ack_ppm)) return;
  die_soon(Duration{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(ack_crash_window.ns)))});
}

void Node::arm_node_timer() {
  // The loop wakes often enough that a gap between two readings means a pause, not idleness (rule L8).
  const Instant deadline = std::min(provider_->next_deadline(), last_reading_ + config_.lease_ttl / 8);
  const WorldTime when = std::max(clock_.when_reads(deadline), around_.scheduler->now() + timer_resolution);
  if (when >= node_timer_) return;
  node_timer_ = when;
  around_.scheduler->at(when, [this, life = life_, when] {
    if (!alive() || life != life_ || node_timer_ != when) return;
    node_timer_ = WorldTime::never();
    node_lane_.post({}, [this] {
      on_node_thread([&](Instant now) {
        if (provider_->next_deadline() <= now) provider_->on_timer(now);
        count_spins(node_spins_, provider_->next_deadline() <= now,
                    "the provider's deadline stays in the past");
      });
    });
  });
}

void Node::count_spins(std::uint32_t& spins, bool overdue, const char* reason) {
  constexpr std::uint32_t spins_max =
      1'000;  // a machine may want several turns at one instant, but not for ever
  spins = overdue ? spins + 1 : 0;
  if (spins == spins_max) violate("spin", reason);
}

void Node::violate(const char* invariant, const char* reason) {
  around_.oracle->violations.add(invariant, node_name(config_.index), around_.scheduler->now(), reason);
}

Duration Node::queue_latency() {
  return microseconds(5) + Duration{static_cast<std::int64_t>(
                               rng_.below(static_cast<std::uint64_t>(traps_.queue_latency_max.ns) + 1))};
}

}  // namespace vswim::sim
