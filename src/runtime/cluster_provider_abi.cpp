// The operations of include/valkey_swim/cluster_provider.h: the host's arguments checked, turned into
// operations of the contract, and handed to a Node.
#include <sys/eventfd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/abi_provider.hpp"

namespace {

using namespace vswim;
using namespace vswim::runtime;
using namespace vswim::runtime::abi;

// ---- settings
// --------------------------------------------------------------------------------------------------

std::string text_or(const char* text, const char* otherwise) { return text == nullptr ? otherwise : text; }

// Empty, or what is wrong.
std::string read_settings(const vswim_settings& from, NodeSettings& to) {
  to.directory = text_or(from.directory, ".");
  to.state_file = text_or(from.state_file, "nodes.conf.swim");
  for (std::size_t i = 0; i < from.bind_count; ++i) {
    if (from.bind == nullptr || from.bind[i] == nullptr) return "a bind address is missing";
    to.bind.emplace_back(from.bind[i]);
  }
  to.bus_port = from.bus_port;
  auto& advertised = to.provider.advertised;
  if (from.advertised_ip != nullptr) {
    const auto parsed = Address::parse(from.advertised_ip, 0);
    if (!parsed) return "advertised_ip must be numeric";
    advertised = *parsed;
  }
  advertised.port = from.advertised_bus_port;
  const auto seeds = read_array(from.seeds, from.seed_count);
  if (!seeds) return "the seeds are malformed";
  for (const auto& seed : *seeds) {
    if (seed.host == nullptr || seed.bus_port == 0) return "a seed needs a host and a port";
    to.seeds.emplace_back(seed.host, seed.bus_port);
  }
  auto& log = to.provider.shard_log;
  if (from.lease_ttl_ms != 0) log.lease_ttl = milliseconds(from.lease_ttl_ms);
  if (from.core_stall_limit_ms != 0) log.core_stall_limit = milliseconds(from.core_stall_limit_ms);
  to.provider.host_label = text_or(from.host_label, "");
  to.provider.zone_label = text_or(from.zone_label, "");
  to.seed = from.seed;
  return {};
}

int fail(vswim_status status, const std::string& message, char* error, std::size_t error_bytes) {
  put_error(message, error, error_bytes);
  return status;
}

// ---- life
// ------------------------------------------------------------------------------------------------------

int create(const vswim_settings* settings, const vswim_callbacks* callbacks, vswim_provider** out,
           char* error, std::size_t error_bytes) {
  const auto given = read_struct(settings);
  if (!given || out == nullptr)
    return fail(VSWIM_EINVAL, "settings or the result are missing", error, error_bytes);
  auto provider = std::make_unique<vswim_provider>();
  if (const auto wrong = read_settings(*given, provider->settings); !wrong.empty()) {
    return fail(VSWIM_EINVAL, wrong, error, error_bytes);
  }
  if (const auto calls = read_struct(callbacks)) provider->callbacks = *calls;
  provider->event_fd = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!provider->event_fd.valid()) {
    return fail(VSWIM_EFAILED, "no eventfd: too many open files", error, error_bytes);
  }
  *out = provider.release();
  return VSWIM_ACCEPTED;
}

int start(vswim_provider* provider, char* error, std::size_t error_bytes) {
  if (provider == nullptr) return fail(VSWIM_EINVAL, "no provider", error, error_bytes);
  if (provider->node || provider->stopped) return fail(VSWIM_ESTATE, "started before", error, error_bytes);
  std::string message;
  provider->node = Node::start(
      provider->settings, [provider] { signal(*provider); }, message);
  if (!provider->node) {
    provider->stopped = true;
    return fail(VSWIM_EFAILED, message, error, error_bytes);
  }
  for (const auto& [name, value] : provider->node->info()) {
    if (name == "bus_port") provider->bus_port = static_cast<std::uint16_t>(std::stoul(value));
  }
  return VSWIM_ACCEPTED;
}

int event_fd(const vswim_provider* provider) { return provider == nullptr ? -1 : provider->event_fd.get(); }

bool ready(const vswim_provider* provider) {
  return provider != nullptr && provider->node && !provider->stopped;
}

std::size_t dispatch(vswim_provider* provider) {
  return ready(provider) && !provider->dispatching ? dispatch_all(*provider) : 0;
}

void stop(vswim_provider* provider, int leave) {
  if (!ready(provider) || provider->dispatching) return;
  provider->node->stop(leave != 0);
  dispatch_all(*provider);
  provider->stopped = true;
  std::vector<std::uint64_t> unanswered;
  for (const auto& [ticket, waiting] : provider->waiting) unanswered.push_back(ticket);
  std::sort(unanswered.begin(), unanswered.end());
  for (const auto ticket : unanswered) {
    answer(*provider, {{ticket}, contract::Outcome::unknown, "the provider was stopped", std::nullopt});
  }
}

void destroy(vswim_provider* provider) { delete provider; }

// ---- questions
// -------------------------------------------------------------------------------------------------

std::int64_t now_ns() { return boottime_now().ns; }

std::uint16_t bus_port(const vswim_provider* provider) {
  return provider == nullptr ? 0 : provider->bus_port;
}

int node_id(const vswim_provider* provider, char* id) {
  if (provider == nullptr || id == nullptr) return VSWIM_EINVAL;
  if (!provider->node) return VSWIM_ESTATE;
  std::memcpy(id, provider->node->node_id().hex().c_str(), VSWIM_ID_SIZE + 1);
  return VSWIM_ACCEPTED;
}

int shard_id(const vswim_provider* provider, char* id) {
  if (provider == nullptr || id == nullptr) return VSWIM_EINVAL;
  if (!provider->node) return VSWIM_ESTATE;
  std::memcpy(id, provider->node->shard_id().hex().c_str(), VSWIM_ID_SIZE + 1);
  return VSWIM_ACCEPTED;
}

void info(const vswim_provider* provider, void (*each)(void*, vswim_bytes, vswim_bytes), void* context) {
  if (provider == nullptr || !provider->node || each == nullptr) return;
  for (const auto& [name, value] : provider->node->info()) each(context, bytes_of(name), bytes_of(value));
}

// ---- operations
// ------------------------------------------------------------------------------------------------

int send(vswim_provider* provider, contract::Operation operation) {
  if (!ready(provider)) return VSWIM_ESTATE;
  provider->node->submit(std::move(operation));
  return VSWIM_ACCEPTED;
}

// With a ticket of its own, answered through `completion`.
template <class Operation>
int ask(vswim_provider* provider, Operation operation, vswim_completion completion, void* context) {
  if (!ready(provider)) return VSWIM_ESTATE;
  operation.ticket = {provider->next_ticket++};
  provider->waiting.emplace(operation.ticket.value, vswim_provider::Waiting{completion, context});
  return send(provider, std::move(operation));
}

template <class IdType>
std::optional<IdType> read_id(const char* text) {
  return text == nullptr ? std::nullopt : IdType::parse(text);
}

int join_cluster(vswim_provider* provider, const vswim_endpoint* endpoints, std::size_t count,
                 vswim_completion completion, void* context) {
  const auto all = read_array(endpoints, count);
  if (!all || all->empty()) return VSWIM_EINVAL;
  contract::JoinCluster operation;
  for (const auto& endpoint : *all) {
    const auto address = endpoint.host ? Address::parse(endpoint.host, endpoint.bus_port) : std::nullopt;
    if (!address || address->port == 0) return VSWIM_EINVAL;
    operation.endpoints.push_back(*address);
  }
  return ask(provider, std::move(operation), completion, context);
}

int join_verdict(vswim_provider* provider, std::uint64_t ticket, int accept, vswim_bytes reason) {
  return send(provider, contract::JoinVerdict{{ticket}, accept != 0, text_of(reason)});
}

int remove_from_cluster(vswim_provider* provider, const char* id, int new_node_id, int victim_owns_slots,
                        vswim_completion completion, void* context) {
  const auto node = read_id<NodeId>(id);
  if (!node) return VSWIM_EINVAL;
  return ask(provider, contract::RemoveFromCluster{{}, *node, new_node_id != 0, victim_owns_slots != 0},
             completion, context);
}

int join_shard(vswim_provider* provider, const char* id, vswim_completion completion, void* context) {
  const auto shard = read_id<ShardId>(id);
  if (!shard) return VSWIM_EINVAL;
  return ask(provider, contract::JoinShard{{}, *shard}, completion, context);
}

int remove_from_shard(vswim_provider* provider, const char* id, vswim_completion completion, void* context) {
  const auto node = read_id<NodeId>(id);
  if (!node) return VSWIM_EINVAL;
  return ask(provider, contract::RemoveFromShard{{}, *node}, completion, context);
}

// A write whose revisions are of an earlier era is stale without asking; its completion comes like any other.
template <class Operation>
int ask_write(vswim_provider* provider, Operation operation, ReadBatch&& read, vswim_completion completion,
              void* context) {
  if (read.status != VSWIM_ACCEPTED) return read.status;
  if (!read.stale) {
    operation.batch = std::move(read.batch);
    return ask(provider, std::move(operation), completion, context);
  }
  const Ticket ticket{provider->next_ticket++};
  provider->waiting.emplace(ticket.value, vswim_provider::Waiting{completion, context});
  provider->own_answers.emplace_back(
      contract::Completed{ticket, contract::Outcome::stale, "the namespace was replaced", std::nullopt});
  signal(*provider);
  return VSWIM_ACCEPTED;
}

int update_gossip(vswim_provider* provider, std::int32_t scope, const vswim_write* writes, std::size_t count,
                  vswim_completion completion, void* context) {
  if (scope != VSWIM_SCOPE_SHARD && scope != VSWIM_SCOPE_GLOBAL) return VSWIM_EINVAL;
  if (!ready(provider)) return VSWIM_ESTATE;
  const bool global = scope == VSWIM_SCOPE_GLOBAL;
  auto read =
      read_batch(writes, count, global ? Channel::global_gossip : Channel::shard_gossip, provider->eras);
  contract::UpdateGossip operation;
  operation.scope = global ? contract::Scope::global : contract::Scope::shard;
  return ask_write(provider, std::move(operation), std::move(read), completion, context);
}

int update_shard_log(vswim_provider* provider, const vswim_write* writes, std::size_t count,
                     vswim_completion completion, void* context) {
  if (!ready(provider)) return VSWIM_ESTATE;
  auto read = read_batch(writes, count, Channel::shard_log, provider->eras);
  return ask_write(provider, contract::UpdateShardLog{}, std::move(read), completion, context);
}

int stand_first(vswim_provider* provider, std::uint32_t rank) {
  return send(provider, contract::StandFirst{rank});
}

int shown(vswim_provider* provider, std::uint64_t namespace_number, const vswim_revision* revision) {
  if (revision == nullptr) return VSWIM_EINVAL;
  if (revision->channel != Channel::shard_log) return VSWIM_ENAMESPACE;
  return send(provider, contract::Shown{namespace_number, revision->value});
}

int pulse(vswim_provider* provider) { return send(provider, contract::Pulse{}); }

int release_lease(vswim_provider* provider, vswim_completion completion, void* context) {
  return ask(provider, contract::ReleaseLease{}, completion, context);
}

int resume_lease(vswim_provider* provider) { return send(provider, contract::ResumeLease{}); }

constexpr vswim_provider_ops provider_ops = {
    sizeof(vswim_provider_ops),
    VSWIM_ABI_VERSION,
    &revision_ops,
    create,
    start,
    event_fd,
    dispatch,
    stop,
    destroy,
    now_ns,
    bus_port,
    node_id,
    shard_id,
    info,
    join_cluster,
    join_verdict,
    remove_from_cluster,
    join_shard,
    remove_from_shard,
    update_gossip,
    update_shard_log,
    stand_first,
    shown,
    pulse,
    release_lease,
    resume_lease,
};

}  // namespace

extern "C" const vswim_provider_ops* vswim_cluster_provider_ops(std::uint32_t abi_version) {
  return abi_version == VSWIM_ABI_VERSION ? &provider_ops : nullptr;
}
