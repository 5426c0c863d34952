#include "wire/shard_log_codec.hpp"

#include <type_traits>

#include "wire/shard_log_values.hpp"

namespace vswim::wire {

namespace {

namespace sl = shard_log;
using Builder = flatbuffers::FlatBufferBuilder;

// ---- values to tables, one overload per message ----

auto add(Builder& b, const sl::Append& m) {
  const auto snapshot = add_snapshot(b, m.snapshot);
  const auto entries = add_entries(b, m.entries);
  const auto ballot = to_flat(m.ballot);
  const auto chain = to_flat(m.base_chain);
  return fbl::CreateAppend(b, m.epoch.value, &ballot, m.sent.ns, m.ttl.ns, m.whole, m.base, &chain, snapshot,
                           entries, m.committed, m.settled);
}
auto add(Builder& b, const sl::Appended& m) {
  const auto ballot = to_flat(m.ballot);
  const auto voter = to_flat(m.voter);
  return fbl::CreateAppended(b, m.epoch.value, &ballot, &voter, m.sent.ns, m.supports, m.matched,
                             m.committed);
}
auto add(Builder& b, const sl::PreVote& m) {
  const auto ballot = to_flat(m.ballot);
  return fbl::CreatePreVote(b, m.epoch.value, &ballot);
}
auto add(Builder& b, const sl::PreVoted& m) {
  const auto ballot = to_flat(m.ballot);
  const auto voter = to_flat(m.voter);
  return fbl::CreatePreVoted(b, m.epoch.value, &ballot, &voter, m.granted, m.wait.ns);
}
auto add(Builder& b, const sl::Prepare& m) {
  const auto ballot = to_flat(m.ballot);
  const auto accepted = to_flat(m.accepted);
  const auto released = to_flat(m.released);
  return fbl::CreatePrepare(b, m.epoch.value, &ballot, &accepted, m.last, m.committed, &released);
}
auto add(Builder& b, const sl::Promised& m) {
  const auto snapshot = add_snapshot(b, m.snapshot);
  const auto entries = add_entries(b, m.entries);
  const auto ballot = to_flat(m.ballot);
  const auto voter = to_flat(m.voter);
  const auto accepted = to_flat(m.accepted);
  return fbl::CreatePromised(b, m.epoch.value, &ballot, &voter, &accepted, m.last, m.committed, snapshot,
                             entries, m.released.ns);
}
auto add(Builder& b, const sl::Refused& m) {
  const auto ballot = to_flat(m.ballot);
  const auto voter = to_flat(m.voter);
  const auto promised = to_flat(m.promised);
  return fbl::CreateRefused(b, m.epoch.value, &ballot, &voter, &promised, m.wait.ns);
}
auto add(Builder& b, const sl::ReleaseBallot& m) {
  const auto ballot = to_flat(m.ballot);
  return fbl::CreateReleaseBallot(b, m.epoch.value, &ballot);
}
auto add(Builder& b, const sl::StandNow& m) {
  const auto ballot = to_flat(m.ballot);
  return fbl::CreateStandNow(b, m.epoch.value, &ballot);
}
auto add(Builder& b, const sl::LeaseRequest& m) {
  return fbl::CreateLeaseRequest(b, m.epoch.value, m.start.value, m.number.value, m.shown, m.renew, m.rank);
}
auto add(Builder& b, const sl::LeaseGrant& m) {
  const auto ballot = to_flat(m.ballot);
  return fbl::CreateLeaseGrant(b, m.epoch.value, &ballot, m.start.value, m.number.value, m.duration.ns,
                               m.settled);
}
auto add(Builder& b, const sl::LeaseRelease& m) {
  const auto ballot = to_flat(m.ballot);
  return fbl::CreateLeaseRelease(b, m.start.value, m.number.value, &ballot, m.ends);
}
auto add(Builder& b, const sl::Propose& m) {
  std::vector<flatbuffers::Offset<fbl::Proposal>> list;
  for (const auto& proposal : m.proposals) {
    const auto batch = add_batch(b, proposal.batch);
    list.push_back(fbl::CreateProposal(b, proposal.sequence.value, batch));
  }
  const auto proposals = b.CreateVector(list);
  return fbl::CreatePropose(b, m.start.value, proposals, m.after.value);
}
auto add(Builder& b, const sl::SeatRequest& m) {
  return fbl::CreateSeatRequest(b, static_cast<std::uint8_t>(m.role));
}
auto add(Builder& b, const sl::SeatOffer& m) {
  const auto uuid = to_flat(m.uuid);
  return fbl::CreateSeatOffer(b, &uuid);
}
auto add(Builder& b, const sl::Install& m) {
  const auto configuration = add_configuration(b, m.configuration);
  const auto snapshot = add_snapshot(b, m.snapshot);
  const auto ballot = to_flat(m.ballot);
  return fbl::CreateInstall(b, configuration, &ballot, m.sent.ns, m.ttl.ns, snapshot);
}
auto add(Builder& b, const sl::Installed& m) {
  const auto ballot = to_flat(m.ballot);
  const auto voter = to_flat(m.voter);
  const auto by = to_flat(m.by);
  return fbl::CreateInstalled(b, m.epoch.value, &ballot, &voter, m.sent.ns, &by, m.supports);
}
auto add(Builder& b, const sl::Moved& m) {
  const auto configuration = add_configuration(b, m.configuration);
  return fbl::CreateMoved(b, configuration);
}
auto add(Builder& b, const sl::ChangeRequest& m) {
  const auto node = to_flat(m.node);
  const auto uuid = to_flat(m.uuid);
  return fbl::CreateChangeRequest(b, m.start.value, m.request.value, m.add, &node, &uuid);
}
auto add(Builder& b, const sl::ChangeAnswer& m) {
  const auto text = add_text(b, m.text);
  return fbl::CreateChangeAnswer(b, m.start.value, m.request.value, static_cast<std::uint8_t>(m.outcome),
                                 text, m.epoch.value);
}

auto add(Builder& b, const sl::StateRecord& r) {
  const auto configuration = add_configuration(b, r.configuration);
  const auto snapshot = add_snapshot(b, r.snapshot);
  const auto tail = add_entries(b, r.tail);
  const auto installed_by = to_flat(r.installed_by);
  const auto promised = to_flat(r.promised);
  const auto accepted = to_flat(r.accepted);
  return fbl::CreateStateRecord(b, configuration, &installed_by, &promised, &accepted, r.ttl_max.ns, snapshot,
                                tail);
}
auto add(Builder& b, const sl::PromiseRecord& r) {
  const auto ballot = to_flat(r.ballot);
  return fbl::CreatePromiseRecord(b, &ballot);
}
auto add(Builder& b, const sl::TtlRecord& r) { return fbl::CreateTtlRecord(b, r.ttl.ns); }
auto add(Builder& b, const sl::AcceptRecord& r) {
  const auto snapshot = add_snapshot(b, r.snapshot);
  const auto entries = add_entries(b, r.entries);
  const auto ballot = to_flat(r.ballot);
  return fbl::CreateAcceptRecord(b, &ballot, r.base, snapshot, entries);
}
auto add(Builder& b, const sl::MovedRecord& r) {
  const auto configuration = add_configuration(b, r.configuration);
  return fbl::CreateMovedRecord(b, configuration);
}

// ---- tables to values ----

sl::Append read(LogReader& in, const fbl::Append& t) {
  sl::Append m{{t.epoch()},
               ballot_from_flat(t.ballot()),
               in.instant(t.sent()),
               in.duration(t.ttl()),
               t.whole(),
               t.base(),
               {},
               in.maybe_snapshot(t.snapshot()),
               in.entries(t.entries()),
               t.committed(),
               t.settled()};
  if (t.base_chain() != nullptr) m.base_chain = hash_from_flat(*t.base_chain());
  const auto base = m.snapshot ? m.snapshot->revision : m.base;
  in.require(m.entries.empty() || m.entries.front().revision == base + 1);
  return m;
}
sl::Appended read(LogReader& in, const fbl::Appended& t) {
  return {{t.epoch()},
          ballot_from_flat(t.ballot()),
          from_flat<VoterUuid>(t.voter()),
          in.instant(t.sent()),
          t.supports(),
          t.matched(),
          t.committed()};
}
sl::PreVote read(LogReader&, const fbl::PreVote& t) { return {{t.epoch()}, ballot_from_flat(t.ballot())}; }
sl::PreVoted read(LogReader& in, const fbl::PreVoted& t) {
  return {{t.epoch()},
          ballot_from_flat(t.ballot()),
          from_flat<VoterUuid>(t.voter()),
          t.granted(),
          in.duration(t.wait())};
}
sl::Prepare read(LogReader&, const fbl::Prepare& t) {
  return {{t.epoch()},   ballot_from_flat(t.ballot()),  ballot_from_flat(t.accepted()), t.last(),
          t.committed(), ballot_from_flat(t.released())};
}
sl::Promised read(LogReader& in, const fbl::Promised& t) {
  return {{t.epoch()},
          ballot_from_flat(t.ballot()),
          from_flat<VoterUuid>(t.voter()),
          ballot_from_flat(t.accepted()),
          t.last(),
          t.committed(),
          in.maybe_snapshot(t.snapshot()),
          in.entries(t.entries()),
          in.duration(t.released())};
}
sl::Refused read(LogReader& in, const fbl::Refused& t) {
  return {{t.epoch()},
          ballot_from_flat(t.ballot()),
          from_flat<VoterUuid>(t.voter()),
          ballot_from_flat(t.promised()),
          in.duration(t.wait())};
}
sl::ReleaseBallot read(LogReader&, const fbl::ReleaseBallot& t) {
  return {{t.epoch()}, ballot_from_flat(t.ballot())};
}
sl::StandNow read(LogReader&, const fbl::StandNow& t) { return {{t.epoch()}, ballot_from_flat(t.ballot())}; }
sl::LeaseRequest read(LogReader&, const fbl::LeaseRequest& t) {
  return {{t.epoch()}, {t.start()}, {t.number()}, t.shown(), t.renew(), t.rank()};
}
sl::LeaseGrant read(LogReader& in, const fbl::LeaseGrant& t) {
  return {{t.epoch()},  ballot_from_flat(t.ballot()), {t.start()},
          {t.number()}, in.duration(t.duration()),    t.settled()};
}
sl::LeaseRelease read(LogReader&, const fbl::LeaseRelease& t) {
  return {{t.start()}, {t.number()}, ballot_from_flat(t.ballot()), t.ends()};
}
sl::Propose read(LogReader& in, const fbl::Propose& t) {
  sl::Propose m{{t.start()}, {t.after()}, {}};
  if (t.proposals() == nullptr) return m;
  in.require(t.proposals()->size() <= sl::proposals_in_flight_max);
  if (!in.ok()) return m;
  for (const auto* proposal : *t.proposals()) {
    m.proposals.push_back({{proposal->sequence()}, in.batch(proposal->batch())});
    in.require(m.proposals.size() == 1 ||
               m.proposals[m.proposals.size() - 2].sequence < m.proposals.back().sequence);
  }
  return m;
}
sl::SeatRequest read(LogReader& in, const fbl::SeatRequest& t) { return {in.role(t.role())}; }
sl::SeatOffer read(LogReader&, const fbl::SeatOffer& t) { return {from_flat<VoterUuid>(t.uuid())}; }
sl::Install read(LogReader& in, const fbl::Install& t) {
  return {in.configuration(t.configuration()), ballot_from_flat(t.ballot()), in.instant(t.sent()),
          in.duration(t.ttl()), in.snapshot(t.snapshot())};
}
sl::Installed read(LogReader& in, const fbl::Installed& t) {
  return {{t.epoch()},          ballot_from_flat(t.ballot()), from_flat<VoterUuid>(t.voter()),
          in.instant(t.sent()), ballot_from_flat(t.by()),     t.supports()};
}
sl::Moved read(LogReader& in, const fbl::Moved& t) { return {in.configuration(t.configuration())}; }
sl::ChangeRequest read(LogReader&, const fbl::ChangeRequest& t) {
  return {{t.start()}, {t.request()}, t.add(), from_flat<NodeId>(t.node()), from_flat<VoterUuid>(t.uuid())};
}
sl::ChangeAnswer read(LogReader& in, const fbl::ChangeAnswer& t) {
  return {{t.start()}, {t.request()}, in.outcome(t.outcome()), in.text(t.text()), {t.epoch()}};
}

sl::StateRecord read(LogReader& in, const fbl::StateRecord& t) {
  sl::StateRecord r{in.configuration(t.configuration()),
                    ballot_from_flat(t.installed_by()),
                    ballot_from_flat(t.promised()),
                    ballot_from_flat(t.accepted()),
                    in.duration(t.ttl_max()),
                    in.snapshot(t.snapshot()),
                    in.entries(t.tail())};
  in.require(r.tail.empty() || r.tail.front().revision == r.snapshot.revision + 1);
  return r;
}
sl::PromiseRecord read(LogReader&, const fbl::PromiseRecord& t) { return {ballot_from_flat(t.ballot())}; }
sl::TtlRecord read(LogReader& in, const fbl::TtlRecord& t) { return {in.duration(t.ttl())}; }
sl::AcceptRecord read(LogReader& in, const fbl::AcceptRecord& t) {
  sl::AcceptRecord r{ballot_from_flat(t.ballot()), t.base(), in.maybe_snapshot(t.snapshot()),
                     in.entries(t.entries())};
  const auto base = r.snapshot ? r.snapshot->revision : r.base;
  in.require(r.entries.empty() || r.entries.front().revision == base + 1);
  return r;
}
sl::MovedRecord read(LogReader& in, const fbl::MovedRecord& t) {
  return {in.configuration(t.configuration())};
}

// The value of one union member, nullopt when anything in it is out of range.
template <class Result, class Table>
std::optional<Result> read_whole(const AlignedBytes& bytes, const Table* table) {
  if (table == nullptr) return std::nullopt;
  LogReader in(bytes.budget());
  Result result = read(in, *table);
  return in.ok() ? std::optional<Result>(std::move(result)) : std::nullopt;
}

template <class Table>
std::type_identity<Table> table_of(flatbuffers::Offset<Table>);

std::string bytes_of(const Builder& builder) {
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace

std::string encode_message(const sl::Message& message) {
  Builder builder;
  std::visit(
      [&](const auto& value) {
        const auto body = add(builder, value);
        using Table = typename decltype(table_of(body))::type;
        builder.Finish(fbl::CreateMessage(builder, fbl::MessageBodyTraits<Table>::enum_value, body.Union()));
      },
      message);
  return bytes_of(builder);
}

std::string encode_seat_record(const sl::Record& record) {
  Builder builder;
  std::visit(
      [&](const auto& value) {
        const auto body = add(builder, value);
        using Table = typename decltype(table_of(body))::type;
        builder.Finish(fbl::CreateRecord(builder, fbl::RecordBodyTraits<Table>::enum_value, body.Union()));
      },
      record);
  return bytes_of(builder);
}

std::optional<sl::Message> decode_message(std::string_view bytes) {
  const AlignedBytes aligned(bytes);
  const auto* root = aligned.verified<fbl::Message>();
  if (root == nullptr) return std::nullopt;
  switch (root->body_type()) {
    case fbl::MessageBody::NONE: break;
    case fbl::MessageBody::Append: return read_whole<sl::Message>(aligned, root->body_as_Append());
    case fbl::MessageBody::Appended: return read_whole<sl::Message>(aligned, root->body_as_Appended());
    case fbl::MessageBody::PreVote: return read_whole<sl::Message>(aligned, root->body_as_PreVote());
    case fbl::MessageBody::PreVoted: return read_whole<sl::Message>(aligned, root->body_as_PreVoted());
    case fbl::MessageBody::Prepare: return read_whole<sl::Message>(aligned, root->body_as_Prepare());
    case fbl::MessageBody::Promised: return read_whole<sl::Message>(aligned, root->body_as_Promised());
    case fbl::MessageBody::Refused: return read_whole<sl::Message>(aligned, root->body_as_Refused());
    case fbl::MessageBody::ReleaseBallot:
      return read_whole<sl::Message>(aligned, root->body_as_ReleaseBallot());
    case fbl::MessageBody::StandNow: return read_whole<sl::Message>(aligned, root->body_as_StandNow());
    case fbl::MessageBody::LeaseRequest:
      return read_whole<sl::Message>(aligned, root->body_as_LeaseRequest());
    case fbl::MessageBody::LeaseGrant: return read_whole<sl::Message>(aligned, root->body_as_LeaseGrant());
    case fbl::MessageBody::LeaseRelease:
      return read_whole<sl::Message>(aligned, root->body_as_LeaseRelease());
    case fbl::MessageBody::Propose: return read_whole<sl::Message>(aligned, root->body_as_Propose());
    case fbl::MessageBody::SeatRequest: return read_whole<sl::Message>(aligned, root->body_as_SeatRequest());
    case fbl::MessageBody::SeatOffer: return read_whole<sl::Message>(aligned, root->body_as_SeatOffer());
    case fbl::MessageBody::Install: return read_whole<sl::Message>(aligned, root->body_as_Install());
    case fbl::MessageBody::Installed: return read_whole<sl::Message>(aligned, root->body_as_Installed());
    case fbl::MessageBody::Moved: return read_whole<sl::Message>(aligned, root->body_as_Moved());
    case fbl::MessageBody::ChangeRequest:
      return read_whole<sl::Message>(aligned, root->body_as_ChangeRequest());
    case fbl::MessageBody::ChangeAnswer:
      return read_whole<sl::Message>(aligned, root->body_as_ChangeAnswer());
  }
  return std::nullopt;
}

std::optional<sl::Record> decode_seat_record(std::string_view bytes) {
  const AlignedBytes aligned(bytes);
  const auto* root = aligned.verified<fbl::Record>();
  if (root == nullptr) return std::nullopt;
  switch (root->body_type()) {
    case fbl::RecordBody::NONE: break;
    case fbl::RecordBody::StateRecord: return read_whole<sl::Record>(aligned, root->body_as_StateRecord());
    case fbl::RecordBody::PromiseRecord:
      return read_whole<sl::Record>(aligned, root->body_as_PromiseRecord());
    case fbl::RecordBody::TtlRecord: return read_whole<sl::Record>(aligned, root->body_as_TtlRecord());
    case fbl::RecordBody::AcceptRecord: return read_whole<sl::Record>(aligned, root->body_as_AcceptRecord());
    case fbl::RecordBody::MovedRecord: return read_whole<sl::Record>(aligned, root->body_as_MovedRecord());
  }
  return std::nullopt;
}

}  // namespace vswim::wire
