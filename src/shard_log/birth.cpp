// How a seat comes to be, from nothing or from its records, and what is written so that it can come back.
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::size_t tail_bytes_max =
    4 * 1024 * 1024;  // compaction: bytes of batches kept behind a snapshot
}

ShardLog::State::State(const Settings& settings_in, const Seat& seat_in, Instant now, Rng rng_in)
    : settings(settings_in),
      seat(seat_in),
      rng(rng_in),
      terms{settings_in.lease_ttl, settings_in.drift_ppm, settings_in.slack},
      clock(now),
      promise(settings_in.drift_ppm),
      pulse_at(now),
      request_at(now),
      poke_at(now) {
  stand_jitter =
      Duration{static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(fraction(32).ns + 1)))};
  const auto tenth = static_cast<std::uint64_t>(settings.witness_replace_after.ns / 10 + 1);
  replace_jitter = Duration{static_cast<std::int64_t>(rng.below(tenth))};
}

void ShardLog::State::found(Instant now) {
  configuration = {{1}, {{seat.node, seat.uuid, Role::data}}};
  committed_known = true;
  promise.raise_ttl(settings.lease_ttl);
  log_record(state_record());
  tick(now);
}

StateRecord ShardLog::State::state_record() const {
  return {configuration,     installed_by,   promise.promised(), log.accepted(),
          promise.ttl_max(), log.snapshot(), log.tail()};
}

void ShardLog::State::compact_if_long() {
  if (ended || vacant() || log.seal_of(configuration.epoch) != nullptr) return;
  const bool is_long = log.tail_entries() > settings.tail_entries_max || log.tail_bytes() > tail_bytes_max;
  const auto gained = registers.revision() - log.snapshot().revision;
  if (!is_long || registers.revision() <= log.snapshot().revision || gained * 2 < log.tail_entries()) return;
  log.compact(registers.snapshot(), settings.tail_entries_max / 4);
  vow = out.record_whole(state_record());
  promise.mark(vow);
  log.mark(vow);
}

// False when the records cannot have been written by a seat in this order: the memory is lost.
bool ShardLog::State::replay(std::span<const Record> records) {
  bool have_state = false;
  Ballot promised;
  Duration ttl;
  for (const auto& record : records) {
    const bool sound = std::visit(
        Overloaded{
            [&](const StateRecord& state) {
              if (!Log::links(state.snapshot.chain, state.snapshot.revision, state.tail)) return false;
              configuration = state.configuration;
              installed_by = state.installed_by;
              promised = std::max(promised, state.promised);
              ttl = std::max(ttl, state.ttl_max);
              log.restore(state.snapshot, state.tail, state.accepted);
              return have_state = true;
            },
            [&](const PromiseRecord& promise_made) {
              promised = std::max(promised, promise_made.ballot);
              return true;
            },
            [&](const TtlRecord& longest) {
              ttl = std::max(ttl, longest.ttl);
              return true;
            },
            [&](const AcceptRecord& accepted) {
              if (!have_state) return false;
              if (accepted.snapshot) {
                if (!Log::links(accepted.snapshot->chain, accepted.snapshot->revision, accepted.entries))
                  return false;
                log.restore(*accepted.snapshot, accepted.entries, accepted.ballot);
              } else if (accepted.base >= log.snapshot().revision && accepted.base <= log.last()) {
                if (!log.links(accepted.base, accepted.entries)) return false;
                log.replace(accepted.base, accepted.entries, accepted.ballot);
              } else if (accepted.base > log.last()) {
                return false;
              }  // else: a compaction written since contains it
              promised = std::max(promised, accepted.ballot);
              return true;
            },
            [&](const MovedRecord& moved) {
              ended = true;
              configuration = moved.configuration;
              return have_state;
            },
        },
        record);
    if (!sound) return false;
  }
  promise.restore(promised, ttl);
  log.mark({});
  log.on_persisted({});
  registers = RegisterState(log.snapshot());
  return records.empty() || have_state;
}

ShardLog ShardLog::bootstrap(const Settings& settings, const Seat& seat, Instant now, Rng rng) {
  auto state = std::make_unique<State>(settings, seat, now, rng);
  state->found(now);
  return ShardLog(std::move(state));
}

ShardLog ShardLog::vacant(const Settings& settings, const Seat& seat, Instant now, Rng rng) {
  return ShardLog(std::make_unique<State>(settings, seat, now, rng));
}

std::optional<ShardLog> ShardLog::recover(const Settings& settings, const Seat& seat,
                                          std::span<const Record> records, Instant now, Rng rng) {
  auto state = std::make_unique<State>(settings, seat, now, rng);
  if (!state->replay(records)) return std::nullopt;
  state->promise.start_silence(now);
  if (state->ended) {
    state->out.event(SeatEnded{"the shard went on without this node"});
  } else if (state->lone_voter()) {  // what it has written is what is committed
    state->advance_commit(now, state->log.last());
    state->committed_known = true;
    state->told_configuration();
    state->notify(now);
  }
  return ShardLog(std::move(state));
}

std::vector<Record> ShardLog::whole_state() const {
  if (state_->vacant()) return {};
  std::vector<Record> records{state_->state_record()};
  if (state_->ended) records.push_back(MovedRecord{state_->configuration});
  return records;
}

}  // namespace vswim::shard_log
