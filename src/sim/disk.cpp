#include "sim/disk.hpp"

#include <algorithm>
#include <utility>

#include "base/mutation.hpp"

namespace vswim::sim {

namespace {
// Without the sync (mutation `fsync`) bytes sit in the page cache for about this long.
constexpr Duration writeback_delay_max = seconds(20);
constexpr Duration hang_max = seconds(3'600);
}  // namespace

void Disk::write(std::uint64_t sequence, bool rewrite, std::string bytes, Persisted persisted,
                 std::optional<WriteStage> dies, std::function<void()> die) {
  if (watch_) watch_(false, bytes);
  if (!VSWIM_RULE(fsync)) {
    scheduler_->after(pace_.latency_min, [this, life = life_, sequence, report = std::move(persisted)] {
      if (life == life_) report(sequence);
    });
    persisted = nullptr;
  }
  const bool hangs = dies && *dies <= WriteStage::torn;
  if (hangs) stalled_until_ = scheduler_->now() + hang_max;  // nothing more is written in this life
  waiting_.push_back({sequence, rewrite, std::move(bytes), std::move(persisted), dies, std::move(die)});
  if (waiting_.size() == 1) schedule_head();
  if (hangs) waiting_.back().die();
}

void Disk::schedule_head() {
  const Duration spread = VSWIM_RULE(fsync) ? pace_.latency_max - pace_.latency_min : writeback_delay_max;
  const Duration latency =
      pace_.latency_min +
      Duration{static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(spread.ns) + 1))};
  scheduler_->at(std::max(scheduler_->now(), stalled_until_) + latency, [this, life = life_] {
    if (life != life_) return;
    Waiting done = std::move(waiting_.front());
    waiting_.pop_front();
    make_durable(done);
    if (!waiting_.empty()) schedule_head();
    if (done.dies) done.die();
    if (done.persisted && done.dies != WriteStage::durable) done.persisted(done.sequence);
  });
}

void Disk::make_durable(const Waiting& write) {
  last_write_at_ = write.rewrite ? 0 : contents_.size();
  if (write.rewrite) {
    contents_ = write.bytes;
  } else {
    contents_ += write.bytes;
  }
  if (watch_) watch_(true, write.bytes);
}

void Disk::lose_waiting() {
  ++life_;
  waiting_.clear();
}

void Disk::crash() {
  ++life_;
  stalled_until_ = {};
  const bool planned =
      std::ranges::any_of(waiting_, [](const Waiting& write) { return write.dies.has_value(); });
  while (!waiting_.empty()) {
    Waiting lost = std::move(waiting_.front());
    waiting_.pop_front();
    const bool reached = lost.dies ? *lost.dies >= WriteStage::durable : planned || rng_.chance(300'000);
    if (reached) {
      make_durable(lost);
      continue;
    }
    const bool torn = lost.dies ? lost.dies == WriteStage::torn : rng_.chance(500'000);
    if (!lost.rewrite && torn && !lost.bytes.empty()) {
      contents_.append(lost.bytes, 0, rng_.below(lost.bytes.size()));
      ++torn_tails_;
    }
    break;
  }
  waiting_.clear();
}

void Disk::wipe() {
  crash();
  contents_.clear();
  last_write_at_ = 0;
}

// Rot in the last record looks like a torn end (wire/file_records.hpp): the one place where it is not seen.
bool Disk::rot() {
  constexpr std::size_t preamble_max = 64;
  if (last_write_at_ <= preamble_max) return false;
  const auto at = preamble_max + rng_.below(last_write_at_ - preamble_max);
  contents_[at] ^= static_cast<char>(1 + rng_.below(255));
  return true;
}

void Disk::stall_until(WorldTime until) { stalled_until_ = std::max(stalled_until_, until); }

}  // namespace vswim::sim
