// Writes the first inputs of every target, made by our own encoders. usage: make_corpus <folder>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/rng.hpp"
#include "core/core_messages.hpp"
#include "core/metadata.hpp"
#include "runtime/frame.hpp"
#include "seal/stream_seal.hpp"
#include "unit/wire/samples.hpp"
#include "unit/wire/shard_log_samples.hpp"
#include "wire/frame.hpp"
#include "wire/record_frame.hpp"
#include "wire/shard_log_codec.hpp"

using namespace vswim;

namespace {

std::filesystem::path folder;
int written = 0;

void put(const char* target, const std::string& bytes) {
  const auto path = folder / target;
  std::filesystem::create_directories(path);
  std::ofstream(path / ("seed-" + std::to_string(++written)), std::ios::binary) << bytes;
}

void packets(Rng& rng) {
  for (int i = 0; i < 24; ++i) {
    const auto bytes = wire::encode(wire::random_packet(rng));
    if (i % 4 == 0) put("packet", bytes);
    put("packet", bytes.substr(wire::frame_bytes));
  }
  wire::ShardLogSamples samples;
  for (const auto& message : samples.messages()) put("shard_log", wire::encode_message(message));
  for (const auto& record : samples.records()) put("shard_log", wire::encode_seat_record(record));
}

void files(Rng& rng) {
  for (int i = 0; i < 12; ++i) {
    std::string records, whole = wire::file_preamble();
    for (int j = 0; j < 3; ++j) {
      const auto framed = wire::encode_record(wire::random_record(rng, rng.below(6)));
      const auto payload = framed.substr(wire::record_frame_bytes);
      whole += framed;
      records.push_back(static_cast<char>(payload.size()));
      records.push_back(static_cast<char>(payload.size() >> 8));
      records += payload;
    }
    put("state_file", i % 3 == 0 ? whole : records);
  }
}

void streams() {
  std::string error;
  const auto secret = seal::Secret::of("a-secret-for-fuzzing", error).value();
  const seal::OutgoingStream opener(secret, "", seal::Salt{1}, 17000);
  put("stream", "\x20" + runtime::encode_preface(17000) + runtime::encode_frame("a frame") +
                    runtime::encode_frame(std::string(300, 'x')));
  put("stream", "\xff" + opener.hello());
  put("stream", "\x03" + opener.hello() + std::string(40, '\x01'));
  put("stream", "\xff" + seal::encode_refusal(seal::Refusal::unknown_key));
  put("stream", std::string("\xff\x00\x05hello", 8) + std::string(16, 't'));
  seal::IncomingStream acceptor("", seal::Salt{8});
  seal::Keyring ring;
  ring.install(secret, error);
  put("stream", "\x10" + acceptor.feed(ring, opener.hello()).reply);
}

void enemies(Rng& rng) {
  for (int i = 0; i < 12; ++i) {
    std::string bytes;
    for (int j = 0; j < 60; ++j) {
      bytes.push_back(static_cast<char>(rng.chance(500'000) ? 2 : rng.below(9)));
      bytes.push_back(static_cast<char>(rng.next()));
      bytes.push_back(static_cast<char>(rng.next()));
    }
    put("datagram_seal", bytes);
  }
}

void commands() {
  const std::string id(40, 'a');
  const auto words = [](std::initializer_list<std::string> list) {
    std::string text;
    for (const auto& word : list) text += (text.empty() ? std::string() : std::string(1, '\0')) + word;
    return text;
  };
  const std::string one(1, '\1');
  put("cluster_command",
      words({"ADDSLOTS", "0", "1", "16383"}) + one + words({"NODES"}) + one + words({"SLOTS"}));
  put("cluster_command", words({"ADDSLOTSRANGE", "0", "100", "200", "300"}) + one + words({"SHARDS"}) + one +
                             words({"INFO"}) + one + words({"DELSLOTSRANGE", "0", "100"}));
  put("cluster_command", words({"MEET", "127.0.0.1", "7000", "17000"}) + one + words({"FORGET", id}));
  put("cluster_command", words({"SETSLOT", "5", "MIGRATING", id}) + one +
                             words({"SETSLOT", "5", "IMPORTING", id}) + one +
                             words({"SETSLOT", "5", "NODE", id}) + one + words({"SETSLOT", "5", "STABLE"}) +
                             one + words({"SETSLOT", "5", "NODE", id, "TIMEOUT", "100"}));
  put("cluster_command", words({"MIGRATESLOTS", "SLOTSRANGE", "0", "9", "NODE", id}) + one +
                             words({"GETSLOTMIGRATIONS"}) + one + words({"CANCELSLOTMIGRATIONS", "ALL"}));
  put("cluster_command", words({"REPLICATE", id}) + one + words({"REPLICATE", "NO", "ONE"}) + one +
                             words({"FAILOVER", "FORCE"}) + one + words({"FAILOVER", "TAKEOVER"}) + one +
                             words({"RESET", "HARD"}));
  put("cluster_command", words({"SLOT-STATS", "SLOTSRANGE", "0", "5"}) + one +
                             words({"SLOT-STATS", "ORDERBY", "KEY-COUNT", "LIMIT", "5", "DESC"}) + one +
                             words({"COUNTKEYSINSLOT", "1"}) + one + words({"GETKEYSINSLOT", "1", "10"}) +
                             one + words({"KEYSLOT", "{a}b"}) + one + words({"SET-CONFIG-EPOCH", "5"}) + one +
                             words({"HELP"}) + one + words({"LINKS"}) + one + words({"REPLICAS", id}));
}

void registers() {
  core::NodeInfo info;
  info.port = 7000;
  info.hostname = "a.example";
  info.zone = "z1";
  put("metadata", core::node_info_text(info));
  put("metadata", "node:" + std::string(40, 'a') + ":info");
  put("metadata", "shard:" + std::string(40, 'b') + ":slots:63");
  put("metadata", "7:0-100,300;8:200-210");
  put("metadata", "5:0-100,5:200-255");
  put("metadata", "1234:1:0123456789abcdef");
  put("metadata", "0-5:ACTIVE:7,9:MIGRATING:" + std::string(40, 'c') + ":7");
  put("metadata", core::claimed_text({{{0, 100}, 7}, {{200, 255}, 9}}));
  const ShardId shard{};
  for (const auto& message : std::initializer_list<core::CoreMessage>{
           core::OffsetQuestion{shard}, core::OffsetAnswer{shard, 5, true, true},
           core::RestartNotice{shard, 5, 6}, core::RestartAnswer{shard, true, 5, 6, true},
           core::ClaimAnswer{shard, {{{0, 100}, 7}}}, core::HandOverRequest{shard, 1},
           core::HandOverOffer{shard, 1, 2, 3, "0123456789abcdef"}, core::TakeQuestion{shard, 1, 2, true},
           core::TakeAnswer{shard, 1, {}, 3}}) {
    put("metadata", core::encode(message));
  }
}

// Questions and answers of repairs, and the same with a byte of a length or of the era wrong.
void repairs(Rng& rng) {
  for (int i = 0; i < 8; ++i) {
    wire::Packet packet;
    packet.header = wire::random_header(rng);
    packet.control = wire::random_control(rng, i % 2 == 0 ? 3 : 9);
    auto bytes = wire::encode(packet).substr(wire::frame_bytes);
    if (i >= 4) bytes[rng.below(bytes.size())] ^= 1;
    put("packet", bytes);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  folder = arguments[1];
  Rng rng(20);
  packets(rng);
  files(rng);
  streams();
  enemies(rng);
  commands();
  registers();
  repairs(rng);
  return 0;
}
