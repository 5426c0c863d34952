#include "module/cluster_scan.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "module/command_keys.hpp"
#include "module/glob.hpp"
#include "runtime/node.hpp"

namespace vswim::module {
namespace {

constexpr int cannot_wait = context_flag::script | context_flag::multi | context_flag::deny_blocking;

std::string fingerprint_of(std::uint64_t seed) {
  std::uint64_t hash = hash64("cursors", seed);
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t length = 6;  // as the server's; never "0"
  std::string text;
  for (; text.size() < length; hash /= digits.size()) text += digits[hash % digits.size()];
  return text;
}

// By what KeyType says.
constexpr std::string_view type_names[] = {"none", "string", "list", "hash", "set", "zset", "", "stream"};

}  // namespace

ClusterScan::ClusterScan(const Api& api, RunAs& run_as, ClientTable& clients, SlotIndex& index,
                         const core::SlotKeyCounts& counts, const core::RoutingTable& table,
                         Callbacks callbacks)
    : api_(api),
      run_as_(run_as),
      clients_(clients),
      index_(index),
      counts_(counts),
      table_(table),
      fingerprint_(fingerprint_of(index.seed())),
      callbacks_(callbacks) {}

ScanRequest ClusterScan::read(Ctx* ctx, String** arguments, int count) const {
  std::vector<std::string_view> words;
  for (int i = 0; i < count; ++i) words.push_back(api_.text(arguments[i]));
  ScanRequest request = read_scan(words, fingerprint_);
  if (request.type && !is_type(ctx, *request.type))
    request.error = "ERR unknown type name '" + *request.type + "'";
  return request;
}

// The types of modules are known to the server only.
bool ClusterScan::is_type(Ctx* ctx, const std::string& name) const {
  for (const std::string_view known : type_names) {
    if (!known.empty() && known != "none" && equal_ignoring_case(known, name)) return true;
  }
  const Reply reply(api_, api_.Call(ctx, "SCAN", "ccccc", "0", "COUNT", "1", "TYPE", name.c_str()));
  return !reply.failed();
}

int ClusterScan::run(Ctx* ctx, String** arguments, int count, bool asking) {
  if (count < 2) return api_.ReplyWithError(ctx, "ERR wrong number of arguments for 'clusterscan' command");
  const ScanRequest request = read(ctx, arguments, count);
  if (!request.error.empty()) return api_.ReplyWithError(ctx, request.error.c_str());
  if (request.cursor) return reply(ctx, request, {*request.cursor, {}, {}});
  Page found = page(request);
  if (!found.missing) return reply(ctx, request, found);
  index_.want(*found.missing);
  if ((api_.GetContextFlags(ctx) & cannot_wait) == 0) return wait(ctx, *found.missing, asking);
  index_.finish(ctx, counts_, runtime::boottime_now());
  return reply(ctx, request, page(request));
}

int ClusterScan::wait(Ctx* ctx, core::Slot slot, bool asking) {
  BlockedClient* blocked = api_.BlockClient(ctx, callbacks_.reply, nullptr, nullptr, 0);
  api_.SetDisconnectCallback(blocked, callbacks_.gone);
  const std::uint64_t id = run_as_.client_of(ctx);
  if (ClientState* state = clients_.find(id)) state->waits_for_us = true;
  waiting_.push_back({blocked, id, slot, asking});
  return api_ok;
}

bool ClusterScan::review() {
  bool leave = false;
  for (Waiting& waiting : waiting_) {
    if (waiting.released || !index_.ready(waiting.slot)) continue;
    waiting.released = leave = true;
    if (ClientState* state = clients_.find(waiting.id)) state->waits_for_us = false;
    api_.UnblockClient(waiting.client, nullptr);
  }
  return leave;
}

int ClusterScan::answer(Ctx* ctx, String** arguments, int count) {
  BlockedClient* client = api_.GetBlockedClientHandle(ctx);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.client == client; });
  if (found == waiting_.end()) return api_ok;
  const bool asking = found->asking;
  waiting_.erase(found);
  // It may have come behind another word of ours.
  while (count > 1 && !run_as_.find(arguments, count)) {
    ++arguments;
    --count;
  }
  const Verdict verdict = run_as_.admit(ctx, arguments, count, asking);
  if (verdict.decision != core::Decision::serve) return api_.ReplyWithError(ctx, verdict.text.c_str());
  const ScanRequest request = read(ctx, arguments, count);
  return reply(ctx, request, page(request));
}

void ClusterScan::gone(BlockedClient* client) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.client == client; });
  if (found == waiting_.end()) return;
  const bool released = found->released;
  waiting_.erase(found);
  if (!released) api_.UnblockClient(client, nullptr);  // gives the handle back; nobody reads the reply
}

core::Slot ClusterScan::last_slot(const ScanRequest& request) const {
  core::Slot last = request.slot;
  if (request.one_slot) return last;
  while (last + 1 < core::slot_count && table_.owner[last + 1] == table_.owner[request.slot]) ++last;
  return last;
}

// Of a slot that is not indexed the page says where to go on, or, with nothing found so far, what is missing.
ClusterScan::Page ClusterScan::page(const ScanRequest& request) {
  const Instant now = runtime::boottime_now();
  const core::Slot last = last_slot(request);
  Page page;
  std::uint64_t position = request.position;
  for (std::size_t at = request.slot; at <= last; ++at, position = 0) {
    const auto slot = static_cast<core::Slot>(at);
    if (counts_.keys[slot] == 0) continue;
    const auto left = request.count - static_cast<std::int64_t>(page.keys.size());
    if (left <= 0 || !index_.ready(slot)) {
      page.cursor = position == 0 ? scan_start(slot) : scan_cursor(fingerprint_, slot, position);
      if (page.keys.empty()) page.missing = slot;
      return page;
    }
    auto found = index_.page(slot, position, left, now);
    page.keys.insert(page.keys.end(), std::make_move_iterator(found.keys.begin()),
                     std::make_move_iterator(found.keys.end()));
    if (found.next) {
      page.cursor = scan_cursor(fingerprint_, slot, *found.next);
      return page;
    }
  }
  page.cursor =
      request.one_slot || last + 1 == core::slot_count ? "0" : scan_start(static_cast<core::Slot>(last + 1));
  return page;
}

std::string ClusterScan::type_of(Ctx* ctx, String* name, Key* key) const {
  const auto type = static_cast<std::size_t>(api_.KeyType(key));
  if (type < std::size(type_names) && !type_names[type].empty()) return std::string(type_names[type]);
  return std::string(Reply(api_, api_.Call(ctx, "TYPE", "s", name)).text());
}

bool ClusterScan::wanted(Ctx* ctx, const std::string& key, const ScanRequest& request) const {
  if (request.pattern && !glob_matches(*request.pattern, key)) return false;
  constexpr int without_a_trace =
      open_key::read | open_key::no_touch | open_key::no_notify | open_key::no_stats | open_key::no_expire;
  String* name = api_.make(key);
  Key* opened = api_.OpenKey(ctx, name, without_a_trace);
  bool wants = opened && api_.GetExpire(opened) != 0;  // 0: it has expired, and was not removed yet
  if (wants && request.type) wants = equal_ignoring_case(type_of(ctx, name, opened), *request.type);
  if (opened) api_.CloseKey(opened);
  api_.FreeString(nullptr, name);
  return wants;
}

int ClusterScan::reply(Ctx* ctx, const ScanRequest& request, const Page& page) const {
  std::vector<const std::string*> keys;
  for (const std::string& key : page.keys) {
    if (wanted(ctx, key, request)) keys.push_back(&key);
  }
  api_.ReplyWithArray(ctx, 2);
  api_.ReplyWithStringBuffer(ctx, page.cursor.data(), page.cursor.size());
  api_.ReplyWithArray(ctx, static_cast<long>(keys.size()));
  for (const std::string* key : keys) api_.ReplyWithStringBuffer(ctx, key->data(), key->size());
  return api_ok;
}

}  // namespace vswim::module
