#include "oracle.hpp"

#include "base/overloaded.hpp"
#include "shard_log/quorum.hpp"

namespace vswim::shard_log::test {

namespace {
std::string name(const NodeId& node) { return "node " + std::to_string(node.bytes[0]); }
}  // namespace

void Oracle::wrote(const NodeId& node, const Record& record) {
  auto& log = logs_[node];
  const auto put = [&](const std::vector<Entry>& entries) {
    for (const auto& entry : entries) {
      const auto known = chains_.emplace(std::pair(entry.revision, entry.ballot), entry.chain);
      if (known.first->second != entry.chain) fail("I3: two entries at one revision and ballot");
      log[entry.revision] = entry;
    }
  };
  const auto rebase = [&](const Snapshot& snapshot) {  // what stood before it counts only if it leads to it
    const auto before = log.find(snapshot.revision);
    if (before == log.end() || before->second.chain != snapshot.chain) log.clear();
    log.erase(log.upper_bound(snapshot.revision), log.end());
  };
  std::visit(Overloaded{[&](const StateRecord& state) {
                          rebase(state.snapshot);
                          put(state.tail);
                        },
                        [&](const AcceptRecord& accepted) {
                          if (accepted.snapshot) rebase(*accepted.snapshot);
                          if (!accepted.snapshot) log.erase(log.upper_bound(accepted.base), log.end());
                          put(accepted.entries);
                        },
                        [](const auto&) {}},
             record);
}

void Oracle::reached_disk(const NodeId& node, const Record& record) {
  auto& promised = disk_promised_[node];
  const auto check = [&](const Ballot& ballot) {
    if (ballot < promised) fail("I1: a promised ballot fell on the disk of " + name(node));
    promised = std::max(promised, ballot);
  };
  std::visit(Overloaded{[&](const StateRecord& state) { check(state.promised); },
                        [&](const AcceptRecord& accepted) { check(accepted.ballot); },
                        [&](const PromiseRecord& made) { check(made.ballot); }, [](const auto&) {}},
             record);
}

void Oracle::restarted(const NodeId& node, const std::vector<Record>& disk) {
  logs_[node].clear();
  seen_committed_.erase(node);
  leads_[node] = lease_runs_[node] = false;
  for (const auto& record : disk) wrote(node, record);
}

void Oracle::commit(const Entry& entry, const Status& status) {
  Committed committed{entry, status.promised, true};
  for (const auto& write : entry.batch) {
    const auto found = model_.find(write.key);
    const bool equal = found == model_.end()
                           ? !write.expected
                           : write.expected && write.expected->minor == found->second.second;
    committed.matched = committed.matched && equal;
  }
  if (committed.matched) {
    for (const auto& write : entry.batch) {
      if (write.value) {
        model_[write.key] = {*write.value, entry.revision};
      } else {
        model_.erase(write.key);
      }
      writes_[entry.revision].push_back({write.key, write.value, {0, entry.revision, {}}});
    }
  }
  if (entry.seal) seals_[entry.seal->epoch.value - 1] = entry.revision;
  if (!entry.proposer.is_nil()) {
    const Proposer proposer{entry.proposer, entry.proposer_start.value, entry.sequence.value};
    if (!logged_as_.emplace(proposer, entry.revision).second) fail("I8: a proposal is in the log twice");
    const auto outcome = outcomes_.find(proposer);
    if (outcome != outcomes_.end()) {
      if (outcome->second == contract::Outcome::failed) fail("I8: a failed proposal was committed");
      if (outcome->second == contract::Outcome::stale && committed.matched)
        fail("I8: a stale proposal was applied");
    }
  }
  committed_[entry.revision] = std::move(committed);
}

void Oracle::learn(const NodeId& node, Revision from, Revision upto, const Status& status) {
  for (Revision revision = from; revision <= upto; ++revision) {
    const auto& log = logs_[node];
    const auto entry = log.find(revision);
    const auto known = committed_.find(revision);
    if (entry == log.end()) {  // came with a snapshot: somebody has committed it before
      if (known == committed_.end()) fail("I4: a snapshot of " + name(node) + " holds what nobody committed");
      continue;
    }
    if (known != committed_.end()) {
      if (known->second.entry.chain != entry->second.chain) {
        fail("I4: committed revision " + std::to_string(revision) + " changed at " + name(node));
      }
      continue;
    }
    if (revision != committed() + 1) fail("I6: revisions are not dense");
    commit(entry->second, status);
  }
}

std::uint64_t Oracle::epoch_of(Revision revision) const {
  std::uint64_t epoch = 1;
  for (const auto& [sealed, at] : seals_) epoch += at < revision ? 1 : 0;
  return epoch;
}

void Oracle::status(const NodeId& node, std::uint64_t life, const Status& status, bool lease_runs) {
  auto& seen = seen_committed_[node];
  if (status.committed < seen) fail("I4: a committed revision vanished at " + name(node));
  if (status.committed > seen) {
    learn(node, seen + 1, status.committed, status);
    seen = status.committed;
  }
  const auto seal = seals_.find(status.configuration.epoch.value);
  if (seal != seals_.end() && status.committed > seal->second)
    fail("I12: a commit in an epoch after its seal");
  if (status.leading) {
    const auto* voter = find_voter(status.configuration, node);
    const bool installs =
        status.configuration.epoch.value > 0 && voter == nullptr;  // a removed leader finishing
    if (!installs && (voter == nullptr || voter->role != Role::data))
      fail("I13: " + name(node) + " leads and is no data voter");
    if (status.leader == node && status.promised.node == node) {
      const auto who = leaders_.emplace(status.promised, std::pair(node, life)).first->second;
      if (who != std::pair(node, life)) fail("I2: two leaders of one ballot");
    }
    if (!leads_[node]) {
      for (const auto& [revision, committed] : committed_) {
        if (!(committed.by < status.promised) || revision <= seen) continue;
        if (epoch_of(revision) > status.configuration.epoch.value)
          continue;  // the next epoch's, and not for its finisher
        const auto held = logs_[node].find(revision);
        if (held == logs_[node].end() || held->second.chain != committed.entry.chain) {
          fail("I5: leader " + name(node) + " lacks committed revision " + std::to_string(revision));
        }
      }
    }
  }
  leads_[node] = status.leading;
  lease_runs_[node] = lease_runs;
  std::size_t running = 0;
  for (const auto& [other, runs] : lease_runs_) running += runs ? 1 : 0;
  if (running > 1 && lease_runs) fail("I11: the leader leases of two nodes overlap");
}

void Oracle::said(const NodeId& node, const Message& message, bool silent) {
  if (!silent) return;
  const bool broke =
      std::visit(Overloaded{[](const Appended& appended) { return appended.supports; },
                            [](const PreVoted& vote) { return vote.granted; },
                            [](const Promised&) { return true; }, [](const Prepare&) { return true; },
                            [](const Installed& installed) { return installed.supports; },
                            [](const auto&) { return false; }},
                 message);
  if (broke) fail("I15: " + name(node) + " spoke in its silence");
}

void Oracle::updated(const NodeId& node, std::uint64_t, const Updated& update) {
  auto& last = notified_[node];
  if (!update.snapshot) {
    if (update.revision != last + 1) fail("I6: an update was skipped at " + name(node));
    if (committed_.contains(update.revision) && writes_[update.revision] != update.registers) {
      fail("I7: an update at " + name(node) + " is not what was committed");
    }
  }
  last = update.revision;
}

void Oracle::proposed(const NodeId&, std::uint64_t, ProposalSequence, const Batch&) {}

void Oracle::answered(const NodeId& node, std::uint64_t life, const ProposalDone& done) {
  const Proposer proposer{node, life, done.sequence.value};
  if (!outcomes_.emplace(proposer, done.outcome).second) fail("I8: a proposal was answered twice");
  const auto logged = logged_as_.find(proposer);
  switch (done.outcome) {
    case contract::Outcome::ok:
      if (logged == logged_as_.end() || !committed_[logged->second].matched ||
          logged->second != done.revision) {
        fail("I8: ok without a commit");
      }
      break;
    case contract::Outcome::stale:
      if (logged != logged_as_.end() && committed_[logged->second].matched)
        fail("I8: stale although it was applied");
      break;
    case contract::Outcome::failed:
      if (logged != logged_as_.end()) fail("I8: failed although it was committed");
      break;
    case contract::Outcome::unknown: break;
  }
}

std::optional<std::string> Oracle::value(const std::string& key) const {
  const auto found = model_.find(key);
  return found == model_.end() ? std::nullopt : std::optional(found->second.first);
}

}  // namespace vswim::shard_log::test
