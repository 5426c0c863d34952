// The restart rule in time: a logged primary that comes back asks its replicas before it takes up its right;
// a replica that may stand does so at once, by the ordinary compare-and-set. Decisions are in restart_rule.
#include <algorithm>

#include "core/failover.hpp"
#include "core/machine.hpp"
#include "core/restart_rule.hpp"

namespace vswim::core {

namespace {

constexpr Duration ask_interval = milliseconds(200);
constexpr Duration patience = seconds(5);              // silent replicas count as unreachable after this
constexpr Duration stands_patience = seconds(20);      // and those that promised to stand, after this
constexpr Duration lone_patience = milliseconds(500);  // before believing that there is nobody to ask
constexpr Duration standing_limit = seconds(3);  // how long a replica pursues what a restart notice started

void open_gate(Machine& m, const char* why) {
  m.restart.open = true;
  m.restart.asking = false;
  m.restart.next_ask = Instant::never();
  if (why != nullptr) m.note(NoteLevel::notice, std::string("restart: resuming as primary: ") + why);
}

// Without a lease there is nothing to take up: the next one asks anew (and no timer runs until then).
void stop_asking(RestartState& r) {
  r.asking = false;
  r.next_ask = Instant::never();
}

void ask(Machine& m, const std::vector<NodeId>& peers) {
  if (m.now < m.restart.next_ask) return;
  m.restart.next_ask = m.now + ask_interval;
  const RestartNotice notice{m.view.own_shard(), m.engine.report.loaded_offset, m.engine.report.keys};
  for (const auto& peer : peers) m.send(peer, notice);
}

RestartView view_of(const Machine& m, const std::vector<NodeId>& peers) {
  RestartView view{m.engine.report.keys, m.engine.report.loaded_offset, {}, 0, false};
  for (const auto& peer : peers) {
    const auto answer = m.restart.answers.find(peer);
    if (answer == m.restart.answers.end()) {
      ++view.unanswered;
    } else {
      view.answers.push_back(answer->second);
    }
  }
  const auto waited = m.now - m.restart.started;
  // Who said that it stands and has not by now is prevented; an empty primary waits for it all the same.
  const bool never_stood = waited >= stands_patience + m.settings.lease_ttl * 4 && view.keys > 0;
  for (auto& answer : view.answers) answer.stands = answer.stands && !never_stood;
  view.patience_over = waited >= patience;
  // With nothing to serve there is no hurry: a replica that does not answer now may have what this node lost.
  const bool came_back_empty = view.keys == 0 && view.loaded_offset == 0;
  const bool has_replicas = m.view.members_of(m.view.own_shard()).size() > 1;
  if (peers.empty() && (waited < lone_patience || (came_back_empty && has_replicas))) view.unanswered = 1;
  return view;
}

}  // namespace

void check_restart(Machine& m) {
  auto& r = m.restart;
  const auto& named = m.log.primaryship();
  if (!named || named->node != m.view.self()) {
    if (named) r.saw_other_primary = m.was_elsewhere = true;
    r.open = false;
    r.asking = false;
    r.next_ask = Instant::never();
    return;
  }
  if (r.open) return;
  // Named in this life: no restart. A log that is replayed names others on the way; only who was in sync with
  // one of them has its data.
  if (r.proposed || (r.saw_other_primary && m.engine.ran_on)) return open_gate(m, nullptr);
  if (m.primaryship_in_flight)
    return stop_asking(r);  // its completion tells whether this life wrote the register
  if (!m.leased() || !m.engine.known || m.engine.report.loading) return stop_asking(r);
  if (!r.asking) {
    r.asking = true;
    r.started = m.now;
    r.next_ask = m.now;
    r.answers.clear();
    m.note(NoteLevel::notice, "restart: this node was primary, asking its replicas before it serves again");
  }
  const auto peers = m.reachable_peers();
  ask(m, peers);
  switch (judge_restart(view_of(m, peers))) {
    case RestartVerdict::wait: break;
    case RestartVerdict::resume:
      open_gate(m, peers.empty() ? "no replica is reachable" : "no replica stands");
      break;
    case RestartVerdict::stay_down:
      if (!r.down_noted) {
        m.note(NoteLevel::warning,
               "restart: this node came back empty while a replica holds data but may not stand: the shard "
               "stays "
               "down; fail over to that replica by hand");
      }
      r.down_noted = true;
      break;
  }
}

void on_restart_notice(Machine& m, const NodeId& from, const RestartNotice& notice) {
  const auto& named = m.log.primaryship();
  const auto* sender = m.view.member(from);
  if (notice.shard != m.view.own_shard() || sender == nullptr || sender->shard != notice.shard) return;
  if (!named || named->node != from || !m.engine.known || m.engine.report.loading) return;
  const auto own = m.loaded_report();
  const auto barred = why_not_stand(own, m.settings);
  const bool stands = stands_after_restart(own, m.engine.ran_on, !barred.empty(), notice);
  m.send(from, RestartAnswer{notice.shard, stands, own.offset, own.keys, own.completed_sync});
  if (!stands) return;
  m.failover.restarted = from;
  m.failover.restarted_until = m.now + standing_limit;
}

void on_restart_answer(Machine& m, const NodeId& from, const RestartAnswer& answer) {
  const auto* sender = m.view.member(from);
  if (!m.restart.asking || answer.shard != m.view.own_shard()) return;
  if (sender != nullptr && sender->shard == answer.shard) m.restart.answers[from] = answer;
}

}  // namespace vswim::core
