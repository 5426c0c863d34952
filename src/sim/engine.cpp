#include "sim/engine.hpp"

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "base/overloaded.hpp"

namespace vswim::sim {

namespace {
constexpr std::size_t backlog_writes_max = 5'000;
constexpr Duration link_timeout = seconds(4);
constexpr Duration ping_interval = seconds(1);
constexpr Duration sync_retry = milliseconds(300);
constexpr std::int64_t transfer_ms_max = 800;
constexpr std::uint32_t ping_size = 14;
constexpr std::size_t exported_keys_max = 8;  // so that a copy takes several turns
}  // namespace

Engine::Engine(std::optional<EngineImage> loaded, WorldTime now, Rng rng) : rng_(rng) {
  history_ = rng_.id<NodeId>().hex();
  loading_until_ = now;
  link_down_since_ = now;
  if (!loaded) return;
  history_ = loaded->history;
  offset_ = loaded_offset_ = loaded->offset;
  synced_ = loaded->synced;
  replace_data(std::move(loaded->data));
  loading_until_ = now + milliseconds(static_cast<std::int64_t>(rng_.below(300)));
}

void Engine::apply(WorldTime now, const core::EngineAction& action) {
  std::visit(Overloaded{
                 [&](const core::Follow& follow_action) { follow(now, follow_action); },
                 [&](const core::Promote&) { promote(); },
                 [&](const core::Detach&) {  // a server that follows nobody stays what it is: routing refuses
                   if (role_ != EngineRole::replica) return;
                   drop_link(now);
                   followed_.reset();
                   synced_ = false;
                 },
                 [](const core::CutOff&) {},  // no client of this model blocks
                 [&](const core::DropSlots& drop) { this->drop(drop.slots); },
                 [&](const core::FlushAll&) {
                   replace_data({});
                   history_ = rng_.id<NodeId>().hex();
                   previous_history_.clear();
                   offset_ = 0;
                   backlog_.clear();
                   synced_ = false;
                 },
                 [](const core::ListKeys&) {},  // answered by the node that owns the reply
                 [&](const core::BeginExport& begin) { begin_export(begin); },
                 [&](const core::PullExport& pull) { pull_export(pull); },
                 [&](const core::EndExport& end) { exports_.erase(end.transfer); },
                 [&](const core::EmptySlots& empty) {
                   drop(empty.slots);
                   transfers_.push_back(Imported{empty.transfer});
                 },
                 [&](const core::ImportKeys& keys) { import(keys); },
                 [](const core::AdoptSlots&) {},
             },
             action);
}

void Engine::drop(const std::vector<core::Slot>& slots) {
  const std::set<core::Slot> wanted(slots.begin(), slots.end());
  for (auto key = data_.begin(); key != data_.end();) {
    const std::string name = (key++)->first;
    if (wanted.contains(core::key_slot(name))) write(name, std::nullopt);
  }
}

void Engine::begin_export(const core::BeginExport& action) {
  auto& made = exports_[action.transfer];
  made.slots.insert(action.slots.begin(), action.slots.end());
  for (const auto& [name, value] : data_) {
    if (made.slots.contains(core::key_slot(name))) made.due.insert(name);
  }
}

bool Engine::exports(core::Slot slot) const {
  return std::ranges::any_of(exports_, [&](const auto& made) { return made.second.slots.contains(slot); });
}

void Engine::pull_export(const core::PullExport& action) {
  const auto found = exports_.find(action.transfer);
  Exported answer{action.transfer, {}, true};
  if (found != exports_.end()) {
    auto& due = found->second.due;
    while (!due.empty() && answer.keys.size() < exported_keys_max) {
      const auto name = *due.begin();
      due.erase(due.begin());
      const auto value = data_.find(name);
      answer.keys.push_back({name, value == data_.end() ? std::nullopt : std::optional(value->second), 0});
    }
    answer.drained = due.empty();
  }
  transfers_.push_back(std::move(answer));
}

void Engine::import(const core::ImportKeys& action) {
  for (const auto& key : action.keys) write(key.name, key.payload);
  transfers_.push_back(Imported{action.transfer});
}

void Engine::follow(WorldTime now, const core::Follow& action) {
  const bool same = role_ == EngineRole::replica && followed_ && followed_->primary == action.primary &&
                    followed_->host == action.host && followed_->port == action.port;
  if (same) return;
  exports_.clear();
  // A primary that gave something away, and a replica that was cut loose, have to complete a sync before they
  // count as holders of the history they follow from now on.
  if ((role_ == EngineRole::primary && gave_) || (role_ == EngineRole::replica && !followed_))
    synced_ = false;
  gave_ = false;
  role_ = EngineRole::replica;
  followed_ = action;
  replicas_.clear();
  drop_link(now);
}

void Engine::promote() {
  if (role_ == EngineRole::primary) return;
  role_ = EngineRole::primary;
  followed_.reset();
  link_up_ = false;
  transfer_.reset();
  behind_transfer_.clear();
  ++session_;
  gave_ = false;
  begin_history();
}

// What a primary gives belongs to a history of its own from here on: what it loaded or took over may have
// ended elsewhere.
void Engine::begin_history() {
  if (gave_) return;
  previous_history_ = history_;
  previous_history_end_ = offset_;
  history_ = rng_.id<NodeId>().hex();
  gave_ = true;
}

void Engine::drop_link(WorldTime now) {
  if (link_up_ || link_down_since_ == WorldTime{}) link_down_since_ = now;
  link_up_ = false;
  transfer_.reset();
  behind_transfer_.clear();
  ++session_;
  asked_ = {};
}

bool Engine::write(const std::string& key, std::optional<std::string> value) {
  if (role_ != EngineRole::primary) return false;
  begin_history();
  const auto size = static_cast<std::uint32_t>(30 + key.size() + (value ? value->size() : 0));
  set_key(key, value);
  replicate(key, std::move(value), size);
  return true;
}

void Engine::set_key(const std::string& key, const std::optional<std::string>& value) {
  const auto slot = core::key_slot(key);
  for (auto& [transfer, made] : exports_) {
    if (made.slots.contains(slot)) made.due.insert(key);
  }
  if (value) {
    if (data_.insert_or_assign(key, *value).second) ++counts_->keys[slot];
  } else if (data_.erase(key) > 0) {
    --counts_->keys[slot];
  }
}

void Engine::replicate(const std::string& key, std::optional<std::string> value, std::uint32_t size) {
  take({offset_, size, key, std::move(value)});
  for (const auto& [replica, session] : replicas_) {
    outgoing_.push_back({replica, "", 0, StreamWrite{session, backlog_.back()}});
  }
}

void Engine::take(const ReplicatedWrite& write) {
  offset_ = write.start + write.size;
  backlog_.push_back(write);
  if (backlog_.size() > backlog_writes_max) backlog_.pop_front();
}

void Engine::replace_data(DataSet data) {
  data_ = std::move(data);
  counts_->keys.fill(0);
  for (const auto& [key, value] : data_) ++counts_->keys[core::key_slot(key)];
}

void Engine::on_tick(WorldTime now) {
  if (role_ == EngineRole::primary && !replicas_.empty() && now - last_ping_ >= ping_interval) {
    last_ping_ = now;
    replicate("", std::nullopt, ping_size);
  }
  if (role_ != EngineRole::replica || now < loading_until_) return;
  if (transfer_ && now >= transfer_done_) finish_full_sync(now);
  if (link_up_ && now - link_heard_ > link_timeout) drop_link(now);
  if (!link_up_ && !transfer_ && now - asked_ >= sync_retry && followed_) {
    asked_ = now;
    ++session_;
    outgoing_.push_back(
        {std::nullopt, followed_->host, followed_->port, SyncRequest{session_, history_, offset_}});
  }
}

bool Engine::can_continue(const SyncRequest& request) const {
  const bool same = request.history == history_ && request.offset <= offset_;
  const bool before = request.history == previous_history_ && request.offset <= previous_history_end_;
  if (!same && !before) return false;
  return request.offset == offset_ || (!backlog_.empty() && backlog_.front().start <= request.offset);
}

void Engine::answer_sync(NodeIndex from, const SyncRequest& request) {
  begin_history();
  replicas_[from] = request.session;
  if (can_continue(request)) {
    SyncPartial answer{request.session, history_, {}};
    for (const auto& write : backlog_) {
      if (write.start >= request.offset) answer.writes.push_back(write);
    }
    outgoing_.push_back({from, "", 0, std::move(answer)});
    return;
  }
  outgoing_.push_back({from, "", 0, SyncFull{request.session, history_, offset_, data_}});
}

void Engine::on_message(WorldTime now, NodeIndex from, const EngineMessage& message, bool may_feed) {
  std::visit(Overloaded{
                 [&](const SyncRequest& request) {
                   if (role_ == EngineRole::primary && may_feed && now >= loading_until_) {
                     answer_sync(from, request);
                   } else {
                     outgoing_.push_back({from, "", 0, SyncRefused{request.session}});
                   }
                 },
                 [](const SyncRefused&) {},
                 [&](const SyncPartial& partial) {
                   if (role_ != EngineRole::replica || partial.session != session_) return;
                   history_ = partial.history;
                   link_up_ = synced_ = true;
                   link_heard_ = now;
                   ++syncs_.partial;
                   for (const auto& write : partial.writes) on_stream(now, {session_, write});
                 },
                 [&](const SyncFull& full) {
                   if (role_ != EngineRole::replica || full.session != session_) return;
                   transfer_ = full;
                   transfer_done_ =
                       now + milliseconds(static_cast<std::int64_t>(rng_.below(transfer_ms_max)));
                 },
                 [&](const StreamWrite& stream) { on_stream(now, stream); },
             },
             message);
}

void Engine::on_stream(WorldTime now, const StreamWrite& stream) {
  if (role_ != EngineRole::replica || stream.session != session_) return;
  if (transfer_) {
    behind_transfer_.push_back(stream);
    return;
  }
  if (!link_up_) return;
  if (stream.write.start != offset_) {  // something was lost on the way: ask again from here
    drop_link(now);
    return;
  }
  link_heard_ = now;
  if (!stream.write.key.empty()) set_key(stream.write.key, stream.write.value);
  take(stream.write);
}

void Engine::finish_full_sync(WorldTime now) {
  if (!data_.empty() && transfer_->data.empty()) ++syncs_.wiped;
  ++syncs_.full;
  history_ = transfer_->history;
  previous_history_.clear();
  offset_ = transfer_->offset;
  backlog_.clear();
  replace_data(std::move(transfer_->data));
  transfer_.reset();
  link_up_ = synced_ = true;
  link_heard_ = now;
  for (auto waiting = std::exchange(behind_transfer_, {}); const auto& stream : waiting)
    on_stream(now, stream);
}

core::EngineReport Engine::report(WorldTime now) const {
  core::EngineReport report;
  report.is_replica = role_ == EngineRole::replica;
  report.link_up = report.is_replica && link_up_;
  report.sync_in_progress = transfer_.has_value();
  report.loading = now < loading_until_;
  report.offset = offset_;
  report.history = history_;
  report.completed_sync = !report.is_replica || synced_;
  report.down_since_ms =
      report.is_replica && !link_up_ ? static_cast<std::uint64_t>((now - link_down_since_).ms()) : 0;
  report.keys = data_.size();
  report.loaded_offset = loaded_offset_;
  report.replicas = role_ == EngineRole::primary ? static_cast<std::uint32_t>(replicas_.size()) : 0;
  return report;
}

}  // namespace vswim::sim
