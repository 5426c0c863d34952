#include "seal/datagram_seal.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace vswim::seal {

namespace {

constexpr std::string_view label = "datagram";
constexpr Duration first_wait = milliseconds(100);  // for the answer to a contact; doubled each time
constexpr int asks_max = 4;                         // 1.5 s in all: then the packets are worth nothing

}  // namespace

DatagramSeal::DatagramSeal(Keyring keyring, std::string cluster_name, const Key& seed)
    : keyring_(std::move(keyring)),
      cluster_name_(std::move(cluster_name)),
      cluster_tag_(cluster_tag(cluster_name_)),
      source_(seed),
      own_(source_.session()) {
  VSWIM_ASSERT(!keyring_.empty(), "sealing takes a secret");
}

void DatagramSeal::set_keyring(Keyring keyring) {
  VSWIM_ASSERT(!keyring.empty(), "sealing takes a secret");
  keyring_ = std::move(keyring);
}

// ---- keys ----

Key DatagramSeal::derive_pair(const Secret& secret, SessionId sender, SessionId receiver) const {
  std::string context;
  append_integer(context, sender.value);
  append_integer(context, receiver.value);
  context += cluster_name_;
  return derive(secret.key, label, context);
}

const Key& DatagramSeal::pair_key(PairKey& kept, const Secret& secret, SessionId sender,
                                  SessionId receiver) const {
  if (!kept.known || kept.made_of != secret.id) {
    kept = {secret.id, derive_pair(secret, sender, receiver), true};
  }
  return kept.key;
}

// After it everybody's packets for the former session are answered with the new one.
void DatagramSeal::renew_session() {
  own_ = source_.session();
  counter_ = 0;
  senders_.clear();
  for (auto& [address, link] : links_) link.key.known = false;
}

// ---- out ----

void DatagramSeal::emit(const Address& to, DatagramKind kind, SessionId receiver, const Key& key,
                        std::string_view packet) {
  const DatagramHead head{kind, cluster_tag_, keyring_.in_use().id.tag(), counter_++, own_, receiver};
  auto bytes = encode_head(head);
  const std::string associated = bytes + cluster_name_;
  seal(key, head.counter, associated, packet, bytes);
  output_.push_back({to, std::move(bytes)});
}

void DatagramSeal::emit_contact(const Address& to, SessionId receiver) {
  ++counters_.contacts_out;
  emit(to, DatagramKind::contact, receiver, derive_pair(keyring_.in_use(), own_, receiver), {});
}

void DatagramSeal::emit_to(Link& link, const Address& to, std::string_view packet) {
  ++counters_.sealed;
  emit(to, DatagramKind::data, link.session, pair_key(link.key, keyring_.in_use(), own_, link.session),
       packet);
}

void DatagramSeal::send(Instant now, const Address& to, std::string_view packet) {
  if (counter_ >= counter_max) renew_session();
  if (const auto link = links_.find(to); link != links_.end()) return emit_to(link->second, to, packet);
  auto waiting = waiting_.find(to);
  if (waiting == waiting_.end()) {
    if (waiting_.size() >= waiting_peers_max) {
      ++counters_.undelivered;
      return;
    }
    waiting = waiting_.emplace(to, Waiting{}).first;
    ask(now, to, waiting->second);
  }
  auto& packets = waiting->second.packets;
  if (packets.size() >= waiting_packets_max) {  // the newest say most
    packets.pop_front();
    ++counters_.undelivered;
  }
  packets.emplace_back(packet);
}

void DatagramSeal::ask(Instant now, const Address& to, Waiting& waiting) {
  emit_contact(to, {});
  waiting.ask_at = now + first_wait * (std::int64_t{1} << waiting.asked);
  ++waiting.asked;
  next_ask_ = std::min(next_ask_, waiting.ask_at);
}

void DatagramSeal::on_timer(Instant now) {
  if (now < next_ask_) return;
  next_ask_ = Instant::never();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto& [to, waiting] = *it;
    if (waiting.ask_at <= now && waiting.asked >= asks_max) {
      counters_.undelivered += waiting.packets.size();
      it = waiting_.erase(it);
      continue;
    }
    if (waiting.ask_at <= now) ask(now, to, waiting);
    next_ask_ = std::min(next_ask_, waiting.ask_at);
    ++it;
  }
}

// ---- in ----

std::optional<Refusal> DatagramSeal::check_head(std::string_view datagram, DatagramHead& head) const {
  if (datagram.size() > datagram_bytes_max) return Refusal::oversize;
  switch (decode_head(datagram, head)) {
    case HeadError::malformed: return Refusal::malformed;
    case HeadError::version: return Refusal::version;
    case HeadError::plain: return Refusal::unsealed;
    case HeadError::none: break;
  }
  if (head.cluster != cluster_tag_) return Refusal::wrong_cluster;
  if (head.sender == own_) return Refusal::replayed;  // our own, sent back
  return std::nullopt;
}

bool DatagramSeal::open_with_any(const DatagramHead& head, std::string_view datagram, Sender* sender,
                                 std::string& packet, bool& key_known) const {
  std::string associated(datagram.substr(0, DatagramHead::bytes));
  associated += cluster_name_;
  const auto sealed = datagram.substr(DatagramHead::bytes);
  for (const auto& secret : keyring_.secrets()) {
    if (secret.id.tag() != head.key) continue;
    key_known = true;
    PairKey for_once;
    const auto& key =
        pair_key(sender != nullptr ? sender->key : for_once, secret, head.sender, head.receiver);
    if (open(key, head.counter, associated, sealed, packet)) return true;
  }
  return false;
}

DatagramSeal::Received DatagramSeal::receive(Instant now, const Address& from, std::string_view datagram) {
  Received received;
  DatagramHead head;
  received.refusal = check_head(datagram, head);
  if (received.refusal) return received;
  const bool bound = head.receiver == own_;
  const auto known = bound ? senders_.find(head.sender) : senders_.end();
  Sender* const sender = known == senders_.end() ? nullptr : &known->second;
  std::string packet;
  bool key_known = false;
  if (!open_with_any(head, datagram, sender, packet, key_known)) {
    received.refusal = key_known ? Refusal::forged : Refusal::unknown_key;
    return received;
  }
  if (!bound) {
    if (!head.receiver.is_nil()) received.refusal = Refusal::stale_session;
    answer(now, from, head);
    return received;
  }
  if (!accept(from, head)) {
    received.refusal = Refusal::replayed;
    return received;
  }
  if (head.kind == DatagramKind::data) {
    ++counters_.opened;
    received.packet = std::move(packet);
  }
  return received;
}

// To a contact to nobody, and to data for a session that this node does not have: what it has. Never to a
// contact that is an answer itself, or two nodes would go on for ever.
void DatagramSeal::answer(Instant now, const Address& from, const DatagramHead& head) {
  const bool answer_of_a_peer = head.kind == DatagramKind::contact && !head.receiver.is_nil();
  if (answer_of_a_peer || !budget_.take(now, from)) return;
  emit_contact(from, head.sender);
}

// An authentic packet that is bound to this session: taken once.
bool DatagramSeal::accept(const Address& from, const DatagramHead& head) {
  if (senders_.size() >= senders_max && !senders_.contains(head.sender)) {
    // Forgetting one sender's window would let its packets in again; forgetting the session forgets nothing.
    renew_session();
    return false;
  }
  if (!senders_[head.sender].window.take(head.counter)) return false;
  learn(from, head.sender);
  return true;
}

void DatagramSeal::learn(const Address& from, SessionId session) {
  auto link = links_.find(from);
  if (link == links_.end()) {
    if (links_.size() >= links_max) links_.clear();  // learned again at the next packet
    link = links_.emplace(from, Link{}).first;
  }
  if (link->second.session != session) link->second = {session, {}};
  const auto waiting = waiting_.find(from);
  if (waiting == waiting_.end()) return;
  const auto packets = std::move(waiting->second.packets);
  waiting_.erase(waiting);
  for (const auto& packet : packets) emit_to(link->second, from, packet);
}

}  // namespace vswim::seal
