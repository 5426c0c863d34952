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
  std::optional<seal::IncomingStream> opener;  // of a sealed stream
  bool proven = false;                         // no stranger any more
  std::size_t accounted = 0;                   // of unproven_bytes_
  Instant opened_at{};
  Instant heard_at{};
};

StreamListener::StreamListener(asio::io_context& context, const ListenerLimits& limits, Receive receive,
                               Refused refused)
    : context_(context), limits_(limits), receive_(std::move(receive)), told_(std::move(refused)) {}
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
  strangers_ = 0;
  strangers_of_.clear();
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

bool StreamListener::has_room_for(const Address& peer) {
  const auto known = strangers_of_.find(peer.ip);
  return connections_.size() < limits_.connections_max && strangers_ < limits_.strangers_max &&
         (known == strangers_of_.end() || known->second < limits_.strangers_per_source_max);
}

void StreamListener::admit(asio::ip::tcp::socket socket) {
  asio::error_code code;
  const auto remote = socket.remote_endpoint(code);
  if (code) return;
  const auto peer = from_endpoint(remote);
  const auto refuse = [&](seal::Refusal why) {
    ++refused_;
    if (told_) told_(peer, why);  // leaving closes it
  };
  if (policy_ && !policy_(peer)) return refuse(seal::Refusal::protected_mode);
  if (!has_room_for(peer)) return refuse(seal::Refusal::connection_limits);
  ++strangers_;
  ++strangers_of_[peer.ip];
  const auto number = next_connection_++;
  auto connection = std::make_shared<Connection>(
      Connection{number, std::move(socket), peer, {}, {}, std::nullopt, false, 0, now_, now_});
  if (seals_ != nullptr) connection->opener.emplace(seals_->incoming());
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
  const auto refusal = connection->opener ? open_and_feed(*connection, bytes) : feed(*connection, bytes);
  if (!connections_.contains(connection->number)) return;  // everything was closed meanwhile
  if (refusal) return turn_away(*connection, *refusal);
  account(*connection);
  if (unproven_bytes_ > limits_.unproven_bytes_max && !connection->proven)
    return turn_away(*connection, seal::Refusal::connection_limits);
  read(connection);
}

std::optional<seal::Refusal> StreamListener::feed(Connection& connection, std::string_view bytes) {
  const bool sealed_here = connection.opener.has_value();
  const auto before = connection.reader.bus_port();
  const bool well_formed = connection.reader.feed(bytes) == FrameError::none;
  if (!well_formed && !before && !sealed_here && seal::looks_like_hello(bytes))
    return seal::Refusal::unexpected_seal;
  if (!hand_over_frames(connection) || !well_formed) return seal::Refusal::malformed;
  return std::nullopt;
}

// Nothing is kept for a sealed stream before its hello but the hello; what follows is authentic record by
// record.
std::optional<seal::Refusal> StreamListener::open_and_feed(Connection& connection, std::string_view bytes) {
  const bool met = connection.opener->greeted();
  const auto step = connection.opener->feed(seals_->keyring(), bytes);
  if (!step.reply.empty()) say(connection, step.reply);
  if (!met && connection.opener->greeted())
    connection.reader.feed(encode_preface(connection.opener->bus_port()));
  if (connection.opener->authentic()) prove(connection);
  if (!step.plain.empty()) {
    if (const auto refusal = feed(connection, step.plain)) return refusal;
  }
  return step.refusal;
}

void StreamListener::prove(Connection& connection) {
  if (connection.proven) return;
  connection.proven = true;
  --strangers_;
  const auto source = strangers_of_.find(connection.peer.ip);
  if (source != strangers_of_.end() && --source->second == 0) strangers_of_.erase(source);
}

// A few dozen bytes into an empty socket buffer: they fit, or the peer is gone.
void StreamListener::say(Connection& connection, std::string_view bytes) {
  static_cast<void>(
      ::send(connection.socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Says why, for the other side's log, in no more bytes than any hello or preface has.
void StreamListener::turn_away(Connection& connection, seal::Refusal why) {
  if (!connection.proven) {
    say(connection, seal::encode_refusal(why));
    if (told_) told_(connection.peer, why);
  }
  drop(connection, true);
}

void StreamListener::on_keyring_changed() {
  std::vector<std::shared_ptr<Connection>> late;
  for (auto& [number, connection] : connections_) {
    const auto& opener = connection->opener;
    if (opener && opener->greeted() && seals_->keyring().find(opener->key_id()) == nullptr)
      late.push_back(connection);
  }
  for (auto& connection : late) drop(*connection, false);
}

// False: a frame was worthless.
bool StreamListener::hand_over_frames(Connection& connection) {
  while (auto frame = connection.reader.next()) {
    auto from = connection.peer;
    from.port = *connection.reader.bus_port();
    if (!receive_(from, *frame)) return false;
    prove(connection);
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
  prove(connection);  // a stranger that is gone is none
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
    const bool unmet = connection->opener ? !connection->proven : !connection->reader.bus_port();
    const bool no_preface = unmet && now - connection->opened_at > limits_.preface_timeout;
    const bool stuck = connection->reader.mid_frame() && silent > limits_.frame_timeout;
    if (no_preface || stuck || silent > limits_.idle_timeout) late.push_back(connection);
  }
  for (auto& connection : late) drop(*connection, !connection->proven);
}

}  // namespace vswim::runtime
