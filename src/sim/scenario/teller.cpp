#include "sim/scenario/teller.hpp"

#include <algorithm>

namespace vswim::sim::scenario {

namespace {
constexpr std::size_t time_width = 7;
}

void Teller::begin() {
  begun_ = stage_->cluster.now();
  look();
  silent_ = false;
}

void Teller::say(const std::string& text) {
  if (silent_) return;
  const auto ms = std::to_string((stage_->cluster.now() - begun_).ms());
  lines_.push_back(std::string(time_width - std::min(time_width, ms.size()), ' ') + ms + "  " + text);
}

void Teller::look() {
  look_at_shards();
  for (NodeIndex node = 0; node < stage_->cast.size(); ++node) look_at(node);
  look_at_health();
}

void Teller::look_at(NodeIndex index) {
  auto& cluster = stage_->cluster;
  const auto& name = stage_->cast.name(index);
  auto& before = nodes_[index];
  NodeSeen now;
  if (stage_->alive(index)) {
    now.served = cluster.shard_of(index);
    now.serves = cluster.serves(index);
    now.leads = stage_->leads(index);
    now.follows = stage_->follows(index);
  }
  if (before.serves && (!now.serves || now.served != before.served))
    say(name + " serves " + stage_->cast.name(before.served) + " no more");
  if (before.leads && (!now.leads || now.served != before.served))
    say(name + " leads the log of " + stage_->cast.name(before.served) + " no more");
  const bool anew = now.served != before.served;
  if (now.leads && (!before.leads || anew)) say(name + " leads the log of " + stage_->cast.name(now.served));
  if (now.serves && (!before.serves || anew)) say(name + " serves " + stage_->cast.name(now.served));
  if (now.follows && !before.follows) say(name + " is in sync with its primary");
  before = now;
}

void Teller::look_at_shards() {
  for (const auto& shard : stage_->cast.shards()) {
    const auto shard_name = stage_->cast.name(shard);
    const auto configuration = stage_->configuration(shard);
    auto& epoch = epochs_[shard];
    auto& sealed = sealed_[shard];
    for (NodeIndex node = 0; node < stage_->cast.size(); ++node) {
      if (!stage_->alive(node) || stage_->cluster.shard_of(node) != shard) continue;
      const auto* seat = stage_->cluster.node(node).provider().own_seat();
      if (seat == nullptr) continue;
      const auto status = seat->status();
      if (!status.sealed || status.sealed->epoch.value <= sealed) continue;
      sealed = status.sealed->epoch.value;
      say(stage_->cast.name(node) + " seals " + shard_name + ": next " + stage_->voters_text(*status.sealed));
    }
    if (configuration && configuration->epoch.value > epoch) {
      epoch = configuration->epoch.value;
      sealed = std::max(sealed, epoch);
      say(shard_name + " is in epoch +" + std::to_string(stage_->epoch(shard)) + ": " +
          stage_->voters_text(*configuration));
    }
    const auto primary = stage_->shown(shard, "primaryship");
    auto& revision = primary_revisions_[shard];
    if (!primary || !primary->value || primary->revision.minor <= revision) continue;
    revision = primary->revision.minor;
    say("the log of " + shard_name + " names " + stage_->with_names(*primary->value) + " primary");
  }
}

void Teller::look_at_health() {
  const auto size = stage_->cast.size();
  for (NodeIndex of = 0; of < size; ++of) {
    std::optional<NodeIndex> by;
    for (NodeIndex other = 0; other < size && !by; ++other) {
      if (other != of && stage_->health(of, other) == contract::Health::fail) by = other;
    }
    const auto& name = stage_->cast.name(of);
    if (by && failed_.insert(of).second) say(stage_->cast.name(*by) + " takes " + name + " for FAIL");
    if (!by && failed_.erase(of) > 0) say("nobody takes " + name + " for FAIL any more");
  }
}

}  // namespace vswim::sim::scenario
