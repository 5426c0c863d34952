// What stands between the sockets and the provider: seals and opens datagrams when there is a cluster secret,
// turns away what must not come in, counts it, and says so to people. Of the node thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/note.hpp"
#include "runtime/node.hpp"
#include "runtime/stream_seals.hpp"
#include "seal/datagram_seal.hpp"
#include "seal/refusal.hpp"

namespace vswim::runtime {

class BusSecurity {
 public:
  using Send = std::function<void(const Address& to, std::string_view datagram)>;
  using Say = std::function<void(Note note)>;

  // `seed`: 32 bytes of the system's randomness, of this start alone.
  BusSecurity(const NodeSettings& settings, const seal::Key& seed, Send send, Say say);

  // How many bytes of a datagram the provider leaves to the seal.
  std::size_t datagram_bytes_reserved() const;
  StreamSeals* stream_seals() { return streams_ ? &*streams_ : nullptr; }

  void send(Instant now, const Address& to, std::string_view packet);
  // The packet, when there is one for the provider; valid until the next call, or as long as the datagram.
  std::optional<std::string_view> receive(Instant now, const Address& from, std::string_view datagram);
  void on_timer(Instant now);
  Instant next_deadline() const;

  bool admits(const Address& from) const;  // by the policy for peers
  void refused(Instant now, const Address& from, seal::Refusal why, const std::string& detail = "");
  bool set_keyring(const seal::Keyring& keyring);  // false: not taken
  void set_loopback_only(bool only) { loopback_only_ = only; }

  std::uint64_t count(seal::Refusal why) const { return refusals_.of(why); }
  const seal::DatagramSeal* datagrams() const { return datagrams_.get(); }

 private:
  void flush();

  const Send send_;
  const Say say_;
  bool loopback_only_;
  std::unique_ptr<seal::DatagramSeal> datagrams_;
  std::optional<StreamSeals> streams_;
  std::string opened_;
  seal::Refusals refusals_;
};

seal::Key system_seed();

}  // namespace vswim::runtime
