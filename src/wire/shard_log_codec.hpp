// Shard-log messages and durable records as bytes (schemas/shard_log.fbs). Decoders verify everything first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shard_log/messages.hpp"
#include "shard_log/records.hpp"

namespace vswim::wire {

std::string encode_message(const shard_log::Message& message);
std::optional<shard_log::Message> decode_message(std::string_view bytes);
std::string encode_seat_record(const shard_log::Record& record);
std::optional<shard_log::Record> decode_seat_record(std::string_view bytes);

}  // namespace vswim::wire
