// Seals what leaves as a datagram and opens what arrives. A machine: packets, keys, randomness and time in;
// packets out.
//
// Each node draws a session at every start. A packet is sealed under a key derived from the cluster secret,
// the cluster's name, the sender's session and the receiver's session; the nonce is one counter of the
// sender's session. From this follows:
//  - a nonce never comes again: a restart is another session, and so another key, whatever state was lost;
//  - nothing recorded before the receiver's start, or sent to another node, can be opened: what is left to
//    replay is caught by the window of that sender;
//  - a change of secrets changes neither sessions, counters nor windows: no packet is lost by it.
// The receiver's session is learned by asking (a contact to nobody in particular), answered by a contact back
// that is bound to the asker's session; packets wait meanwhile. Every authentic packet that is bound to this
// session tells the sender's. An answer is never larger than what it answers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "seal/datagram_head.hpp"
#include "seal/keyring.hpp"
#include "seal/refusal.hpp"
#include "seal/replay_window.hpp"
#include "seal/reply_budget.hpp"
#include "seal/session.hpp"

namespace vswim::seal {

struct SealedDatagram {
  Address to;
  std::string bytes;
};

struct DatagramSealCounters {
  std::uint64_t sealed = 0, opened = 0, contacts_out = 0, undelivered = 0;
};

class DatagramSeal {
 public:
  static constexpr std::size_t overhead_bytes = DatagramHead::bytes + tag_bytes;
  static constexpr std::size_t datagram_bytes_max = 9'000;  // of what is opened: a jumbo frame
  static constexpr std::size_t senders_max = 65'536;        // then this node takes another session
  static constexpr std::size_t links_max = 65'536;
  static constexpr std::size_t waiting_peers_max = 4'096, waiting_packets_max = 16;  // per peer
  static constexpr std::uint64_t counter_max = std::uint64_t{1} << 62;

  // `seed`: 32 random bytes that no other start has.
  DatagramSeal(Keyring keyring, std::string cluster_name, const Key& seed);

  void send(Instant now, const Address& to, std::string_view packet);
  struct Received {
    std::optional<std::string> packet;
    std::optional<Refusal> refusal;  // neither: a contact
    std::string detail;              // of the refusal, for people
  };
  Received receive(Instant now, const Address& from, std::string_view datagram);
  void on_timer(Instant now);  // asks again, and gives packets up
  Instant next_deadline() const { return next_ask_; }
  std::vector<SealedDatagram> take_output() { return std::exchange(output_, {}); }

  void set_keyring(Keyring keyring);
  const Keyring& keyring() const { return keyring_; }
  SessionId session() const { return own_; }
  const DatagramSealCounters& counters() const { return counters_; }

 private:
  struct PairKey {  // of one direction between two sessions, kept as long as the secret is the same
    KeyId made_of;
    Key key;
    bool known = false;
  };
  struct Link {  // who is reached at an address
    SessionId session;
    PairKey key;
  };
  struct Sender {
    ReplayWindow window;
    PairKey key;
  };
  struct Waiting {
    std::deque<std::string> packets;
    Instant ask_at{};
    int asked = 0;
  };

  Key derive_pair(const Secret& secret, SessionId sender, SessionId receiver) const;
  const Key& pair_key(PairKey& kept, const Secret& secret, SessionId sender, SessionId receiver) const;
  void emit(const Address& to, DatagramKind kind, SessionId receiver, const Key& key,
            std::string_view packet);
  void emit_contact(const Address& to, SessionId receiver);
  void emit_to(Link& link, const Address& to, std::string_view packet);
  void ask(Instant now, const Address& to, Waiting& waiting);
  bool open_with_any(const DatagramHead& head, std::string_view datagram, Sender* sender, std::string& packet,
                     bool& key_known) const;
  std::optional<Refusal> check_head(std::string_view datagram, DatagramHead& head) const;
  void answer(Instant now, const Address& from, const DatagramHead& head);
  bool accept(const Address& from, const DatagramHead& head);
  void learn(const Address& from, SessionId session);
  void renew_session();

  Keyring keyring_;
  const std::string cluster_name_;
  const std::uint16_t cluster_tag_;
  SessionSource source_;
  SessionId own_;
  std::uint64_t counter_ = 0;  // of own_: the next nonce, under whatever key
  std::map<Address, Link> links_;
  std::map<Address, Waiting> waiting_;
  std::unordered_map<SessionId, Sender> senders_;  // who have sent something bound to own_
  ReplyBudget budget_;
  Instant next_ask_ = Instant::never();
  std::vector<SealedDatagram> output_;
  DatagramSealCounters counters_;
};

}  // namespace vswim::seal
