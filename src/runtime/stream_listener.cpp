#include "runtime/stream_listener.hpp"

#include <array>
#include <asio/buffer.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>

#include "runtime/datagrams.hpp"
#include "runtime/frame.hpp"
#include "runtime/sockaddr.hpp"

namespace vswim::runtime {

namespace {
constexpr auto accept_pause = std::chrono::milliseconds(200);  // out of descriptors: do not spin
}

struct StreamListener::Acceptor {
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer pause;
};

struct StreamListener::Connection {
  std::uint64_t number = 0;
  asio::ip::tcp::socket socket;
  Address peer;  // its ephemeral port until the preface names the bus port
  FrameReader reader;
  std::array<char, 16 * 1024> bytes;
  bool proven = false;        // a good frame came
  std::size_t accounted = 0;  // of unproven_bytes_
  Instant opened_at{};
  Instant heard_at{};
};

StreamListener::StreamListener(asio::io_context& context, const ListenerLimits& limits, Receive receive)
    : context_(context), limits_(limits), receive_(std::move(receive)) {}
StreamListener::~StreamListener() = default;

bool StreamListener::open(const std::vector<Address>& bind, std::uint16_t port, std::string& error) {
  acceptors_.clear();
  port_ = port;
  if (bind.empty()) {
    if (!open_one(any_v4(port_), error)) return false;
    std::string no_v6;
    static_cast<void>(open_one(any_v6(port_), no_v6));  // a machine without IPv6 is fine
    return true;
  }
  for (auto local : bind) {
    local.port = port_;
    if (!open_one(local, error)) return false;
  }
  return true;
}

bool StreamListener::open_one(const Address& local, std::string& error) {
  auto one =
      std::make_unique<Acceptor>(Acceptor{asio::ip::tcp::acceptor(context_), asio::steady_timer(context_)});
  auto& acceptor = one->acceptor;
  const auto endpoint = to_endpoint(local);
  asio::error_code code;
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(asio::socket_base::reuse_address(true), code);
  if (!code && !local.is_v4()) acceptor.set_option(asio::ip::v6_only(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code) {
    error = bind_error(local, "TCP", code.value());
    return false;
  }
  if (port_ == 0) port_ = acceptor.local_endpoint(code).port();
  acceptors_.push_back(std::move(one));
  return true;
}

void StreamListener::listen() {
  for (auto& acceptor : acceptors_) accept(*acceptor);
}

void StreamListener::close() {
  asio::error_code ignored;
  for (auto& acceptor : acceptors_) {
    acceptor->acceptor.close(ignored);
    acceptor->pause.cancel();
  }
  for (auto& [number, connection] : connections_) connection->socket.close(ignored);
  connections_.clear();
  unproven_bytes_ = 0;
}

void StreamListener::accept(Acceptor& acceptor) {
  acceptor.acceptor.async_accept(
      [this, &acceptor](const asio::error_code& code, asio::ip::tcp::socket socket) {
        if (code == asio::error::operation_aborted) return;
        if (code) {
          acceptor.pause.expires_after(accept_pause);
          acceptor.pause.async_wait([this, &acceptor](const asio::error_code& cancelled) {
            if (!cancelled && acceptor.acceptor.is_open()) accept(acceptor);
          });
          return;
        }
        admit(std::move(socket));
        if (acceptor.acceptor.is_open()) accept(acceptor);
      });
}

void StreamListener::admit(asio::ip::tcp::socket socket) {
  asio::error_code code;
  const auto remote = socket.remote_endpoint(code);
  if (code || connections_.size() >= limits_.connections_max) {
    ++refused_;
    return;  // closes it
  }
  const auto number = next_connection_++;
  auto connection = std::make_shared<Connection>(
      Connection{number, std::move(socket), from_endpoint(remote), {}, {}, false, 0, now_, now_});
  connections_.emplace(number, connection);
  read(connection);
}

void StreamListener::read(const std::shared_ptr<Connection>& connection) {
  connection->socket.async_read_some(asio::buffer(connection->bytes),
                                     [this, connection](const asio::error_code& code, std::size_t count) {
                                       if (code == asio::error::operation_aborted) return;
                                       if (!connections_.contains(connection->number)) return;
                                       if (code) return drop(*connection, false);
                                       on_bytes(connection, {connection->bytes.data(), count});
                                     });
}

void StreamListener::on_bytes(const std::shared_ptr<Connection>& connection, std::string_view bytes) {
  connection->heard_at = now_;
  const bool well_formed = connection->reader.feed(bytes) == FrameError::none;
  const bool good = hand_over_frames(*connection);
  if (!connections_.contains(connection->number)) return;  // everything was closed meanwhile
  if (!good || !well_formed) return drop(*connection, true);
  account(*connection);
  if (unproven_bytes_ > limits_.unproven_bytes_max && !connection->proven) return drop(*connection, true);
  read(connection);
}

// False: a frame was worthless.
bool StreamListener::hand_over_frames(Connection& connection) {
  while (auto frame = connection.reader.next()) {
    auto from = connection.peer;
    from.port = *connection.reader.bus_port();
    if (!receive_(from, *frame)) return false;
    connection.proven = true;
    if (!connections_.contains(connection.number)) return true;  // closed meanwhile
  }
  return true;
}

void StreamListener::account(Connection& connection) {
  const auto counts = connection.proven ? 0 : connection.reader.buffered_bytes();
  unproven_bytes_ = unproven_bytes_ - connection.accounted + counts;
  connection.accounted = counts;
}

void StreamListener::drop(Connection& connection, bool refused) {
  if (refused) ++refused_;
  unproven_bytes_ -= connection.accounted;
  connection.accounted = 0;
  asio::error_code ignored;
  connection.socket.close(ignored);
  connections_.erase(connection.number);
}

void StreamListener::on_tick(Instant now) {
  now_ = now;
  std::vector<std::shared_ptr<Connection>> late;
  for (auto& [number, connection] : connections_) {
    const auto silent = now - connection->heard_at;
    const bool no_preface =
        !connection->reader.bus_port() && now - connection->opened_at > limits_.preface_timeout;
    const bool stuck = connection->reader.mid_frame() && silent > limits_.frame_timeout;
    if (no_preface || stuck || silent > limits_.idle_timeout) late.push_back(connection);
  }
  for (auto& connection : late) drop(*connection, !connection->proven);
}

}  // namespace vswim::runtime
