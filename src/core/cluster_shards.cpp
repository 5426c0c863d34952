// CLUSTER SHARDS: per shard its slot ranges and its nodes.
#include "core/endpoints.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

const char* health_of(const Machine& m, const NodeId& id, bool primary) {
  if (m.view.member(id)->health == contract::Health::fail) return "fail";
  const auto* info = m.view.info(id);
  const bool loading =
      id == m.view.self() ? m.engine.report.loading : info != nullptr && info->health == "loading";
  const bool own_shard = m.view.member(id)->shard == m.view.own_shard();
  return loading || (!primary && own_shard && offset_of(m, id) == 0) ? "loading" : "online";
}

Reply node_details(const Machine& m, const NodeId& id, const Caller& caller) {
  const auto endpoint = client_endpoint_of(m.view, m.settings, id, caller.ipv6);
  const bool primary = m.view.is_primary(id);
  Reply::Map details;
  const auto add = [&](const char* name, Reply value) {
    details.entries.emplace_back(Reply::bulk(name), std::move(value));
  };
  add("id", Reply::bulk(id.hex()));
  if (endpoint.port != 0) add("port", Reply::integer(endpoint.port));
  if (endpoint.tls_port != 0) add("tls-port", Reply::integer(endpoint.tls_port));
  add("ip", Reply::bulk(endpoint.ip));
  add("endpoint", Reply::bulk(preferred_host(endpoint, m.settings)));
  if (!endpoint.hostname.empty()) add("hostname", Reply::bulk(endpoint.hostname));
  add("role", Reply::bulk(primary ? "master" : "replica"));
  add("replication-offset", Reply::integer(static_cast<std::int64_t>(offset_of(m, id))));
  add("health", Reply::bulk(health_of(m, id, primary)));
  if (server_at_least(m, 9, 1) && !endpoint.zone.empty())
    add("availability-zone", Reply::bulk(endpoint.zone));
  return {std::move(details)};
}

}  // namespace

Reply cluster_shards(const Machine& m, const Caller& caller) {
  Reply::Array all;
  for (const auto& [shard, members] : m.view.shards()) {
    Reply::Array slots, nodes;
    for (const auto& range : runs(slots_of(m, shard))) {
      slots.push_back(Reply::integer(range.first));
      slots.push_back(Reply::integer(range.last));
    }
    for (const bool primary : {true, false}) {  // the primary first
      for (const auto& id : members) {
        if (m.view.is_primary(id) == primary) nodes.push_back(node_details(m, id, caller));
      }
    }
    Reply::Map entry;
    entry.entries.emplace_back(Reply::bulk("slots"), Reply{std::move(slots)});
    entry.entries.emplace_back(Reply::bulk("nodes"), Reply{std::move(nodes)});
    if (server_at_least(m, 9, 1)) entry.entries.emplace_back(Reply::bulk("id"), Reply::bulk(shard.hex()));
    all.push_back({std::move(entry)});
  }
  return {std::move(all)};
}

}  // namespace vswim::core
