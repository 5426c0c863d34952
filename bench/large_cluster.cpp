// N real providers with real UDP and TCP sockets on loopback, spread over some processes: they form one
// cluster by CLUSTER MEET's join, idle, lose members to kill -9 (they have a process of their own), spread a
// small register, the description of a node, and the claims of all slots. Prints JSON; figures are of all
// processes together. Each node is a shard of its own: deaths are found by SWIM alone. No Core: what it would
// be told is counted, and the claims are parsed as it does.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/metadata.hpp"
#include "core/slot_table.hpp"
#include "runtime/driver.hpp"

using namespace vswim;

namespace {

constexpr std::uint32_t nodes_max = 4'096;
constexpr auto turn = std::chrono::milliseconds(10);
constexpr Duration pulse_interval = milliseconds(500);
constexpr Duration join_spread = milliseconds(5);  // between two nodes that start

struct Options {
  std::uint32_t nodes = 100, processes = 2, kill = 3;
  int idle_s = 30, limit_s = 120;
  std::uint16_t port = 21'000;
  bool is_victim(std::uint32_t node) const { return node != 0 && node <= kill; }
  std::uint32_t process_of(std::uint32_t node) const {
    return is_victim(node) ? processes : node % processes;
  }
};

// What the nodes and the conductor share: memory of all processes.
struct Shared {
  struct Node {
    std::atomic<std::uint32_t> members{0}, victims_failed{0}, broadcasts{0}, infos{0}, slots{0};
    std::atomic<std::uint64_t> packets{0}, bytes{0};
    std::atomic<bool> killed{false}, write_broadcast{false}, write_info{false}, claim{false};
    std::atomic<std::uint32_t> false_deaths{0};
  };
  struct Process {
    std::atomic<std::uint64_t> cpu_ns{0};
    std::atomic<bool> open{false}, failed{false};
  };
  std::array<Node, nodes_max> nodes;
  std::array<Process, 64> processes;
  std::atomic<bool> begin{false}, end{false};
};

std::string register_of(std::uint32_t node) { return "bench:" + std::to_string(node); }

// One node as its owner sees it.
struct Member {
  std::unique_ptr<runtime::Mailbox> mailbox;
  std::unique_ptr<runtime::Driver> driver;
  std::uint32_t number = 0;
  std::uint64_t last_ticket = 0;
  Instant join_at = Instant::never();
  Instant pulse_at{};
  std::bitset<core::slot_count> slots;
};

class Process {
 public:
  Process(const Options& options, std::uint32_t number, Shared& shared, std::filesystem::path directory)
      : options_(options),
        shared_(shared),
        own_(shared.processes[number]),
        number_(number),
        directory_(std::move(directory)) {}

  void run() {
    for (std::uint32_t i = 0; i < options_.nodes; ++i) {
      if (options_.process_of(i) == number_ && !open(i)) {
        own_.failed = true;
        return;
      }
    }
    for (auto& member : members_) member.driver->begin();
    own_.open = true;
    while (!shared_.begin && !shared_.end) step();
    const auto begun = runtime::boottime_now();
    for (auto& member : members_) {
      if (member.number != 0) member.join_at = begun + join_spread * member.number;
    }
    while (!shared_.end) step();
  }

 private:
  bool open(std::uint32_t number) {
    Member member;
    member.number = number;
    member.mailbox = std::make_unique<runtime::Mailbox>(65'536, 16'384, [] {});
    runtime::NodeSettings settings;
    settings.directory = directory_.string();
    settings.state_file = "node" + std::to_string(number);
    settings.bind = {"127.0.0.1"};
    settings.bus_port = static_cast<std::uint16_t>(options_.port + number);
    settings.provider.advertised = *Address::parse("127.0.0.1", settings.bus_port);
    settings.seed = number + 1;
    member.driver = std::make_unique<runtime::Driver>(context_, settings, *member.mailbox);
    std::string error;
    if (!member.driver->open(error)) {
      std::fprintf(stderr, "node %u: %s\n", number, error.c_str());
      return false;
    }
    members_.push_back(std::move(member));
    return true;
  }

  void step() {
    context_.run_for(turn);
    context_.restart();
    const auto now = runtime::boottime_now();
    for (auto& member : members_) serve(now, member);
    timespec cpu{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    own_.cpu_ns =
        static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(cpu.tv_nsec);
  }

  void submit(Member& member, contract::Operation operation) {
    if (member.mailbox->submit(std::move(operation))) member.driver->on_operations_waiting();
  }

  void write(Member& member, std::string key, std::string value) {
    submit(member, contract::UpdateGossip{Ticket{++member.last_ticket},
                                          contract::Scope::global,
                                          {contract::Write{std::move(key), std::move(value), std::nullopt}}});
  }

  void serve(Instant now, Member& member) {
    auto& told = shared_.nodes[member.number];
    for (const auto& event : member.mailbox->drain_events()) on_event(now, member, event);
    member.mailbox->drain_notes();
    if (member.join_at <= now) {
      member.join_at = Instant::never();
      submit(member, contract::JoinCluster{Ticket{++member.last_ticket},
                                           {*Address::parse("127.0.0.1", options_.port)}});
    }
    if (member.pulse_at <= now) {
      member.pulse_at = now + pulse_interval;
      submit(member, contract::Pulse{});
      for (const auto& [name, value] : member.mailbox->info()) {
        if (name == "packets_out") told.packets = std::stoull(value);
        if (name == "bytes_out") told.bytes = std::stoull(value);
      }
    }
    if (told.write_broadcast.exchange(false))
      write(member, register_of(member.number), std::string(100, 'x'));
    if (told.write_info.exchange(false)) {
      core::NodeInfo info;
      info.port = static_cast<std::uint16_t>(options_.port + member.number);
      info.ip = "127.0.0.1";
      info.hostname = "node" + std::to_string(member.number) + ".example.net";
      write(member, core::key_text(core::NodeInfoKey{member.mailbox->node_id()}), core::node_info_text(info));
    }
    if (told.claim.exchange(false)) claim(member);
  }

  // An even share of the slots, in as many registers as they have buckets.
  void claim(Member& member) {
    const auto edge = [&](std::uint32_t node) { return node * core::slot_count / options_.nodes; };
    const std::uint32_t end = static_cast<std::uint32_t>(edge(member.number + 1));
    for (auto first = static_cast<std::uint32_t>(edge(member.number)); first < end;) {
      const auto bucket = static_cast<std::uint16_t>(first / core::bucket_slots);
      const auto last = std::min<std::uint32_t>(end, (bucket + 1u) * core::bucket_slots) - 1;
      const core::ClaimedRange range{{static_cast<core::Slot>(first), static_cast<core::Slot>(last)}, 1};
      write(member, core::key_text(core::ShardSlotsKey{member.mailbox->shard_id(), bucket}),
            core::claimed_text({range}));
      first = last + 1;
    }
  }

  void on_event(Instant now, Member& member, const contract::Event& event) {
    auto& told = shared_.nodes[member.number];
    if (const auto* review = std::get_if<contract::JoinReview>(&event)) {
      submit(member, contract::JoinVerdict{review->ticket, true, {}});
    } else if (const auto* done = std::get_if<contract::Completed>(&event)) {
      // Only a join fails here: the one that is asked takes a few at a time.
      if (done->outcome != contract::Outcome::ok && told.members < 2)
        member.join_at = now + milliseconds(100);
    } else if (const auto* view = std::get_if<contract::MembershipChanged>(&event)) {
      on_view(told, *view);
    } else if (const auto* news = std::get_if<contract::GossipUpdated>(&event)) {
      for (const auto& one : news->registers) on_register(member, one);
    }
  }

  void on_view(Shared::Node& told, const contract::MembershipChanged& view) {
    std::uint32_t members = 0, victims = 0, mistakes = 0;
    for (const auto& one : view.members) {
      const auto number = static_cast<std::uint32_t>(one.address.port - options_.port);
      const bool failed = one.health == contract::Health::fail;
      const bool killed = number < options_.nodes && shared_.nodes[number].killed;
      members += failed ? 0 : 1;
      victims += failed && killed ? 1 : 0;
      mistakes += failed && !killed ? 1 : 0;
    }
    told.members = members;
    told.victims_failed = victims;
    if (mistakes > told.false_deaths) told.false_deaths = mistakes;
  }

  void on_register(Member& member, const contract::Register& one) {
    auto& told = shared_.nodes[member.number];
    if (one.key.starts_with("bench:")) ++told.broadcasts;
    const auto key = core::parse_key(one.key);
    if (!key || !one.value) return;
    if (std::holds_alternative<core::NodeInfoKey>(*key) && core::parse_node_info(*one.value)) ++told.infos;
    if (const auto* claimed = std::get_if<core::ShardSlotsKey>(&*key)) {
      const auto ranges = core::parse_claimed(claimed->bucket, *one.value);
      if (!ranges) return;
      for (const auto& [range, number] : *ranges) {
        for (std::uint32_t slot = range.first; slot <= range.last; ++slot) member.slots.set(slot);
      }
      told.slots = static_cast<std::uint32_t>(member.slots.count());
    }
  }

  Options options_;
  Shared& shared_;
  Shared::Process& own_;
  std::uint32_t number_;
  std::filesystem::path directory_;
  asio::io_context context_{1};
  std::vector<Member> members_;
};

// ---- the conductor

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class Conductor {
 public:
  Conductor(const Options& options, Shared& shared, pid_t victims)
      : options_(options), shared_(shared), victims_(victims) {}

  bool opened() {
    return wait([&] { return all_processes([](const auto& process) { return process.open.load(); }); }) >= 0;
  }

  void run() {
    const double cpu_before = cpu();
    shared_.begin = true;
    form_s_ = wait([&] { return all([&](const auto& node) { return node.members == options_.nodes; }); });
    form_cpu_s_ = cpu() - cpu_before;
    std::fprintf(stderr, "formed after %.1f s, %.1f CPU-s\n", form_s_, form_cpu_s_);
    if (form_s_ >= 0) rest(8);  // first words are over
    first_packets_ = static_cast<double>(sent().first) / options_.nodes;
    if (form_s_ < 0) return;
    idle();
    std::fprintf(stderr, "idle: %.1f bytes, %.2f packets, %.4f CPU-s a node and minute\n", bytes_, packets_,
                 idle_cpu_);
    broadcast_s_ = spread([](auto& node) { node.write_broadcast = true; }, 0,
                          [](const auto& node) { return node.broadcasts >= 1; });
    info_s_ = spread([](auto& node) { node.write_info = true; }, options_.nodes / 2,
                     [](const auto& node) { return node.infos >= 1; });
    claim();
    std::fprintf(stderr, "all slots known everywhere after %.1f s\n", slots_s_);
    kill();
  }

  void print() const {
    std::printf(
        "{\"bench\":\"large_cluster\",\"nodes\":%u,\"processes\":%u,\"form_s\":%s,\"form_cpu_s\":%.2f,"
        "\"first_packets_per_node\":%.0f,"
        "\"idle_s\":%d,\"idle_packets_per_node_s\":%.3f,\"idle_bytes_per_node_s\":%.1f,"
        "\"idle_cpu_s_per_node_minute\":%.4f,\"broadcast_last_s\":%s,\"metadata_last_s\":%s,"
        "\"slots_last_s\":%s,\"killed\":%u,\"death_last_s\":%s,\"false_deaths\":%u}\n",
        options_.nodes, options_.processes, text(form_s_).c_str(), form_cpu_s_, first_packets_,
        options_.idle_s, packets_, bytes_, idle_cpu_, text(broadcast_s_).c_str(), text(info_s_).c_str(),
        text(slots_s_).c_str(), options_.kill, text(death_s_).c_str(), false_deaths());
  }

 private:
  static std::string text(double value) {  // below zero: not within the limit
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3f", value);
    return value < 0 ? "null" : buffer;
  }
  static void rest(int length_s) { std::this_thread::sleep_for(std::chrono::seconds(length_s)); }

  double wait(const std::function<bool()>& done) const {
    const auto begun = Clock::now();
    while (!done()) {
      if (since(begun) > options_.limit_s || failed()) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return since(begun);
  }
  bool failed() const {
    for (std::uint32_t i = 0; i <= options_.processes; ++i) {
      if (shared_.processes[i].failed) return true;
    }
    return false;
  }
  template <class Test>
  bool all_processes(const Test& test) const {
    return std::all_of(shared_.processes.begin(), shared_.processes.begin() + options_.processes + 1, test);
  }
  template <class Test>
  bool all(const Test& test) const {  // that live
    return std::all_of(shared_.nodes.begin(), shared_.nodes.begin() + options_.nodes,
                       [&](const auto& node) { return node.killed || test(node); });
  }
  double cpu() const {
    std::uint64_t ns = 0;
    for (std::uint32_t i = 0; i <= options_.processes; ++i) ns += shared_.processes[i].cpu_ns;
    return static_cast<double>(ns) / 1e9;
  }
  std::uint32_t false_deaths() const {
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < options_.nodes; ++i) sum += shared_.nodes[i].false_deaths;
    return sum;
  }

  std::pair<std::uint64_t, std::uint64_t> sent() const {  // packets and bytes, as last told by every node
    std::pair<std::uint64_t, std::uint64_t> sum;
    for (std::uint32_t i = 0; i < options_.nodes; ++i) {
      sum.first += shared_.nodes[i].packets;
      sum.second += shared_.nodes[i].bytes;
    }
    return sum;
  }

  void idle() {
    const auto before = sent();
    const double cpu_before = cpu();
    const auto begun = Clock::now();
    rest(options_.idle_s);
    const double length = since(begun) * options_.nodes;
    const auto after = sent();
    packets_ = static_cast<double>(after.first - before.first) / length;
    bytes_ = static_cast<double>(after.second - before.second) / length;
    idle_cpu_ = (cpu() - cpu_before) / length * 60;
  }

  template <class Tell, class Test>
  double spread(const Tell& tell, std::uint32_t writer, const Test& test) {
    tell(shared_.nodes[writer]);
    return wait([&] {
      for (std::uint32_t i = 0; i < options_.nodes; ++i) {
        if (i != writer && !test(shared_.nodes[i])) return false;
      }
      return true;
    });
  }

  // A writer is not told of its own registers by the provider: its own share counts as known.
  void claim() {
    for (std::uint32_t i = 0; i < options_.nodes; ++i) shared_.nodes[i].claim = true;
    slots_s_ = wait([&] {
      return all([&](const auto& node) {
        return node.slots + core::slot_count / options_.nodes + 1 >= core::slot_count;
      });
    });
  }

  void kill() {
    for (std::uint32_t i = 1; i <= options_.kill; ++i) shared_.nodes[i].killed = true;
    ::kill(victims_, SIGKILL);
    death_s_ =
        wait([&] { return all([&](const auto& node) { return node.victims_failed == options_.kill; }); });
  }

  Options options_;
  Shared& shared_;
  pid_t victims_;
  double form_s_ = -1, form_cpu_s_ = 0, broadcast_s_ = -1, info_s_ = -1, slots_s_ = -1, death_s_ = -1;
  double first_packets_ = 0, packets_ = 0, bytes_ = 0, idle_cpu_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (name == "--nodes") options.nodes = static_cast<std::uint32_t>(value);
    if (name == "--processes") options.processes = static_cast<std::uint32_t>(value);
    if (name == "--kill") options.kill = static_cast<std::uint32_t>(value);
    if (name == "--idle") options.idle_s = value;
    if (name == "--limit") options.limit_s = value;
    if (name == "--port") options.port = static_cast<std::uint16_t>(value);
  }
  options.nodes = std::clamp<std::uint32_t>(options.nodes, 4, nodes_max);
  options.processes = std::clamp<std::uint32_t>(options.processes, 1, 63);
  return options;
}

void allow_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  allow_files();
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  auto* shared = new (memory) Shared;
  const auto directory =
      std::filesystem::temp_directory_path() / ("large_cluster." + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  std::vector<pid_t> children;
  for (std::uint32_t i = 0; i <= options.processes; ++i) {
    const auto child = fork();
    if (child == 0) {
      Process(options, i, *shared, directory).run();
      std::_Exit(0);
    }
    children.push_back(child);
  }
  Conductor conductor(options, *shared, children.back());
  const bool opened = conductor.opened();
  if (opened) conductor.run();
  shared->end = true;
  for (const auto child : children) waitpid(child, nullptr, 0);
  std::filesystem::remove_all(directory);
  if (!opened) return 1;
  conductor.print();
  return 0;
}
