// The disk thread: takes what waits, makes it durable, and says so on the node thread, in order. While it is
// busy new writes gather on the node thread and go under the next sync together. No shared state: work and
// results are posted.
#pragma once

#include "runtime/asio_config.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "provider/provider.hpp"
#include "runtime/group_commit.hpp"

namespace vswim::runtime {

class StateFile;

class DiskWriter {
 public:
  using Durable = std::function<void(std::uint64_t sequence)>;
  using Failed = std::function<void(const std::string& error)>;

  // Callbacks run in `node_context`.
  DiskWriter(asio::io_context& node_context, std::unique_ptr<StateFile> file, Durable durable, Failed failed);
  ~DiskWriter();  // waits for the write in progress; what still waits is dropped

  void write(provider::DiskWrite write);
  bool idle() const { return waiting_.empty() && !busy_; }
  std::uint64_t syncs() const { return syncs_; }
  std::uint64_t writes() const { return writes_; }

 private:
  void start_next();
  void on_result(const CommitResult& result);

  asio::io_context& node_context_;
  std::unique_ptr<StateFile> file_;  // the disk thread's alone, once started
  Durable durable_;
  Failed failed_;
  std::vector<provider::DiskWrite> waiting_;
  bool busy_ = false;
  bool stopped_ = false;  // after a failure: nothing is written any more
  std::uint64_t syncs_ = 0;
  std::uint64_t writes_ = 0;
  asio::io_context disk_context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{disk_context_.get_executor()};
  std::thread thread_;
};

}  // namespace vswim::runtime
