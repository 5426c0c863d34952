#include "runtime/stream_sender.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <deque>
#include <optional>

#include "runtime/frame.hpp"
#include "runtime/sockaddr.hpp"

namespace vswim::runtime {

enum class PeerState : std::uint8_t { connecting, meeting, open };

struct StreamSender::Peer {
  Address to;
  std::optional<asio::ip::tcp::socket> socket;
  std::uint64_t attempt = 0;  // answers to an earlier attempt are ignored
  PeerState state = PeerState::connecting;
  bool writing = false;
  bool had_connection = false;  // a cached connection may have died unnoticed: one more attempt is due
  std::deque<std::string> frames;
  std::size_t queued_bytes = 0;
  Instant moved_at{};  // last progress, or the start of the attempt
  std::string preface;
  std::array<char, 64> heard{};  // a welcome, why we are refused, or the end
  std::string said;              // by a peer of a plain stream: only ever a refusal
  std::optional<seal::OutgoingStream> sealer;
  std::string sealed;  // what is being written, of frames.front()
};

namespace {

bool kernel_holds_unsent(asio::ip::tcp::socket& socket) {
  int bytes = 0;
  return socket.is_open() && ::ioctl(socket.native_handle(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace

StreamSender::StreamSender(asio::io_context& context, const SenderLimits& limits, std::uint16_t own_bus_port,
                           LocalAddress local, Failed failed, StreamSeals* seals, Refused refused)
    : context_(context),
      limits_(limits),
      own_bus_port_(own_bus_port),
      local_(std::move(local)),
      failed_(std::move(failed)),
      seals_(seals),
      refused_(std::move(refused)) {}
StreamSender::~StreamSender() = default;

void StreamSender::send(const Address& to, const std::string& payload) {
  if (payload.empty() || payload.size() > frame_bytes_max) return report(to);
  const auto peer = peer_for(to);
  if (!peer) return report(to);
  if (!peer->frames.empty() && peer->queued_bytes + payload.size() > limits_.queued_bytes_max)
    return report(to);
  if (peer->frames.empty()) peer->moved_at = now_;
  peer->queued_bytes += payload.size();
  peer->frames.push_back(encode_frame(payload));
  if (peer->state == PeerState::open) write(peer);
}

StreamSender::PeerPointer StreamSender::peer_for(const Address& to) {
  if (const auto known = peers_.find(to); known != peers_.end()) return known->second;
  if (peers_.size() >= limits_.connections_max && !make_room()) return nullptr;
  auto peer = std::make_shared<Peer>();
  peer->to = to;
  peer->preface = encode_preface(own_bus_port_);
  peers_.emplace(to, peer);
  connect(peer);
  return peer;
}

// Closes the connection that has been idle for longest.
bool StreamSender::make_room() {
  PeerPointer oldest;
  for (const auto& [to, peer] : peers_) {
    if (!peer->frames.empty() || peer->state != PeerState::open) continue;
    if (!oldest || peer->moved_at < oldest->moved_at) oldest = peer;
  }
  if (oldest) forget(oldest);
  return oldest != nullptr;
}

void StreamSender::connect(const PeerPointer& peer) {
  const auto attempt = ++peer->attempt;
  peer->state = PeerState::connecting;
  peer->writing = false;
  peer->sealer.reset();
  peer->moved_at = now_;
  peer->socket.emplace(context_);
  const auto endpoint = to_endpoint(peer->to);
  asio::error_code code;
  peer->socket->open(endpoint.protocol(), code);
  if (!code) {
    if (auto local = local_(peer->to); local.has_ip() && local.is_v4() == peer->to.is_v4()) {
      local.port = 0;
      asio::error_code best_effort;
      peer->socket->bind(to_endpoint(local), best_effort);
    }
    peer->socket->set_option(asio::ip::tcp::no_delay(true), code);
    const int limit_ms = static_cast<int>(limits_.stall_timeout.ms());
    ::setsockopt(peer->socket->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
  }
  peer->socket->async_connect(endpoint, [this, peer, attempt](const asio::error_code& result) {
    if (attempt != peer->attempt) return;
    if (result) return on_broken(peer);
    on_connected(peer);
  });
}

void StreamSender::on_connected(const PeerPointer& peer) {
  peer->moved_at = now_;
  peer->said.clear();
  watch_for_end(peer);
  if (seals_ != nullptr) return say_hello(peer);
  peer->state = PeerState::open;
  peer->frames.push_front(peer->preface);
  peer->queued_bytes += peer->preface.size();
  write(peer);
}

void StreamSender::say_hello(const PeerPointer& peer) {
  peer->state = PeerState::meeting;
  peer->sealer.emplace(seals_->outgoing(own_bus_port_));
  const auto attempt = peer->attempt;
  asio::async_write(*peer->socket, asio::buffer(peer->sealer->hello()),
                    [this, peer, attempt](const asio::error_code& code, std::size_t) {
                      if (code && attempt == peer->attempt) on_broken(peer);
                    });
}

void StreamSender::write(const PeerPointer& peer) {
  if (peer->writing || peer->frames.empty()) return;
  peer->writing = true;
  const auto attempt = peer->attempt;
  if (peer->sealer) peer->sealed = peer->sealer->seal(peer->frames.front());
  asio::async_write(*peer->socket, asio::buffer(peer->sealer ? peer->sealed : peer->frames.front()),
                    [this, peer, attempt](const asio::error_code& code, std::size_t) {
                      if (attempt != peer->attempt) return;
                      if (code) return on_broken(peer);
                      const auto header = peer->frames.front() == peer->preface ? 0 : frame_header_bytes;
                      peer->queued_bytes -= peer->frames.front().size() - header;
                      peer->frames.pop_front();
                      peer->moved_at = now_;
                      peer->writing = false;
                      if (!peer->frames.empty()) peer->had_connection = false;  // this connection works
                      write(peer);
                      if (peer->frames.empty()) peer->had_connection = true;
                    });
}

void StreamSender::watch_for_end(const PeerPointer& peer) {
  const auto attempt = peer->attempt;
  peer->socket->async_read_some(asio::buffer(peer->heard),
                                [this, peer, attempt](const asio::error_code& code, std::size_t count) {
                                  if (attempt != peer->attempt) return;
                                  if (code) return on_broken(peer);
                                  on_heard(peer, {peer->heard.data(), count});
                                });
}

// A welcome opens the stream; anything else is its end, and may say why.
void StreamSender::on_heard(const PeerPointer& peer, std::string_view bytes) {
  std::string reason;
  if (peer->sealer) {
    const bool meeting = peer->sealer->state() == seal::OutgoingStream::State::waiting;
    const auto state = peer->sealer->feed(bytes);
    if (state != seal::OutgoingStream::State::broken) {
      watch_for_end(peer);
      if (!meeting || state != seal::OutgoingStream::State::ready) return;
      peer->state = PeerState::open;
      peer->moved_at = now_;
      return write(peer);
    }
    reason = peer->sealer->reason();
  } else {
    peer->said.append(bytes);
    if (peer->said.size() < seal::refusal_bytes) return watch_for_end(peer);
    if (const auto text = seal::refusal_text(peer->said)) reason = *text;
  }
  if (refused_ && !reason.empty()) refused_(peer->to, reason);
  on_broken(peer);
}

bool StreamSender::outlived(const Peer& peer) const {
  return peer.sealer && peer.sealer->key_id() != seals_->keyring().in_use().id;
}

void StreamSender::on_keyring_changed() {
  std::vector<PeerPointer> late;
  for (const auto& [to, peer] : peers_) {
    if (!outlived(*peer)) continue;
    const bool removed = seals_->keyring().find(peer->sealer->key_id()) == nullptr;
    if (removed || peer->frames.empty()) late.push_back(peer);
  }
  for (const auto& peer : late) {
    if (peer->frames.empty()) {
      forget(peer);
    } else {
      connect(peer);  // what waits is sealed anew
    }
  }
}

// The connection ended or never came about. Frames still queued were not delivered: the frame in the middle
// of which it broke is worth nothing to the receiver, so sending it again from its start can never deliver it
// twice.
void StreamSender::on_broken(const PeerPointer& peer) {
  const bool was_open = peer->state == PeerState::open;
  if (was_open && !peer->frames.empty() && peer->frames.front() == peer->preface) {
    peer->queued_bytes -= peer->preface.size();
    peer->frames.pop_front();
  }
  const bool lost = !peer->frames.empty() || (was_open && kernel_holds_unsent(*peer->socket));
  if (was_open && peer->had_connection && !peer->frames.empty()) {
    peer->had_connection = false;
    connect(peer);
    return;
  }
  const auto to = peer->to;
  forget(peer);
  if (lost) report(to);
}

void StreamSender::forget(const PeerPointer& peer) {
  ++peer->attempt;
  asio::error_code ignored;
  if (peer->socket) peer->socket->close(ignored);
  peers_.erase(peer->to);
}

// Later, not from inside send(): the caller is in the middle of handing out its output.
void StreamSender::report(const Address& to) {
  ++failures_;
  asio::post(context_, [this, to] { failed_(to); });
}

void StreamSender::close() {
  for (auto& [to, peer] : peers_) {
    ++peer->attempt;
    asio::error_code ignored;
    if (peer->socket) peer->socket->close(ignored);
  }
  peers_.clear();
}

bool StreamSender::idle() const {
  for (const auto& [to, peer] : peers_) {
    if (!peer->frames.empty()) return false;
  }
  return true;
}

void StreamSender::on_tick(Instant now) {
  now_ = now;
  std::vector<PeerPointer> broken;
  std::vector<PeerPointer> unused;
  for (const auto& [to, peer] : peers_) {
    const auto still = now - peer->moved_at;
    if (peer->state != PeerState::open) {
      if (still > limits_.connect_timeout) broken.push_back(peer);
    } else if (!peer->frames.empty()) {
      if (still > limits_.stall_timeout) broken.push_back(peer);
    } else if (still > limits_.idle_timeout || outlived(*peer)) {
      unused.push_back(peer);
    }
  }
  for (const auto& peer : broken) {
    peer->had_connection = false;
    on_broken(peer);
  }
  for (const auto& peer : unused) forget(peer);
}

}  // namespace vswim::runtime
