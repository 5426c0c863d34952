#include "runtime/datagrams.hpp"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/sockaddr.hpp"

namespace vswim::runtime {

namespace {

constexpr std::size_t datagram_bytes_max = 64 * 1024;  // the largest UDP payload there is
constexpr int datagrams_per_turn_max = 64;             // so that timers and streams get their turn
constexpr int receive_buffer_bytes = 4 * 1024 * 1024;  // a burst of ten thousand members' acks
constexpr std::size_t peers_remembered_max =
    65'536;  // forgotten all at once above: only a choice of address is lost

void set_option(int fd, int level, int name, int value) {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

// Where a datagram was sent to; unset when the kernel did not say.
Address destination_of(msghdr& header) {
  for (auto* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return from_ip(info.ipi_spec_dst, 0);
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return from_ip(info.ipi6_addr, 0);
    }
  }
  return {};
}

template <class Info>
void add_control(msghdr& header, int level, int type, const Info& info) {
  header.msg_controllen = CMSG_SPACE(sizeof info);
  auto* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(c), &info, sizeof info);
}

}  // namespace

struct Datagrams::Socket {
  asio::ip::udp::socket socket;
  Address local;
  bool alone = true;  // the one address of its IP version: nothing to choose, nothing to remember
};

std::size_t AddressHash::operator()(const Address& address) const noexcept {
  return std::hash<std::string_view>{}(
             {reinterpret_cast<const char*>(address.ip.data()), address.ip.size()}) *
             31 +
         address.port;
}

std::string bind_error(const Address& local, const std::string& protocol, int code) {
  const auto what = "cannot use " + protocol + " port " + std::to_string(local.port) + " of " +
                    (is_any(local) ? std::string(local.is_v4() ? "every IPv4 address" : "every IPv6 address")
                                   : local.ip_text()) +
                    " for the cluster bus: " + std::strerror(code);
  if (code == EADDRINUSE)
    return what + "; stop whoever has it (ss -lntup shows it) or set another cluster-port";
  if (code == EACCES) return what + "; ports below 1024 need privileges, set another cluster-port";
  if (code == EADDRNOTAVAIL) return what + "; no interface has this address, correct the bind setting";
  return what;
}

Datagrams::Datagrams(asio::io_context& context, Receive receive)
    : context_(context), receive_(std::move(receive)) {}
Datagrams::~Datagrams() = default;

bool Datagrams::open(const std::vector<Address>& bind, std::uint16_t port, std::string& error) {
  sockets_.clear();
  if (bind.empty()) {
    if (!open_one(any_v4(port), error)) return false;
    std::string no_v6;
    static_cast<void>(open_one(any_v6(port), no_v6));  // a machine without IPv6 is fine
    return true;
  }
  for (auto local : bind) {
    local.port = port;
    if (!open_one(local, error)) return false;
  }
  return true;
}

bool Datagrams::open_one(const Address& local, std::string& error) {
  const bool v4 = local.is_v4();
  auto one = std::make_unique<Socket>(Socket{asio::ip::udp::socket(context_), local, true});
  for (const auto& other : sockets_) {
    if (other->local.is_v4() == v4) other->alone = one->alone = false;
  }
  if (is_any(local)) one->alone = false;
  asio::error_code code;
  one->socket.open(v4 ? asio::ip::udp::v4() : asio::ip::udp::v6(), code);
  if (code) {
    error = bind_error(local, "UDP", code.value());
    return false;
  }
  const int fd = one->socket.native_handle();
  if (v4) {
    set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
  } else {
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, receive_buffer_bytes);
  const auto kernel = to_kernel(local);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&kernel.storage), kernel.size_bytes) != 0) {
    error = bind_error(local, "UDP", errno);
    return false;
  }
  one->socket.non_blocking(true, code);
  sockets_.push_back(std::move(one));
  return true;
}

void Datagrams::listen() {
  for (auto& socket : sockets_) await(*socket);
}

void Datagrams::close() {
  asio::error_code ignored;
  for (auto& socket : sockets_) socket->socket.close(ignored);
}

void Datagrams::await(Socket& socket) {
  socket.socket.async_wait(asio::ip::udp::socket::wait_read, [this, &socket](const asio::error_code& code) {
    if (code == asio::error::operation_aborted) return;
    receive_waiting(socket);
    if (socket.socket.is_open()) await(socket);
  });
}

void Datagrams::receive_waiting(Socket& socket) {
  static_assert(datagram_bytes_max <= 64 * 1024, "lives on the stack");
  std::array<char, datagram_bytes_max> bytes;
  alignas(cmsghdr) std::array<char, 128> control;
  for (int i = 0; i < datagrams_per_turn_max && socket.socket.is_open(); ++i) {
    sockaddr_storage source{};
    iovec vector{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_name = &source;
    header.msg_namelen = sizeof source;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    if (!socket.alone) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
    }
    const auto got = ::recvmsg(socket.socket.native_handle(), &header, MSG_DONTWAIT);
    if (got < 0) return;  // nothing left, or an error of an earlier send: the next wait decides
    if ((header.msg_flags & MSG_TRUNC) != 0) continue;
    const auto from = from_kernel(source);
    if (!socket.alone) {
      if (const auto local = destination_of(header); local.has_ip()) remember(from, local);
    }
    receive_(from, {bytes.data(), static_cast<std::size_t>(got)});
  }
}

void Datagrams::remember(const Address& peer, const Address& local) {
  const auto known = reached_at_.find(peer);
  if (known != reached_at_.end()) {
    known->second = local;
    return;
  }
  if (reached_at_.size() >= peers_remembered_max) reached_at_.clear();
  reached_at_.emplace(peer, local);
}

Address Datagrams::local_address_for(const Address& peer) const {
  for (const auto& socket : sockets_) {
    if (!socket->alone || socket->local.is_v4() != peer.is_v4()) continue;
    auto local = socket->local;
    local.port = 0;
    return local;
  }
  const auto known = reached_at_.find(peer);
  return known == reached_at_.end() ? Address{} : known->second;
}

void Datagrams::send(const Address& to, std::string_view bytes) {
  for (auto& socket : sockets_) {
    if (!socket->alone || socket->local.is_v4() != to.is_v4()) continue;
    if (!send_from(*socket, {}, to, bytes)) ++send_failures_;
    return;
  }
  const auto source = local_address_for(to);
  Socket* fallback = nullptr;
  for (auto& socket : sockets_) {
    if (socket->local.is_v4() != to.is_v4()) continue;
    if (!fallback) fallback = socket.get();
    if (source.has_ip() && (is_any(socket->local) || socket->local.ip == source.ip)) {
      if (send_from(*socket, source, to, bytes)) return;
      if (errno == EAGAIN || errno == ENOBUFS) {
        ++send_failures_;  // a full buffer loses datagrams like any network
        return;
      }
      reached_at_.erase(to);  // the address may be gone: let the routing table choose
      break;
    }
  }
  if (!fallback || !send_from(*fallback, {}, to, bytes)) ++send_failures_;
}

bool Datagrams::send_from(Socket& socket, const Address& source, const Address& to, std::string_view bytes) {
  const auto kernel = to_kernel(to);
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, 128> control{};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_storage*>(&kernel.storage);
  header.msg_namelen = kernel.size_bytes;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (source.has_ip() && is_any(socket.local)) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (source.is_v4()) {
      in_pktinfo info{};
      info.ipi_spec_dst = v4_of(source);
      add_control(header, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, source.ip.data(), source.ip.size());
      add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  return ::sendmsg(socket.socket.native_handle(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

}  // namespace vswim::runtime
