#include "sim/network.hpp"

#include <algorithm>

namespace vswim::sim {

namespace {
constexpr Duration stream_patience = seconds(3);  // a connection that moves nothing this long is given up
constexpr Duration stream_retransmission = milliseconds(200);  // TCP's smallest retransmission timeout
constexpr std::uint32_t false_failure_ppm = 20'000;  // a broken connection whose frames had all arrived
}  // namespace

std::optional<NodeIndex> Network::host_at(const Address& address) const {
  const auto found = hosts_.find(address);
  if (found == hosts_.end()) return std::nullopt;
  return found->second;
}

bool Network::is_cut(NodeIndex from, NodeIndex to) const {
  const auto found = links_.find({from, to});
  return found != links_.end() && found->second.cut;
}

bool Network::reaches(NodeIndex from, NodeIndex to) const {
  const auto found = links_.find({from, to});
  return found == links_.end() || (!found->second.cut && found->second.clogged_until <= scheduler_->now());
}

void Network::mend_all() {
  for (auto& [pair, link] : links_) {
    link.cut = false;
    link.loss_ppm = 0;
    link.clogged_until = {};
  }
}

Duration Network::delay() {
  const auto spread = static_cast<std::uint64_t>((weather_.delay_max - weather_.delay_min).ns) + 1;
  return weather_.delay_min + Duration{static_cast<std::int64_t>(rng_.below(spread))};
}

void Network::send_datagram(Parcel parcel) {
  if (tap_ && !tap_(parcel)) return;
  ++counts_.sent;
  const auto to = host_at(parcel.to);
  const auto link = to ? links_.find({parcel.sender, *to}) : links_.end();
  const bool cut = !to || (link != links_.end() && link->second.cut);
  const bool lost =
      rng_.chance(weather_.loss_ppm) || (link != links_.end() && rng_.chance(link->second.loss_ppm));
  if (cut || lost) {
    ++counts_.lost;
    return;
  }
  if (!parcel.bytes.empty() && rng_.chance(weather_.corrupt_ppm)) {
    ++counts_.corrupted;
    parcel.bytes[rng_.below(parcel.bytes.size())] ^= static_cast<char>(1 + rng_.below(255));
  }
  const bool twice = rng_.chance(weather_.duplicate_ppm);
  if (twice) {
    ++counts_.duplicated;
    scheduler_->after(delay() * 3, [this, parcel] { arrive(parcel); });
  }
  Duration late = delay();
  if (rng_.chance(weather_.straggler_ppm)) {
    late = late + Duration{static_cast<std::int64_t>(
                      rng_.below(static_cast<std::uint64_t>(weather_.straggler_delay_max.ns)))};
  }
  auto when = scheduler_->now() + late;
  if (link != links_.end()) when = std::max(when, link->second.clogged_until);
  scheduler_->at(when, [this, moved = std::move(parcel)] { arrive(moved); });
}

void Network::arrive(const Parcel& parcel) {
  const auto to = host_at(parcel.to);
  if (!to) return;
  ++counts_.delivered;
  receiver_.deliver(*to, parcel);
}

void Network::send_frame(Parcel parcel, std::uint64_t sender_life) {
  if (tap_ && !tap_(parcel)) return;
  ++counts_.sent;
  const StreamKey key{parcel.sender, parcel.to};
  auto& stream = streams_[key];
  stream.frames.push_back({std::move(parcel), sender_life, scheduler_->now()});
  if (stream.frames.size() == 1) scheduler_->after(delay(), [this, key] { pump(key); });
}

void Network::pump(const StreamKey& key) {
  auto& stream = streams_[key];
  if (stream.frames.empty()) return;
  const Frame& head = stream.frames.front();
  const auto to = host_at(key.second);
  const bool cut = to && (is_cut(key.first, *to) || is_cut(*to, key.first));
  const auto link = to ? links_.find({key.first, *to}) : links_.end();
  const bool lost =
      rng_.chance(weather_.loss_ppm) || (link != links_.end() && rng_.chance(link->second.loss_ppm));
  if (!to || (cut && scheduler_->now() - head.sent > stream_patience)) {
    fail(key);
    return;
  }
  if (cut || lost) {
    scheduler_->after(stream_retransmission, [this, key] { pump(key); });
    return;
  }
  if (link != links_.end() && link->second.clogged_until > scheduler_->now()) {
    scheduler_->at(link->second.clogged_until, [this, key] { pump(key); });
    return;
  }
  const Frame arrived = std::move(stream.frames.front());
  stream.frames.pop_front();
  if (!stream.frames.empty()) scheduler_->after(delay(), [this, key] { pump(key); });
  ++counts_.delivered;
  receiver_.deliver(*to, arrived.parcel);
  if (weather_.loss_ppm > 0 && rng_.chance(false_failure_ppm)) {
    ++counts_.streams_failed;
    receiver_.stream_failed(key.first, arrived.sender_life, key.second);
  }
}

void Network::fail(const StreamKey& key) {
  std::deque<Frame> broken;
  broken.swap(streams_[key].frames);
  for (const auto& frame : broken) {
    ++counts_.streams_failed;
    receiver_.stream_failed(key.first, frame.sender_life, key.second);
  }
}

void Network::carry(NodeIndex from, NodeIndex to, std::function<void()> arrival) {
  auto& link = links_[{from, to}];
  const WorldTime when = std::max({link.last_arrival, link.clogged_until, scheduler_->now() + delay()});
  link.last_arrival = when;
  scheduler_->at(when, [this, from, to, run = std::move(arrival)] {
    if (!is_cut(from, to)) run();
  });
}

}  // namespace vswim::sim
