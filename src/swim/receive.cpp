// Datagrams in: first what they say about members, then the question or answer they carry.
#include <algorithm>

#include "base/overloaded.hpp"
#include "swim/swim_state.hpp"

namespace vswim::swim {

void Swim::State::receive(Instant now, const NodeId& from, const Address& address, const Message& message,
                          std::span<const MemberUpdate> updates) {
  if (from.is_nil() || from == self().id || is_forgotten) return;
  if (has_left) {  // answers, so that nobody suspects it; says what it is
    const auto* ping = std::get_if<Ping>(&message);
    const Slot asker = table.find(from);
    if (ping && asker != no_slot && ping->target == self().id) {
      send(asker, address, Ack{ping->sequence, self().id}, true);
    }
    return;
  }
  corrections.clear();
  quick_pings = 0;
  const Slot before = table.find(from);
  const bool was_up = before != no_slot && up.contains(before);
  const bool was_dead = before != no_slot && table.status(before) == Status::dead;
  const Life life_before = before == no_slot ? Life{} : table.life(before);

  // The sender's own record first: a stranger becomes known by it or stays one.
  const Source source{from, address, true};
  const auto own =
      std::find_if(updates.begin(), updates.end(), [&](const MemberUpdate& u) { return u.id == from; });
  if (own != updates.end()) apply(now, *own, source);
  const Slot sender = table.find(from);
  if (sender == no_slot) return;
  if (table.status(sender) == Status::forgotten) return tell(now, sender, address);
  table.set_heard(sender, now);
  fill_address(now, sender, address);
  for (const MemberUpdate& update : updates) {
    if (update.id != from) apply(now, update, source);
  }
  if (is_forgotten) return;

  const bool asked = std::holds_alternative<Ping>(message),
             told_only = std::holds_alternative<Rumours>(message);
  if (!told_only) table.set_knows_us(sender, true);
  std::visit([&](const auto& one) { on_message(now, sender, address, one); }, message);

  const bool is_alive = table.status(sender) == Status::alive;
  const bool is_new = !was_up || !same_start(life_before, table.life(sender));
  if (!asked && (!is_alive || !corrections.empty())) {  // to a ping, the ack has said it
    tell(now, sender, address);
  } else if (is_alive && is_new && told_only && !table.knows_us(sender)) {
    greet(now, sender, address);
  }
  // One dead member turned out alive: a partition may have healed, so more of them are asked at once.
  if (was_dead && is_alive) {
    for (std::size_t i = 0; i < revival_pings; ++i) probe_down(now);
  }
}

void Swim::State::on_message(Instant now, Slot from, const Address& address, const Ping& ping) {
  if (ping.target != self().id) return;  // for another node that had this address
  MemberUpdate claim = self();
  claim.life = ping.target_life;
  claim.status = ping.target_status;
  if (is_acceptable(claim)) apply_to_self(now, claim);
  if (is_forgotten) return;
  const bool knows_me = ping.target_life == self().life && ping.target_status == Status::alive;
  send(from, address, Ack{ping.sequence, self().id}, !knows_me);
}

void Swim::State::on_message(Instant now, Slot from, const Address& address, const PingRequest& request) {
  const NodeId& asker = table.id(from);
  if (request.target == self().id) return send(from, address, Ack{request.sequence, self().id}, false);
  const Slot target = table.find(request.target);
  const bool known = target != no_slot && table.status(target) != Status::forgotten;
  const Address& to = known ? table.address(target) : request.target_address;
  if (!to.has_ip() || (target != no_slot && !known)) return;
  // A nack at 80 % of the timeout still arrives before the asker's period ends (Lifeguard).
  const Errand errand{++last_sequence, request.target,   asker,
                      address,         request.sequence, now + settings.probe_timeout * 4 / 5};
  if (!errands.add(errand)) return;
  if (known)
    return send(target, to, Ping{errand.sequence, request.target, table.status(target), table.life(target)},
                !table.knows_us(target));
  output.datagrams.push_back(
      {request.target, to, Ping{errand.sequence, request.target, Status::alive, Life{}}, {self()}});
}

void Swim::State::on_message(Instant now, Slot from, const Address&, const Ack& ack) {
  if (probe && probe->sequence == ack.sequence && probe->target_id == ack.target) {
    table.set_heard(probe->target, now);
    if (!probe->answered) health.probe_answered();
    probe->answered = true;
    return;
  }
  if (table.id(from) != ack.target) return;  // a relayed ack of an earlier period
  const auto errand = errands.answered(ack.sequence, ack.target);
  if (!errand) return;
  if (errand->asker.is_nil()) return introduce(from);
  const Slot asker = table.find(errand->asker);
  if (asker != no_slot) send(asker, errand->asker_address, Ack{errand->asker_sequence, ack.target}, false);
}

void Swim::State::on_message(Instant, Slot, const Address&, const Nack& nack) {
  if (probe && probe->sequence == nack.sequence && probe->target_id == nack.target) ++probe->nacks;
}

void Swim::State::on_message(Instant, Slot, const Address&, const Rumours&) {}

}  // namespace vswim::swim
