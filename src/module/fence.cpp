#include "module/fence.hpp"

#include <sys/socket.h>

#include <string>

#include "module/client_list.hpp"

namespace vswim::module {

void Fence::close_clients(Whom whom, std::uint64_t except) {
  const Reply reply(api_, api_.Call(ctx_, "CLIENT", "c", "LIST"));
  if (reply.failed()) return;
  for (const ListedClient& client : parse_client_list(reply.text())) {
    if (client.id == except || client.primary) continue;
    const ClientState* known = clients_.find(client.id);
    const bool waits = client.blocked && !(known && known->waits_for_us);
    const bool closes = whom == Whom::waiting ? waits : waits || client.pending_output || client.replica;
    if (closes && api_.DeauthenticateAndCloseClient(ctx_, client.id) == api_ok) ++counters_.clients_closed;
  }
}

void Fence::late_command(const core::RoutingTable& table, Instant now, std::uint64_t client) {
  if (others_closed_ || !window_.late(table, now)) return;
  others_closed_ = true;
  close_clients(Whom::pending_and_waiting, client);
}

void Fence::write_seen(const core::RoutingTable& table, Instant now, std::uint64_t client) {
  if (now < table.lease_until) return;
  window_.served(table);
  // An eviction sends what it deletes to the replicas by itself, key by key.
  if (!replicas_shut_) {
    replicas_shut_ = true;
    shut_down(Reply(api_, api_.Call(ctx_, "CLIENT", "ccc", "LIST", "TYPE", "REPLICA")));
  }
  // Its reply may leave before the loop sleeps: the socket is shut down at once.
  if (client == 0 || client == shut_client_) return;
  shut_client_ = client;
  shut_down(Reply(api_, api_.Call(ctx_, "CLIENT", "ccl", "LIST", "ID", static_cast<long long>(client))));
}

void Fence::shut_down(const Reply& listed) {
  if (listed.failed()) return;
  for (const ListedClient& client : parse_client_list(listed.text())) {
    if (client.fd >= 0 && shutdown(client.fd, SHUT_RDWR) == 0) ++counters_.sockets_shut;
  }
}

bool Fence::before_sleep(const core::RoutingTable& table, Instant now) {
  const bool late = window_.late(table, now);
  if (late) {
    ++counters_.fences;
    close_clients(Whom::pending_and_waiting, 0);
    log_.warning(
        "the lease ended while commands ran: their clients and the replicas are disconnected, outcome "
        "unknown");
  }
  window_.close();
  others_closed_ = replicas_shut_ = false;
  shut_client_ = 0;
  return late;
}

void Fence::cut_off() {
  ++counters_.cut_offs;
  close_clients(Whom::waiting, 0);
}

}  // namespace vswim::module
