// Sealed streams, both ends, pure: bytes in, bytes out. The opener of a connection says hello with a salt,
// the acceptor answers with one of its own, and the key of what follows is derived from the cluster secret,
// the cluster's name and both salts: a recorded stream opens nothing. Records are numbered by their place, so
// none can be left out, repeated or moved. Data goes from the opener to the acceptor only.
//
//   hello    "VSWM" 2 'h'  bus port(2, big-endian)  cluster tag(2)  0 0  key tag(4)  salt(16)  tag(16)  = 48
//   welcome  "VSWM" 2 'w'  0 0  salt(16)  tag(16)                                                      = 40
//   refusal  "VSWM" 2 'r'  reason  0                                                                   = 8
//   record   length of what is sealed (2)  that, at most 16 KiB  tag(16)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "seal/keyring.hpp"
#include "seal/refusal.hpp"
#include "seal/session.hpp"

namespace vswim::seal {

constexpr std::size_t record_plain_bytes_max = 16 * 1024;
constexpr std::size_t hello_bytes = 48, welcome_bytes = 40, refusal_bytes = 8;

// What an acceptor says before it closes; unauthenticated, for the log of the other side only.
std::string encode_refusal(Refusal refusal);
std::optional<std::string> refusal_text(std::string_view bytes);  // as a sentence about the peer
bool looks_like_hello(std::string_view bytes);                    // for a node without a secret

class OutgoingStream {
 public:
  OutgoingStream(const Secret& secret, std::string cluster_name, const Salt& salt, std::uint16_t bus_port);

  const std::string& hello() const { return hello_; }
  enum class State : std::uint8_t { waiting, ready, broken };
  State feed(std::string_view bytes);  // what the acceptor says
  State state() const { return state_; }
  const std::string& reason() const { return reason_; }  // of broken, may be empty
  std::string seal(std::string_view bytes);              // when ready; as records
  const KeyId& key_id() const { return secret_.id; }

 private:
  State broken(std::string reason);

  const Secret secret_;
  const std::string cluster_name_;
  const Salt salt_;
  std::string hello_, heard_, reason_;
  State state_ = State::waiting;
  Key key_;
  std::uint64_t records_ = 0;
};

class IncomingStream {
 public:
  IncomingStream(std::string cluster_name, const Salt& salt);

  struct Step {
    std::string reply;               // to be sent back
    std::string plain;               // what was opened
    std::optional<Refusal> refusal;  // the stream is worthless
  };
  // `keyring`: of this moment; a stream keeps the key that it began with.
  Step feed(const Keyring& keyring, std::string_view bytes);
  bool greeted() const { return greeted_; }        // its hello was authentic: no stranger, or a repeated one
  bool authentic() const { return records_ > 0; }  // and the peer is there: a record was
  const KeyId& key_id() const { return key_id_; }
  std::uint16_t bus_port() const { return bus_port_; }

 private:
  std::optional<Refusal> take_hello(const Keyring& keyring, Step& step);
  std::optional<Refusal> take_records(Step& step);

  const std::string cluster_name_;
  const Salt salt_;
  std::string buffer_;  // at most a hello, later at most a record and what one read brought
  bool greeted_ = false;
  KeyId key_id_;
  Key key_;
  std::uint16_t bus_port_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace vswim::seal
