// Incoming streams: accepts on the bus port, opens what is sealed, reassembles frames, keeps strangers within
// limits. One direction only: a peer that has something to say opens a stream of its own. A stranger is who
// has not sent a good frame yet; with a cluster secret, who has not sent an authentic record.
#pragma once

#include "runtime/asio_config.hpp"

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "runtime/stream_seals.hpp"
#include "seal/refusal.hpp"

namespace vswim::runtime {

struct ListenerLimits {
  std::size_t connections_max = 4'096;         // descriptors are the server's, too
  std::size_t strangers_max = 1'024;           // of connections_max
  std::size_t strangers_per_source_max = 256;  // by IP address: a whole cluster may start on one host
  std::size_t unproven_bytes_max =
      80ULL * 1024 * 1024;  // buffered for all who have not sent a good frame yet
  Duration preface_timeout = seconds(5);
  Duration frame_timeout = seconds(60);  // a begun frame must move on
  Duration idle_timeout = seconds(180);  // senders close theirs long before
};

class StreamListener {
 public:
  // Returns whether the frame was any good; the first bad one ends the connection.
  using Receive = std::function<bool(const Address& from, std::string_view frame)>;
  using Refused = std::function<void(const Address& from, seal::Refusal why)>;

  // `seals` null: streams are plain. `refused` is told of every stranger that is turned away for a reason.
  StreamListener(asio::io_context& context, const ListenerLimits& limits, Receive receive,
                 Refused refused = nullptr);
  ~StreamListener();

  bool open(const std::vector<Address>& bind, std::uint16_t port, std::string& error);
  std::uint16_t port() const { return port_; }  // the one chosen when opened with 0
  void listen();
  void close();
  void seal_with(StreamSeals* seals) { seals_ = seals; }  // before listen()
  void on_keyring_changed();                              // closes what was opened with a removed key
  void accept_from(std::function<bool(const Address& from)> policy) { policy_ = std::move(policy); }
  void on_tick(Instant now);  // timeouts; a few times a second

  std::size_t connections() const { return connections_.size(); }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Acceptor;
  struct Connection;
  bool open_one(const Address& local, std::string& error);
  void accept(Acceptor& acceptor);
  void admit(asio::ip::tcp::socket socket);
  void read(const std::shared_ptr<Connection>& connection);
  void on_bytes(const std::shared_ptr<Connection>& connection, std::string_view bytes);
  bool hand_over_frames(Connection& connection);
  std::optional<seal::Refusal> feed(Connection& connection, std::string_view bytes);
  std::optional<seal::Refusal> open_and_feed(Connection& connection, std::string_view bytes);
  bool has_room_for(const Address& peer);
  void account(Connection& connection);
  void prove(Connection& connection);
  static void say(Connection& connection, std::string_view bytes);
  void turn_away(Connection& connection, seal::Refusal why);
  void drop(Connection& connection, bool refused);

  asio::io_context& context_;
  const ListenerLimits limits_;
  Receive receive_;
  Refused told_;
  StreamSeals* seals_ = nullptr;
  std::function<bool(const Address&)> policy_;
  std::uint16_t port_ = 0;
  Instant now_{};
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 1;
  std::size_t unproven_bytes_ = 0;
  std::size_t strangers_ = 0;
  std::map<std::array<std::uint8_t, 16>, std::size_t> strangers_of_;  // by IP address
  std::uint64_t refused_ = 0;
};

}  // namespace vswim::runtime
