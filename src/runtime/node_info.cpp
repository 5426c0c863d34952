#include "runtime/node_info.hpp"

#include <algorithm>

#include "wire/version.hpp"

namespace vswim::runtime {

namespace {

void add(InfoFields& fields, const char* name, std::uint64_t value) {
  fields.emplace_back(name, std::to_string(value));
}

void add_versions(InfoFields& fields, std::uint8_t newest_heard) {
  const auto text = [](const wire::Version& version) {
    return std::to_string(version.major) + "." + std::to_string(version.minor);
  };
  const auto packets = wire::packet_version();
  fields.emplace_back("packet_version", text(packets));
  fields.emplace_back("newest_packet_version", text({packets.major, std::max(packets.minor, newest_heard)}));
  fields.emplace_back("file_version", text(wire::file_version()));
}

void add_seat(InfoFields& fields, const shard_log::ShardLog& seat) {
  const auto status = seat.status();
  add(fields, "log_epoch", status.configuration.epoch.value);
  add(fields, "log_voters", status.configuration.voters.size());
  add(fields, "log_ballot", status.promised.round);
  add(fields, "log_leading", status.leading ? 1 : 0);
  fields.emplace_back("log_leader", status.leader ? status.leader->hex() : "");
  add(fields, "log_committed", status.committed);
  add(fields, "log_settled", status.settled);
  add(fields, "log_shown", status.shown);
  add(fields, "log_has_majority", status.has_majority_contact ? 1 : 0);
}

void add_security(InfoFields& fields, const BusSecurity& security) {
  const auto* datagrams = security.datagrams();
  add(fields, "sealed", datagrams != nullptr ? 1 : 0);
  fields.emplace_back("keys", datagrams != nullptr ? datagrams->keyring().ids_text() : "");
  for (std::size_t which = 0; which < seal::refusal_count; ++which) {
    const auto why = static_cast<seal::Refusal>(which);
    add(fields, (std::string("refused_") + seal::name_of(why)).c_str(), security.count(why));
  }
  if (datagrams == nullptr) return;
  const auto& c = datagrams->counters();
  add(fields, "datagrams_sealed", c.sealed);
  add(fields, "datagrams_opened", c.opened);
  add(fields, "seal_contacts", c.contacts_out);
  add(fields, "seal_undelivered", c.undelivered);
}

}  // namespace

InfoFields node_info(const provider::Provider& provider, const BusSecurity& security,
                     const RuntimeCounters& runtime) {
  InfoFields fields;
  const auto& c = provider.counters();
  add_versions(fields, c.newest_minor);
  add(fields, "bus_port", runtime.bus_port);
  add(fields, "packets_in", c.packets_in);
  add(fields, "packets_out", c.packets_out);
  add(fields, "bytes_in", c.bytes_in);
  add(fields, "bytes_out", c.bytes_out);
  add(fields, "bad_checksum", c.bad_checksum);
  add(fields, "bad_format", c.bad_format);
  add(fields, "bad_version", c.bad_version);
  add(fields, "wrong_cluster", c.wrong_cluster);
  add(fields, "unknown_sender", c.unknown_sender);
  add(fields, "oversize", c.oversize);
  add(fields, "streams_in", runtime.streams_in);
  add(fields, "streams_in_refused", runtime.streams_in_refused);
  add(fields, "streams_out", runtime.streams_out);
  add(fields, "stream_failures", runtime.stream_failures);
  add(fields, "datagram_send_failures", runtime.datagram_send_failures);
  add(fields, "disk_writes", runtime.disk_writes);
  add(fields, "disk_syncs", runtime.disk_syncs);
  add(fields, "clock_gaps", runtime.clock_gaps);
  add(fields, "longest_gap_ms", runtime.longest_gap_ms);
  add(fields, "overtaken_writes", runtime.overtaken_writes);
  add(fields, "halted", runtime.halted ? 1 : 0);
  add_security(fields, security);
  add(fields, "seats", provider.seat_statuses().size());
  if (const auto* seat = provider.own_seat()) add_seat(fields, *seat);
  return fields;
}

}  // namespace vswim::runtime
