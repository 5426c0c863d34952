// What a seat wants done, collected until take_output. A send that needs durability stays here until the disk
// has covered it: the caller cannot get the order wrong.
#pragma once

#include <deque>
#include <utility>

#include "shard_log/shard_log.hpp"

namespace vswim::shard_log {

class Outbox {
 public:
  PersistSequence record(Record record) {
    output_.records.push_back(std::move(record));
    return last_ = last_.next();
  }
  // This one record supersedes all earlier ones, those not yet taken included.
  PersistSequence record_whole(StateRecord record) {
    output_.records.clear();
    output_.compacted = true;
    return this->record(std::move(record));
  }
  void send(const NodeId& to, Message message, bool large = false) {
    output_.sends.push_back({to, std::move(message), large});
  }
  // After everything written so far is durable.
  void send_when_durable(const NodeId& to, Message message, bool large = false) {
    if (persisted_ >= last_) {
      send(to, std::move(message), large);
    } else {
      held_.emplace_back(last_, Send{to, std::move(message), large});
    }
  }
  void event(Event event) { output_.events.push_back(std::move(event)); }
  void note(NoteLevel level, std::string text) { output_.notes.push_back({level, std::move(text)}); }

  bool on_persisted(PersistSequence upto) {
    if (upto <= persisted_) return false;
    persisted_ = upto;
    while (!held_.empty() && held_.front().first <= upto) {
      output_.sends.push_back(std::move(held_.front().second));
      held_.pop_front();
    }
    return true;
  }
  // An old life's answers are not for the new epoch to give.
  void forget_held() { held_.clear(); }
  bool durable(PersistSequence sequence) const { return persisted_ >= sequence; }

  Output take() {
    output_.persist_upto = last_;
    return std::exchange(output_, {});
  }

 private:
  Output output_;
  PersistSequence last_;
  PersistSequence persisted_;
  std::deque<std::pair<PersistSequence, Send>> held_;
};

}  // namespace vswim::shard_log
