// The primary's side of a manual failover. It writes primaryship=<itself>:FENCED, holds its clients' writes
// from the moment in which its log shows that (however long the log took, nobody waited for it), and then
// tells the replica how far it ever got. The log decides everything else: either the replica names itself
// over that very revision, or this node writes itself back; one of the two finds the other's revision. FENCED
// takes no right away, so a crash at any step leaves a primary that is not to acknowledge writes: the same
// node after its restart, which writes itself back, or whoever fails over.
#include "base/mutation.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

using Phase = FenceState::Phase;

constexpr Duration hold_limit = seconds(5);    // as natively
constexpr Duration heir_silence = seconds(1);  // it repeats its request ten times as often
constexpr Duration retry_after = milliseconds(200);

bool fenced_in_log(const Machine& m) {
  const auto& named = m.log.primaryship();
  return named && named->fenced && named->node == m.view.self();
}

void offer(Machine& m) {
  const auto& f = m.fence;
  m.send(f.heir, HandOverOffer{m.view.own_shard(), f.attempt, m.engine.report.offset, f.revision,
                               m.engine.report.history});
}

void hear(Machine& m, const HandOverRequest& request) {
  auto& f = m.fence;
  f.attempt = request.attempt;
  f.limit = std::min(f.end, m.now + heir_silence);
}

void begin(Machine& m, const NodeId& heir, const HandOverRequest& request) {
  auto& f = m.fence;
  if (!m.propose_primaryship(m.view.self(), FenceOp{}, true)) return;  // the replica asks again
  f = FenceState{};
  f.phase = Phase::fencing;
  f.heir = heir;
  f.end = m.now + hold_limit;
  hear(m, request);
  m.note(NoteLevel::notice, "failover: " + m.name_of(heir) + " asks for a planned hand-over");
}

void hold(Machine& m) {
  m.fence.holding = true;
  m.dirty = true;
  m.note(NoteLevel::notice, "failover: writes are held");
  m.act(CutOff{});  // what was paused or blocked would write past every check
  m.out.report_wanted = true;
}

void revert(Machine& m, const std::string& why) {
  auto& f = m.fence;
  if (f.phase != Phase::reverting)
    m.note(NoteLevel::warning, "failover: no hand-over (" + why + "), writing this node back as primary");
  f.phase = Phase::reverting;
  f.limit = Instant::never();
  const bool proposed = m.propose_primaryship(m.view.self(), FenceOp{});
  f.retry_at = proposed ? Instant::never() : m.now + retry_after;
}

void open(Machine& m) {
  m.fence = FenceState{};
  m.dirty = true;
}

// Why the heir is not waited for any longer; empty: it is.
std::string over(const Machine& m) {
  const auto* heir = m.view.member(m.fence.heir);
  if (heir == nullptr || heir->shard != m.view.own_shard()) return "the replica left the shard";
  if (heir->health == contract::Health::fail) return "the replica failed";
  if (m.now >= m.fence.end) return "it took too long";
  if (m.now >= m.fence.limit) return "the replica does not answer any more";
  return "";
}

}  // namespace

bool writes_held(const Machine& m) {
  if (!VSWIM_RULE(hold_writes)) return false;
  return m.fence.phase == Phase::fenced || m.fence.phase == Phase::reverting || fenced_in_log(m);
}

void on_hand_over_request(Machine& m, const NodeId& from, const HandOverRequest& request) {
  const auto* sender = m.view.member(from);
  if (request.shard != m.view.own_shard() || sender == nullptr || sender->shard != request.shard) return;
  if (sender->health == contract::Health::fail || !m.primary_here || !m.leased()) return;
  auto& f = m.fence;
  if (f.phase == Phase::open) {
    if (!fenced_in_log(m)) begin(m, from, request);
    return;
  }
  if (from != f.heir || f.phase == Phase::reverting) return;
  hear(m, request);
  if (f.phase == Phase::fenced && f.offset_known) offer(m);
}

void on_report_while_fenced(Machine& m) {
  auto& f = m.fence;
  if (f.offset_known || !f.holding) return;
  f.offset_known = true;
  if (f.phase == Phase::fenced) offer(m);
}

void on_fence_done(Machine& m, const contract::Completed& done) {
  if (m.primaryship_in_flight != done.ticket) return;
  m.primaryship_in_flight.reset();
  auto& f = m.fence;
  const bool ok = done.outcome == contract::Outcome::ok;
  switch (f.phase) {
    case Phase::open: break;
    case Phase::fencing:
      if (ok && done.revision) {
        f.phase = Phase::fenced;
        f.revision = done.revision->minor;
        if (f.offset_known) offer(m);
      } else if (done.outcome == contract::Outcome::unknown) {
        revert(m, "the shard's log gave no answer");  // it may still be written: held until that is known
      } else {
        m.note(NoteLevel::warning, "failover: no hand-over (" + done.text + ")");
        open(m);
      }
      break;
    case Phase::fenced: break;
    case Phase::reverting:
      if (ok && !fenced_in_log(m)) {
        m.note(NoteLevel::notice, "failover: this node stays primary, writes go on");
        open(m);
      } else {
        f.retry_at = m.now + retry_after;
      }
  }
}

void step_fence(Machine& m) {
  auto& f = m.fence;
  if (!m.primary_here) {  // named elsewhere, or no lease: whoever comes next starts from the log
    if (f.phase != Phase::open) open(m);
    return;
  }
  switch (f.phase) {
    case Phase::open:
      if (fenced_in_log(m) && !m.primaryship_in_flight) revert(m, "left over from before");
      break;
    case Phase::fencing:
    case Phase::fenced:
      if (fenced_in_log(m) && !f.holding) hold(m);
      if (const auto why = over(m); !why.empty()) revert(m, why);
      break;
    case Phase::reverting:
      if (m.now >= f.retry_at) revert(m, "");
      break;
  }
}

}  // namespace vswim::core
