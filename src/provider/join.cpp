// MEET. The joiner pulls the other cluster's complete global namespace, its Core looks at it, its new cluster
// id becomes durable in one record, and only then anything changes: a join that fails has changed nothing.
// Design 1, section 5.
#include <utility>

#include "provider/state.hpp"

namespace vswim::provider {

namespace {
constexpr Duration join_limit = seconds(2);           // design 1: acknowledged within 2 s or an error
constexpr Duration ask_interval = milliseconds(400);  // next endpoint, or the same again
constexpr Duration retry_busy = milliseconds(100);    // the other side was joining too
constexpr Duration no_switch = seconds(2);            // an accepted joiner may take this long to arrive
constexpr std::uint64_t invited_ticket = std::uint64_t{1}
                                         << 63;  // tickets of joins that no command of ours began
// Each one told greets back and is answered; the others hear the rumour, or a thousand that join one after
// another would each talk to all that came before.
constexpr std::size_t told_at_once = 8;

const char* const no_answer =
    "no answer from that address within 2 s: is the server running, loaded with this module, its cluster bus "
    "port "
    "(server port + 10000 unless cluster-port says otherwise) reachable by UDP and TCP, in both directions, "
    "and has it the same cluster secret, or none (the logs of both tell)?";
}  // namespace

bool Provider::State::alone() const { return swim->size() <= 1; }

void Provider::State::start_join(Instant now, const contract::JoinCluster& operation) {
  if (join && !join->ticket) end_join(false, "a join asked for here takes precedence");
  if (join) {
    complete(operation.ticket, contract::Outcome::failed, "another CLUSTER MEET is still under way");
    return;
  }
  if (operation.endpoints.empty()) {
    complete(operation.ticket, contract::Outcome::failed, "no address to join");
    return;
  }
  join.emplace();
  join->ticket = operation.ticket;
  join->endpoints = operation.endpoints;
  join->deadline = now + join_limit;
  ask_to_join(now);
}

void Provider::State::ask_to_join(Instant now) {
  join->request = next_request++;
  join->ask_again = now + ask_interval;
  const auto& endpoint = join->endpoints[join->next_endpoint];
  join->next_endpoint = (join->next_endpoint + 1) % join->endpoints.size();
  send_control(endpoint, wire::JoinRequest{join->request, swim->self(), alone() && now >= no_switch_until,
                                           swim->size()});
}

void Provider::State::on_join_request(Instant now, const Address& peer, const wire::Packet& packet,
                                      const wire::JoinRequest& request) {
  wire::JoinAnswer answer;
  answer.request = request.request;
  answer.cluster = record.cluster;
  const auto& joiner = packet.header.sender;
  if (packet.header.cluster == record.cluster && !swim->is_forgotten(joiner, packet.header.life.join)) {
    // The same cluster: MEET is an address hint, never refused.
    answer.accepted = true;
    send_control(peer, answer);
    swim->announce_to(now, peer);
    return;
  }
  if (joiner == accepted_joiner && !request.alone)
    no_switch_until = now;  // it has company now: it will not come
  const bool i_join = join && !join->invited_peer;
  if (!request.alone && !alone()) {
    answer.reason = "that node is in another cluster of several nodes: two clusters cannot be merged";
  } else if (reset || leaving || (i_join && (join->write != 0 || record.node > joiner))) {
    answer.reason = "busy";
  } else if (!request.alone) {
    // We are alone, the asker is not: we join its cluster.
    if (i_join) end_join(false, "the other node's cluster took this node in first");
    answer.invites = true;
    join.emplace();
    join->inviters_request = request.request;
    join->endpoints = {peer};
    join->deadline = now + join_limit;
    send_control(peer, answer);
    ask_to_join(now);
    return;
  } else {
    if (i_join) {
      // Two joins crossed: the lower node id gives way (ours), takes the other in and asks again after that.
      join->answer.reset();
      join->ask_again = now + retry_busy;
    }
    answer.accepted = true;
    answer.members = swim->snapshot();
    for (const auto& member : answer.members) {
      if (member.id == joiner && member.status == swim::Status::forgotten)
        answer.join_min = member.life.join.next();
    }
    std::erase_if(answer.members, [&](const auto& member) { return member.id == joiner; });
    for (auto& member : answer.members) {
      if (member.id == record.node && !member.address.has_ip()) member.address = packet.header.observed;
    }
    answer.global = global->snapshot();
    no_switch_until = now + no_switch;
    accepted_joiner = joiner;
  }
  send_control(peer, answer);
}

void Provider::State::on_join_answer(Instant now, const wire::Packet& packet,
                                     const wire::JoinAnswer& answer) {
  if (!join || answer.request != join->request || join->answer || join->write != 0) return;
  if (answer.cluster == record.cluster) {
    if (answer.accepted) end_join(true, {});
    return;
  }
  if (answer.invites) {
    join->invited_peer = true;
    join->ask_again = join->deadline;
    return;
  }
  if (!answer.accepted) {
    if (answer.reason == "busy") {
      join->ask_again = std::min(join->deadline, now + retry_busy);
    } else {
      end_join(false, answer.reason);
    }
    return;
  }
  if (!alone() || now < no_switch_until) {
    join->ask_again = std::min(join->deadline, now + retry_busy);
    return;
  }
  if (packet.header.observed.has_ip()) learn_own_address(now, packet.header.observed);
  join->answer = answer;
  contract::JoinReview review;
  review.ticket = join->ticket.value_or(Ticket{invited_ticket | join->request});
  for (const auto& reg : answer.global.registers) {
    if (reg.value) review.registers.push_back(reg);
  }
  for (const auto& member : answer.members) {
    if (member.status != swim::Status::forgotten) {
      review.members.push_back({member.id, member.shard, member.address, contract::Health::ok, {}, {}});
    }
  }
  emit(std::move(review));
}

void Provider::State::on_join_verdict(Instant now, const contract::JoinVerdict& verdict) {
  if (!join || !join->answer || join->write != 0) return;
  if (verdict.ticket != join->ticket.value_or(Ticket{invited_ticket | join->request})) return;
  if (!verdict.accept) {
    end_join(false, verdict.reason);
    return;
  }
  record.cluster = join->answer->cluster;
  record.join = std::max(record.join.next(), join->answer->join_min);
  join->write = save_node_record();
  join->deadline = Instant::never();  // from here on it happens
  (void)now;
}

void Provider::State::switch_cluster(Instant now) {
  const auto answer = *join->answer;
  replace_cluster(now, answer.members, answer.global);
  note(NoteLevel::notice,
       "joined cluster " + record.cluster.hex() + " of " + std::to_string(swim->size() - 1) + " other nodes");
  end_join(true, {});
}

void Provider::State::replace_cluster(Instant now, const std::vector<swim::MemberUpdate>& members,
                                      const gossip::Snapshot& snapshot) {
  swim.emplace(settings.swim, self_record(), now, fork_rng());
  swim->set_seeds(settings.seeds);
  swim->merge(now, members, false);
  std::vector<Address> reachable;
  for (const auto& member : members) {
    const bool is_up = member.status == swim::Status::alive || member.status == swim::Status::suspect;
    if (is_up && member.id != record.node) reachable.push_back(member.address);
  }
  for (std::size_t i = 0; reachable.size() > told_at_once && i < told_at_once; ++i)
    std::swap(reachable[i], reachable[i + rng.below(reachable.size() - i)]);
  if (reachable.size() > told_at_once) reachable.resize(told_at_once);
  for (const auto& address : reachable) swim->announce_to(now, address);
  global->clear(now);
  global->take_output();
  emit(contract::Reset{contract::Namespace::global, namespace_number, record.node, record.membership.shard});
  global->apply_snapshot(now, snapshot);
  members_dirty = gossip_dirty = view_dirty = true;
}

void Provider::State::on_join_result(Instant now, const wire::JoinResult& result) {
  (void)now;
  if (!join || !join->invited_peer || result.request != join->request) return;
  end_join(result.ok, result.reason);
}

void Provider::State::end_join(bool ok, const std::string& text) {
  auto ended = std::move(*join);
  join.reset();
  if (ended.inviters_request != 0) {
    send_control(ended.endpoints.front(), wire::JoinResult{ended.inviters_request, ok, text});
  }
  if (ended.ticket) complete(*ended.ticket, ok ? contract::Outcome::ok : contract::Outcome::failed, text);
}

void Provider::State::tick_join(Instant now) {
  if (!join || join->write != 0) return;
  if (now >= join->deadline) {
    end_join(false, no_answer);
  } else if (now >= join->ask_again && !join->answer) {
    ask_to_join(now);
  }
}

}  // namespace vswim::provider
