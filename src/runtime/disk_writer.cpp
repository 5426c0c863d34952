#include "runtime/disk_writer.hpp"

#include <asio/post.hpp>
#include <utility>

#include "runtime/state_file.hpp"
#include "runtime/thread_signals.hpp"

namespace vswim::runtime {

DiskWriter::DiskWriter(asio::io_context& node_context, std::unique_ptr<StateFile> file, Durable durable,
                       Failed failed)
    : node_context_(node_context),
      file_(std::move(file)),
      durable_(std::move(durable)),
      failed_(std::move(failed)),
      thread_(start_quiet_thread("swim-disk", [this] { disk_context_.run(); })) {}

DiskWriter::~DiskWriter() {
  work_.reset();
  thread_.join();
}

void DiskWriter::write(provider::DiskWrite write) {
  if (stopped_) return;
  ++writes_;
  waiting_.push_back(std::move(write));
  if (!busy_) start_next();
}

void DiskWriter::start_next() {
  busy_ = true;
  asio::post(disk_context_, [this, batch = std::exchange(waiting_, {})]() mutable {
    auto result = commit(*file_, std::move(batch));
    asio::post(node_context_, [this, result = std::move(result)] { on_result(result); });
  });
}

void DiskWriter::on_result(const CommitResult& result) {
  busy_ = false;
  syncs_ += result.syncs;
  for (const auto sequence : result.durable) durable_(sequence);
  if (!result.error.empty()) {
    stopped_ = true;
    waiting_.clear();
    failed_(result.error);
    return;
  }
  if (!waiting_.empty() && !busy_) start_next();
}

}  // namespace vswim::runtime
