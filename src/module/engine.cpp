#include "module/engine.hpp"

#include <charconv>
#include <utility>

#include "module/rewriting.hpp"

namespace vswim::module {
namespace {

// "Replica of nobody": an address on which nothing listens, so that the server is read-only and fetches
// nothing.
constexpr const char* nobody_host = "127.0.0.1";
constexpr const char* nobody_port = "1";

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

ReplicationInfo parse_replication(std::string_view info) {
  ReplicationInfo result;
  result.is_replica = info_field(info, "role") == "slave";
  result.link_up = info_field(info, "master_link_status") == "up";
  result.sync_in_progress = info_field(info, "master_sync_in_progress") == "1";
  result.offset =
      number<std::uint64_t>(info_field(info, result.is_replica ? "slave_repl_offset" : "master_repl_offset"));
  const auto down_seconds = number<std::int64_t>(info_field(info, "master_link_down_since_seconds"));
  result.down_since_ms = down_seconds > 0 ? static_cast<std::uint64_t>(down_seconds) * 1'000 : 0;
  result.replicas = number<std::uint32_t>(info_field(info, "connected_slaves"));
  result.history = info_field(info, "master_replid");
  result.primary_host = info_field(info, "master_host");
  result.primary_port = number<std::uint16_t>(info_field(info, "master_port"));
  return result;
}

ReplicationInfo Engine::read_replication() const {
  const Reply reply(api_, api_.Call(ctx_, "INFO", "c", "replication"));
  return reply.failed() ? ReplicationInfo{} : parse_replication(reply.text());
}

bool Engine::replicate(const std::string& host, const std::string& port) {
  const Reply reply(api_, api_.Call(ctx_, "REPLICAOF", "cc", host.c_str(), port.c_str()));
  if (!reply.failed()) return true;
  log_.warning("REPLICAOF " + host + " " + port + " failed: " + std::string(reply.text()));
  return false;
}

void Engine::follow(const core::Follow& target) {
  if (target.host.empty() || target.port == 0) return detach("the primary's address is not known yet");
  // A replica that is pointed at another member of its shard keeps its history; a primary that steps down has
  // to complete a sync before it may count on having the shard's.
  if (!replica_ || !attached_) synced_ = false;
  attached_ = true;
  // It is still at the offset of whom it followed when it was emptied: a partial resync would leave it empty.
  if (std::exchange(emptied_, false)) replicate("NO", "ONE");
  if (replicate(target.host, std::to_string(target.port))) replica_ = true;
}

void Engine::promote() {
  attached_ = emptied_ = false;
  if (replicate("NO", "ONE")) replica_ = false;
}

// A primary stays one natively: the filter refuses everything, and REPLICAOF would cost its replicas their
// partial resync after a restart. A replica is pointed at nobody.
void Engine::detach(std::string_view reason) {
  log_.write(NoteLevel::info, "serving nothing: " + std::string(reason));
  if (!replica_) return;
  attached_ = false;
  synced_ = false;
  replicate(nobody_host, nobody_port);
}

void Engine::flush_all() {
  const Reply reply(api_, api_.Call(ctx_, "FLUSHALL", "!c", "ASYNC"));
  if (reply.failed()) log_.warning("FLUSHALL failed: " + std::string(reply.text()));
  synced_ = false;
  emptied_ = replica_;
}

void Engine::fence_off(const std::string& host, std::uint16_t port) {
  const bool known = !host.empty() && port != 0;
  if (!replica_) synced_ = true;  // the data set is this shard's until another primary is followed
  attached_ = false;
  if (replicate(known ? host : nobody_host, known ? std::to_string(port) : nobody_port)) {
    replica_ = true;
  }
}

void Engine::loaded_from_disk() {
  const ReplicationInfo info = read_replication();
  loaded_offset_ = api_.DbSize(ctx_) > 0 ? info.offset : 0;
}

core::EngineReport Engine::report() {
  const ReplicationInfo info = read_replication();
  replica_ = info.is_replica;
  if (info.sync_in_progress && !info.link_up) {
    synced_ = false;
    if (info.is_replica) loaded_offset_ = 0;  // what was loaded is being replaced
  }
  if (info.is_replica && info.link_up) synced_ = true;
  core::EngineReport report;
  report.is_replica = info.is_replica;
  report.link_up = info.link_up;
  report.sync_in_progress = info.sync_in_progress;
  report.loading = loading_;
  report.offset = info.offset;
  report.history = info.history;
  report.completed_sync = !info.is_replica || synced_;
  report.down_since_ms = info.down_since_ms;
  report.keys = api_.DbSize(ctx_);
  report.loaded_offset = loaded_offset_;
  report.replicas = replicas_ = info.replicas;
  return report;
}

}  // namespace vswim::module
