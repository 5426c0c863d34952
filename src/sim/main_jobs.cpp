#include "sim/main_jobs.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "sim/report.hpp"

namespace vswim::sim {

namespace {

struct Shared {  // in memory that all processes see
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> enough{false};
};

struct Frame {  // length 0: this seed begins; else its result follows
  std::uint64_t seed = 0, length = 0;
};

struct Worker {
  pid_t process = 0;
  int pipe = -1;
  std::string bytes;
  std::optional<std::uint64_t> running;
};

void send_all(int pipe, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const auto sent = write(pipe, bytes, size);
    if (sent <= 0) _exit(1);  // nobody listens any more
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

[[noreturn]] void work(Shared& shared, const Jobs& jobs, const RunSeed& run, int pipe) {
  for (;;) {
    const auto seed = shared.next.fetch_add(1);
    if (seed > jobs.last || shared.enough) _exit(0);
    const Frame begins{seed, 0};
    send_all(pipe, &begins, sizeof begins);
    const auto result = packed(run(seed));
    const Frame ends{seed, result.size()};
    send_all(pipe, &ends, sizeof ends);
    send_all(pipe, result.data(), result.size());
  }
}

// Whole frames out of what has been read; results by seed.
void digest(Worker& worker, std::map<std::uint64_t, RunResult>& done) {
  Frame frame;
  while (worker.bytes.size() >= sizeof frame) {
    worker.bytes.copy(reinterpret_cast<char*>(&frame), sizeof frame);
    if (worker.bytes.size() < sizeof frame + frame.length) return;
    if (frame.length == 0) {
      worker.running = frame.seed;
    } else if (auto run = unpacked(std::string_view(worker.bytes).substr(sizeof frame, frame.length))) {
      done.insert_or_assign(frame.seed, std::move(*run));
      worker.running.reset();
    }
    worker.bytes.erase(0, sizeof frame + frame.length);
  }
}

RunResult died(std::uint64_t seed) {
  RunResult run;
  run.seed = seed;
  run.conditions = "(the process died)";
  run.violations.add("assert", "all", {}, "the process died: what it said is above");
  return run;
}

bool read_some(Worker& worker, std::map<std::uint64_t, RunResult>& done) {
  char buffer[65'536];
  const auto size = read(worker.pipe, buffer, sizeof buffer);
  if (size > 0) {
    worker.bytes.append(buffer, static_cast<std::size_t>(size));
    digest(worker, done);
    return true;
  }
  if (worker.running) done.insert_or_assign(*worker.running, died(*worker.running));
  close(worker.pipe);
  worker.pipe = -1;
  return false;
}

}  // namespace

void run_jobs(const Jobs& jobs, const RunSeed& run, const TellRun& tell) {
  auto* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  auto& shared = *new (memory) Shared;
  shared.next = jobs.first;
  std::vector<Worker> workers(jobs.processes);
  for (auto& worker : workers) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    worker.process = fork();
    if (worker.process == 0) {
      close(ends[0]);
      work(shared, jobs, run, ends[1]);
    }
    close(ends[1]);
    worker.pipe = ends[0];
  }
  std::map<std::uint64_t, RunResult> done;
  auto next = jobs.first;
  const auto started = std::chrono::steady_clock::now();
  for (bool open = true; open && !shared.enough;) {
    std::vector<pollfd> waiting;
    for (const auto& worker : workers) waiting.push_back({worker.pipe, POLLIN, 0});
    poll(waiting.data(), waiting.size(), 1'000);
    open = false;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const bool ready = (waiting[i].revents & (POLLIN | POLLHUP)) != 0;
      if (workers[i].pipe >= 0 && (!ready || read_some(workers[i], done))) open = true;
    }
    for (auto run_done = done.find(next); run_done != done.end(); run_done = done.find(++next)) {
      if (!tell(run_done->second)) shared.enough = true;
      done.erase(run_done);
      if (shared.enough) break;
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
    if (jobs.seconds_max > 0 && wall.count() > jobs.seconds_max) shared.next = jobs.last + 1;
  }
  for (const auto& worker : workers) {
    if (worker.pipe >= 0) {
      kill(worker.process, SIGKILL);
      close(worker.pipe);
    }
    waitpid(worker.process, nullptr, 0);
  }
  munmap(memory, sizeof(Shared));
}

}  // namespace vswim::sim
