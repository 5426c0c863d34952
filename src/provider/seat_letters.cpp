#include "provider/seat_letters.hpp"

#include <algorithm>

#include "wire/shard_log_codec.hpp"

namespace vswim::provider {

namespace {

// One message in its form, and what it adds to a packet.
struct Part {
  std::vector<wire::SmallLogPart> small;
  std::vector<wire::ShardLogPart> whole;
  std::size_t bytes = 0;
};

Part part_of(const NodeId& self, const ShardId& shard, const shard_log::Message& message) {
  Part part;
  if (wire::has_small_form(message, self)) {
    part.small.push_back({shard, message});
    part.bytes = wire::encoded_bytes(part.small.back());
  } else {
    part.whole.push_back({shard, wire::encode_message(message)});
    part.bytes = wire::encoded_bytes(part.whole.back());
  }
  return part;
}

}  // namespace

bool SeatLetter::grants_only() const {
  return whole.empty() && std::ranges::all_of(small, [](const auto& part) {
           return std::holds_alternative<shard_log::LeaseGrant>(part.message);
         });
}

std::vector<SeatLetter> seat_letters(const NodeId& self, const ShardId& shard,
                                     const std::vector<shard_log::Send>& sends, std::size_t bytes_max) {
  std::vector<SeatLetter> letters;
  for (const auto& send : sends) {
    const auto part = part_of(self, shard, send.message);
    const auto open = std::find_if(letters.rbegin(), letters.rend(), [&](const auto& letter) {
      return letter.to == send.to && letter.large == send.large;
    });
    const bool joins = open != letters.rend() && !send.large && open->bytes + part.bytes <= bytes_max;
    if (!joins) letters.push_back({send.to, send.large, {}, {}, wire::encoded_bytes_base()});
    auto& letter = joins ? *open : letters.back();
    letter.small.insert(letter.small.end(), part.small.begin(), part.small.end());
    letter.whole.insert(letter.whole.end(), part.whole.begin(), part.whole.end());
    letter.bytes += part.bytes;
  }
  return letters;
}

}  // namespace vswim::provider
