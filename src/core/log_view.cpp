#include "core/log_view.hpp"

#include <algorithm>

#include "base/mutation.hpp"

namespace vswim::core {

namespace {
constexpr std::string_view fenced_suffix = ":FENCED";
constexpr std::string_view slots_prefix = "slots:";
constexpr std::string_view primaryship_key = "primaryship";

bool names_slots(const std::string& key) { return key.rfind(slots_prefix, 0) == 0; }

template <class Value>
bool apply_migration(std::map<JobId, Logged<Value>>& jobs, const JobId& job, const contract::Register& reg,
                     std::optional<Value> (*parse)(std::string_view)) {
  jobs.erase(job);
  const auto value = reg.value ? parse(*reg.value) : std::nullopt;
  if (value) jobs.emplace(job, Logged<Value>{*value, reg.revision});
  return value.has_value() || !reg.value;
}
}  // namespace

std::string primaryship_text(const NodeId& node, bool fenced) {
  return node.hex() + (fenced ? std::string(fenced_suffix) : "");
}

std::string slots_key(std::uint16_t bucket) { return std::string(slots_prefix) + std::to_string(bucket); }

void LogView::reset(std::uint64_t namespace_number) {
  *this = LogView();
  namespace_number_ = namespace_number;
}

void LogView::follow_namespace(std::uint64_t number) {
  if (number != namespace_number_) reset(number);
  seen_ = true;
}

bool LogView::concerns_rights(const contract::ShardLogUpdated& update) const {
  return update.snapshot || update.namespace_number != namespace_number_ ||
         std::any_of(update.registers.begin(), update.registers.end(), [](const contract::Register& reg) {
           return reg.key == primaryship_key || names_slots(reg.key);
         });
}

bool LogView::apply(const contract::ShardLogUpdated& update) {
  follow_namespace(update.namespace_number);
  waiting_ = true;
  if (update.snapshot) {  // the whole map; and rights count as new (rule L4b)
    lapse();
    registers_.clear();
    exports_.clear();
    imports_.clear();
    primaryship_.reset();
    slots_.clear();
    fresh_.reset();
    bucket_revision_.fill({});
  }
  bool understood = true;
  for (const auto& reg : update.registers) understood = apply_register(reg) && understood;
  if (shown_.minor <= update.revision.minor) shown_ = update.revision;
  return understood;
}

bool LogView::apply_register(const contract::Register& reg) {
  if (reg.value) {
    registers_[reg.key] = reg.revision;
  } else {
    registers_.erase(reg.key);
  }
  if (reg.key == primaryship_key) return apply_primaryship(reg);
  if (const auto job = export_job(reg.key)) return apply_migration(exports_, *job, reg, parse_export);
  if (const auto job = import_job(reg.key)) return apply_migration(imports_, *job, reg, parse_import);
  if (names_slots(reg.key)) {
    const auto bucket = parse_number(std::string_view(reg.key).substr(slots_prefix.size()), bucket_count - 1);
    return bucket && apply_bucket(static_cast<std::uint16_t>(*bucket), reg);
  }
  return true;
}

bool LogView::apply_primaryship(const contract::Register& reg) {
  primaryship_.reset();
  if (reg.value) {
    std::string_view text = *reg.value;
    const bool fenced = text.size() > fenced_suffix.size() &&
                        text.substr(text.size() - fenced_suffix.size()) == fenced_suffix;
    if (fenced) text.remove_suffix(fenced_suffix.size());
    if (const auto node = NodeId::parse(text)) primaryship_ = Primaryship{*node, fenced, reg.revision};
  }
  // Left in place by a revision that was shown one by one: the right stays without waiting again.
  if (!primaryship_ || primaryship_->node != taken_by_) primary_taken_ = false;
  return primaryship_.has_value() || !reg.value;
}

void LogView::note_takers(std::uint16_t bucket, const std::optional<Bucket>& entries) {
  const auto* before = slots_.bucket(bucket);
  if (before == nullptr) return;
  for (std::uint16_t i = 0; i < bucket_slots; ++i) {
    const auto& was = (*before)[i];
    const auto is = entries ? (*entries)[i] : SlotEntry{};
    if (!state_owns(was.state) || state_owns(is.state)) continue;
    const bool promised = was.state == SlotState::handed_over || was.state == SlotState::fenced;
    last_taker_.reset();
    if (is_lost(is) || promised) last_taker_ = is_lost(is) ? is.peer : was.peer;
  }
}

bool LogView::apply_bucket(std::uint16_t bucket, const contract::Register& reg) {
  const auto entries = reg.value ? parse_bucket(bucket, *reg.value) : std::nullopt;
  note_takers(bucket, entries);
  slots_.set_bucket(bucket, entries);
  bucket_revision_[bucket] = reg.revision;
  fresh_.set(bucket);
  for (std::uint16_t i = 0; i < bucket_slots; ++i) {
    auto& seen = claims_seen_[bucket_first(bucket) + std::size_t{i}];
    if (entries) seen = std::max(seen, (*entries)[i].claim);
    if (!entries || !state_serves((*entries)[i].state)) {
      slots_taken_.reset(bucket_first(bucket) + std::size_t{i});
    }
  }
  return entries.has_value() || !reg.value;
}

void LogView::settle(const contract::Settled& settled) {
  follow_namespace(settled.namespace_number);
  waiting_ = true;
  if (settled.revision.minor > settled_) settled_ = settled.revision.minor;
}

void LogView::lapse() {
  primary_taken_ = false;
  taken_by_.reset();
  slots_taken_.reset();
  fresh_.set();
  waiting_ = true;
}

bool LogView::is_settled(const contract::Revision& revision) const {
  if (VSWIM_RULE(l4b)) return revision.minor <= settled_;
  return true;
}

bool LogView::take_up(const NodeId& self) {
  if (!waiting_) return false;
  waiting_ = false;
  const bool named = primaryship_ && primaryship_->node == self;
  if (named && !primary_taken_ && is_settled(primaryship_->revision)) {
    primary_taken_ = true;
    taken_by_ = self;
  }
  if (fresh_.none()) return false;
  bool taken = false;
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    if (!fresh_[b] || !is_settled(bucket_revision_[b])) continue;
    fresh_.reset(b);
    taken = take_up_bucket(b) || taken;
  }
  return taken;
}

bool LogView::take_up_bucket(std::uint16_t bucket) {
  const auto* entries = slots_.bucket(bucket);
  if (entries == nullptr) return false;
  bool taken = false;
  for (std::uint16_t i = 0; i < bucket_slots; ++i) {
    const auto slot = bucket_first(bucket) + std::size_t{i};
    if (!state_serves((*entries)[i].state) || slots_taken_[slot]) continue;
    slots_taken_.set(slot);
    taken = true;
  }
  return taken;
}

std::optional<contract::Revision> LogView::revision(const std::string& key) const {
  const auto found = registers_.find(key);
  return found == registers_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace vswim::core
