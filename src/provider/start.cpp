// From a state file, or from nothing, to a running node: identity, generation, seats, hints.
#include "provider/state.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::provider {

namespace {

struct SeatHistory {
  VoterUuid uuid;
  std::vector<shard_log::Record> records;
};

struct FileHistory {
  std::optional<wire::NodeRecord> node;
  wire::KnownMembersRecord members;
  wire::GossipHintRecord gossip;
  std::map<ShardId, SeatHistory> seats;
  std::string error;
};

FileHistory replay(const std::vector<wire::FileRecord>& records) {
  FileHistory history;
  for (const auto& file_record : records) {
    std::visit(Overloaded{
                   [&](const wire::NodeRecord& node) {
                     // Hints are of a cluster: a crash in the middle of a RESET or a MEET must not leave a
                     // node that looks for its new cluster among the members of the old one.
                     if (history.node && history.node->cluster != node.cluster) {
                       history.members = {};
                       history.gossip = {};
                     }
                     history.node = node;
                   },
                   [&](const wire::KnownMembersRecord& members) { history.members = members; },
                   [&](const wire::GossipHintRecord& gossip) { history.gossip = gossip; },
                   [&](const wire::SeatOpenedRecord& opened) {
                     history.seats[opened.shard] = {opened.uuid, {}};
                   },
                   [&](const wire::SeatDroppedRecord& dropped) { history.seats.erase(dropped.shard); },
                   [&](const wire::SeatRecord& seat_record) {
                     const auto seat = history.seats.find(seat_record.shard);
                     auto decoded = wire::decode_seat_record(seat_record.payload);
                     if (seat == history.seats.end() || !decoded) {
                       history.error =
                           "a shard-log record of shard " + seat_record.shard.hex() + " cannot be read";
                     } else {
                       seat->second.records.push_back(std::move(*decoded));
                     }
                   },
               },
               file_record);
  }
  return history;
}

}  // namespace

Provider::State::State(const Settings& settings_in, Instant now, std::uint64_t seed)
    : settings(settings_in),
      rng(seed),
      self_address(settings_in.advertised),
      next_tick(now),
      next_gossip(Instant::never()) {}

swim::MemberUpdate Provider::State::self_record() const {
  swim::MemberUpdate self;
  self.id = record.node;
  self.life = {record.join, record.generation, {}};
  self.status = swim::Status::alive;
  self.address = self_address;
  self.shard = record.membership.shard;
  self.shard_epoch = {record.membership.number};
  return self;
}

void Provider::State::start_machines(Instant now) {
  swim.emplace(settings.swim, self_record(), now, fork_rng());
  swim->set_seeds(settings.seeds);
  global.emplace(settings.gossip, record.node, now, fork_rng());
  shard_gossip.emplace(settings.gossip, record.node, now, fork_rng());
}

void Provider::State::start_fresh(Instant now) {
  record.node = rng.id<NodeId>();
  record.cluster = rng.id<ClusterId>();
  record.generation = {1};
  record.join = {1};
  record.membership = {1, rng.id<ShardId>(), {1}};
  start_machines(now);
  seats.emplace(record.membership.shard,
                shard_log::ShardLog::bootstrap(
                    settings.shard_log, seat_identity(record.membership.shard, rng.id<VoterUuid>(), true),
                    now, fork_rng()));
  rewrite_file();
  note(NoteLevel::notice,
       "fresh node " + record.node.hex() + " in a shard of its own " + record.membership.shard.hex());
}

bool Provider::State::start_from(Instant now, const std::vector<wire::FileRecord>& records,
                                 std::string& error) {
  auto history = replay(records);
  if (!history.node || !history.error.empty()) {
    error = history.error.empty() ? "it names no node" : history.error;
    return false;
  }
  record = *history.node;
  record.generation = record.generation.next();
  wants_news = true;
  start_machines(now);
  swim->merge(now, history.members.members, true);
  global->apply_snapshot(now, history.gossip.global);
  for (auto& [shard, seat] : history.seats) {
    const bool moving = record.move.active;
    const bool has_core = shard == record.membership.shard && !moving;
    const auto identity = seat_identity(shard, seat.uuid, has_core);
    if (seat.records.empty()) {
      await_install(now, shard);
      seats.emplace(shard, shard_log::ShardLog::vacant(settings.shard_log, identity, now, fork_rng()));
      continue;
    }
    auto recovered =
        shard_log::ShardLog::recover(settings.shard_log, identity, seat.records, now, fork_rng());
    if (!recovered) {
      error = "the log of shard " + shard.hex() + " contradicts itself";
      return false;
    }
    seats.emplace(shard, std::move(*recovered));
  }
  // The new generation must be durable before anybody hears of it: nothing leaves the node before this write
  // is.
  rewrite_file();
  note(NoteLevel::notice, "node " + record.node.hex() + " starts again, generation " +
                              std::to_string(record.generation.value) + ", " +
                              std::to_string(history.members.members.size()) + " known members");
  if (record.move.active) {
    resume_move(now);
  } else if (own_seat() == nullptr) {
    // Its seat was lost on purpose (a crash between two records of a reset): a fresh shard, as RESET would
    // give.
    bootstrap_own_shard(now, rng.id<ShardId>());
  }
  return true;
}

std::unique_ptr<Provider> Provider::start(const Settings& settings, std::string_view file, Instant now,
                                          std::uint64_t seed, std::string& error) {
  auto state = std::make_unique<State>(settings, now, seed);
  const auto contents = wire::read_file(file);
  if (!contents.ok) {
    error = contents.error;
    return nullptr;
  }
  if (contents.torn) {
    state->note(NoteLevel::notice,
                "the state file ended in a torn record, which was cut: it had not been promised");
  }
  if (contents.records.empty()) {
    state->start_fresh(now);
  } else if (!state->start_from(now, contents.records, error)) {
    return nullptr;
  }
  contract::Reset reset{contract::Namespace::shard, state->namespace_number, state->record.node,
                        state->record.membership.shard};
  state->emit(reset);
  state->pump(now);
  return std::unique_ptr<Provider>(new Provider(std::move(state)));
}

}  // namespace vswim::provider
