// The UDP sockets of the bus port: one per bind address, or one for each IP version. Answers leave from the
// address that the peer had sent to (IP_PKTINFO), so that a host with several addresses looks the same from
// both sides.
#pragma once

#include "runtime/asio_config.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"

namespace vswim::runtime {

struct AddressHash {
  std::size_t operator()(const Address& address) const noexcept;
};

class Datagrams {
 public:
  using Receive = std::function<void(const Address& from, std::string_view bytes)>;

  Datagrams(asio::io_context& context, Receive receive);
  ~Datagrams();

  // Binds them all. `bind` empty: every address of IPv4, and of IPv6 where the machine has it.
  bool open(const std::vector<Address>& bind, std::uint16_t port, std::string& error);
  void listen();  // starts to receive
  void close();
  void send(const Address& to, std::string_view bytes);

  // The local address that this peer reaches us at: the only one that is bound, else unset when it never sent
  // anything.
  Address local_address_for(const Address& peer) const;
  std::uint64_t send_failures() const { return send_failures_; }

 private:
  struct Socket;
  bool open_one(const Address& local, std::string& error);
  void await(Socket& socket);
  void receive_waiting(Socket& socket);
  void remember(const Address& peer, const Address& local);
  bool send_from(Socket& socket, const Address& source, const Address& to, std::string_view bytes);

  asio::io_context& context_;
  Receive receive_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::unordered_map<Address, Address, AddressHash> reached_at_;  // peer -> our address, port 0
  std::uint64_t send_failures_ = 0;
};

// What a failed bind means to the person who starts the server.
std::string bind_error(const Address& local, const std::string& protocol, int code);

}  // namespace vswim::runtime
