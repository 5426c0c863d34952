// Outgoing streams: frames to a destination over one cached connection, made on demand and closed when idle.
// Frames that could not be handed to the peer's kernel are reported by destination; nothing is retried beyond
// one reconnect. With a cluster secret each connection begins with a hello and a welcome
// (seal/stream_seal.hpp).
#pragma once

#include "runtime/asio_config.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "runtime/datagrams.hpp"
#include "runtime/stream_seals.hpp"

namespace vswim::runtime {

struct SenderLimits {
  std::size_t connections_max = 2'048;
  std::size_t queued_bytes_max = 128ULL * 1024 * 1024;  // per destination; at least one frame always fits
  Duration connect_timeout = seconds(2);                // MEET answers within 2 s
  Duration stall_timeout = seconds(10);                 // queued bytes that do not move
  Duration idle_timeout = seconds(30);
};

class StreamSender {
 public:
  using Failed = std::function<void(const Address& to)>;
  // The local address to connect from, unset when the kernel may choose.
  using LocalAddress = std::function<Address(const Address& to)>;

  using Refused = std::function<void(const Address& to, const std::string& reason)>;

  // `seals` null: streams are plain. `refused` is told what a peer said before it closed.
  StreamSender(asio::io_context& context, const SenderLimits& limits, std::uint16_t own_bus_port,
               LocalAddress local, Failed failed, StreamSeals* seals = nullptr, Refused refused = nullptr);
  ~StreamSender();

  void send(const Address& to, const std::string& payload);
  void close();
  void on_tick(Instant now);  // timeouts; a few times a second
  // Connections of a key that is not in use any more are replaced when they have nothing to send; of a
  // removed one, at once.
  void on_keyring_changed();
  bool idle() const;  // nothing waits to be sent
  std::size_t connections() const { return peers_.size(); }
  std::uint64_t failures() const { return failures_; }

 private:
  struct Peer;
  using PeerPointer = std::shared_ptr<Peer>;
  PeerPointer peer_for(const Address& to);
  bool make_room();
  void connect(const PeerPointer& peer);
  void on_connected(const PeerPointer& peer);
  void write(const PeerPointer& peer);
  void watch_for_end(const PeerPointer& peer);
  void say_hello(const PeerPointer& peer);
  void on_heard(const PeerPointer& peer, std::string_view bytes);
  bool outlived(const Peer& peer) const;
  void on_broken(const PeerPointer& peer);
  void forget(const PeerPointer& peer);
  void report(const Address& to);

  asio::io_context& context_;
  const SenderLimits limits_;
  const std::uint16_t own_bus_port_;
  LocalAddress local_;
  Failed failed_;
  StreamSeals* seals_;
  Refused refused_;
  Instant now_{};
  std::unordered_map<Address, PeerPointer, AddressHash> peers_;
  std::uint64_t failures_ = 0;
};

}  // namespace vswim::runtime
