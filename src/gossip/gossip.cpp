#include "gossip/gossip.hpp"

#include <algorithm>
#include <utility>

#include "base/mutation.hpp"
#include "gossip/conflict.hpp"
#include "gossip/large_news.hpp"
#include "gossip/register_map.hpp"
#include "gossip/root_watch.hpp"
#include "gossip/rumour_queue.hpp"

namespace vswim::gossip {

struct Gossip::State {
  State(const Settings& given, const NodeId& own, Instant start, Rng rng)
      : settings(given),
        self(own),
        latest(start),
        registers(given),
        rumours(given.rumours_max),
        large_news(given.large_news_bytes_max, given.probe_period / 10),
        watch(given.probe_period, rng),
        era{Rng(rng).next()} {}

  void apply(Instant now, const Register& entry) {
    registers.apply(now, entry);
    output.changed.push_back(entry);
  }
  bool join(Instant now, const std::vector<Register>& entries, bool other_news);
  void spread(BatchUpdate batch) {
    if (encoded_bytes(batch) <= settings.rumour_bytes_max) {
      rumours.push(std::move(batch));
    } else {
      large_news.add(std::move(batch));
    }
  }
  bool matches(const contract::Write& write) const {
    const Register* here = registers.find(write.key);
    const bool absent = here == nullptr || !here->value;
    if (!write.expected) return absent;
    return here != nullptr && here->revision == *write.expected;
  }
  // Whether the batch still says something that is true here.
  bool is_current(const BatchUpdate& batch) const {
    return std::any_of(batch.registers.begin(), batch.registers.end(), [this](const Register& entry) {
      const Register* here = registers.find(entry.key);
      return here != nullptr && here->revision == entry.revision;
    });
  }

  Settings settings;
  NodeId self;
  Instant latest;  // the newest instant handed in
  RegisterMap registers;
  RumourQueue rumours;
  LargeNews large_news;
  RootWatch watch;
  RepairEra era;  // drawn anew whenever the registers may have become fewer
  Output output;
};

Gossip::Gossip(const Settings& settings, const NodeId& self, Instant now, Rng rng)
    : state_(std::make_unique<State>(settings, self, now, rng)) {}
Gossip::~Gossip() = default;
Gossip::Gossip(Gossip&&) noexcept = default;
Gossip& Gossip::operator=(Gossip&&) noexcept = default;

WriteOutcome Gossip::write(Instant now, const contract::Batch& batch) {
  State& state = *state_;
  state.latest = std::max(state.latest, now);
  if (!is_valid(batch, state.settings) || state.registers.counter() >= counter_max)
    return WriteOutcome::invalid;
  const bool all_match = std::all_of(batch.begin(), batch.end(),
                                     [&](const contract::Write& write) { return state.matches(write); });
  if (!all_match) return WriteOutcome::stale;

  const Revision revision{state.registers.counter() + 1, 0, state.self};
  BatchUpdate update;
  update.registers.reserve(batch.size());
  for (const auto& write : batch) update.registers.push_back({write.key, write.value, revision});
  if (!state.registers.has_room_for(update.registers)) return WriteOutcome::invalid;
  for (const auto& entry : update.registers) state.apply(now, entry);
  state.spread(std::move(update));
  return WriteOutcome::ok;
}

bool Gossip::apply(Instant now, const BatchUpdate& batch) {
  State& state = *state_;
  state.latest = std::max(state.latest, now);
  if (!is_valid(batch, state.settings)) return false;
  std::vector<Register> news;
  for (const auto& entry : batch.registers) {
    if (state.registers.is_news(entry)) news.push_back(entry);
  }
  if (!state.registers.has_room_for(news)) return false;
  if (news.empty()) return true;
  if (!VSWIM_RULE(batch_atomic)) news.resize((news.size() + 1) / 2);
  for (const auto& entry : news) state.apply(now, entry);
  state.spread(batch);  // whole, superseded parts as well: others may lack what superseded them
  return true;
}

// A snapshot, or a part that comes to the same (Atomicity).
bool Gossip::State::join(Instant now, const std::vector<Register>& entries, bool other_news) {
  latest = std::max(latest, now);
  const bool valid = std::all_of(entries.begin(), entries.end(),
                                 [&](const Register& entry) { return is_valid(entry, settings); });
  if (!valid || !registers.has_room_for(entries)) return false;

  const bool was_empty = registers.live_count() == 0;  // a start or a join: news to nobody else
  BatchUpdate news;
  for (const auto& entry : entries) {
    if (!registers.is_news(entry)) continue;
    apply(now, entry);
    news.registers.push_back(entry);
  }
  watch.on_repaired(other_news || !news.registers.empty());
  if (!was_empty && encoded_bytes(news) > settings.rumour_bytes_max) large_news.add_repair();
  return true;
}

bool Gossip::apply_snapshot(Instant now, const Snapshot& snapshot, bool other_news) {
  return state_->join(now, snapshot.registers, other_news);
}

bool Gossip::apply_part(Instant now, const Part& part, bool other_news) {
  if (VSWIM_RULE(repair_era) && part.era != state_->era) return false;
  return state_->join(now, part.registers, other_news);
}

void Gossip::on_root(Instant now, const NodeId& peer, const Hash128& root) {
  State& state = *state_;
  state.latest = std::max(state.latest, now);
  if (state.watch.on_root(now, peer, root == state.registers.root()))
    state.output.repair_with.push_back(peer);
}

void Gossip::on_timer(Instant now) {
  state_->latest = std::max(state_->latest, now);
  state_->registers.expire(now);
}

Instant Gossip::next_deadline() const {
  return std::min(state_->registers.next_expiry(), state_->large_news.next_deadline());
}

Output Gossip::take_output() { return std::exchange(state_->output, {}); }

std::vector<BatchUpdate> Gossip::fill(std::size_t bytes, std::size_t members) {
  return state_->rumours.fill(bytes, transmissions(state_->settings.retransmit_multiplier, members),
                              [this](const BatchUpdate& batch) { return state_->is_current(batch); });
}

bool Gossip::has_rumours() const { return !state_->rumours.empty(); }

std::vector<BatchUpdate> Gossip::take_large_batches() { return state_->large_news.take_batches(); }

bool Gossip::take_large_news() { return state_->large_news.take(state_->latest); }

Hash128 Gossip::root() const { return state_->registers.root(); }

Snapshot Gossip::snapshot() const { return {state_->registers.all()}; }

RepairEra Gossip::era() const { return state_->era; }

BucketDigests Gossip::digests() const {
  return state_->registers.digests(BucketDigests::buckets_for(state_->registers.size()));
}

std::vector<Register> Gossip::differing(const BucketDigests& theirs) const {
  return state_->registers.differing(theirs);
}

std::optional<Register> Gossip::find(const std::string& key) const {
  const Register* here = state_->registers.find(key);
  return here == nullptr || !here->value ? std::nullopt : std::optional(*here);
}

std::vector<Register> Gossip::live() const { return state_->registers.live(); }

void Gossip::clear(Instant now) {
  state_->latest = std::max(state_->latest, now);
  state_->registers.clear();
  state_->rumours.clear();
  state_->large_news.clear();
  state_->watch.clear();
  state_->era = {Rng(state_->era.value).next()};
  state_->output = {};
}

}  // namespace vswim::gossip
