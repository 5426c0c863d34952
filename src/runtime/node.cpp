#include "runtime/node.hpp"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <random>
#include <thread>

#include "runtime/driver.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/thread_signals.hpp"

namespace vswim::runtime {

namespace {

constexpr std::size_t operations_max = 16'384;  // the slots of one command, each in an operation of its own

std::uint64_t system_randomness() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

struct Node::State {
  State(const NodeSettings& settings, std::function<void()> wake)
      : mailbox(settings.queue_events_max, operations_max, std::move(wake)),
        driver(context, settings, mailbox) {}

  void end_thread() {
    context.stop();
    if (thread.joinable()) thread.join();
  }

  asio::io_context context{1};
  Mailbox mailbox;
  Driver driver;
  std::thread thread;
};

std::unique_ptr<Node> Node::start(const NodeSettings& settings, std::function<void()> wake,
                                  std::string& error) {
  auto seeded = settings;
  if (seeded.seed == 0) seeded.seed = system_randomness();
  auto state = std::make_unique<State>(seeded, std::move(wake));
  if (!state->driver.open(error)) return nullptr;
  auto& running = *state;
  asio::post(running.context, [&running] { running.driver.begin(); });
  running.thread = start_quiet_thread("swim-node", [&running] {
    const auto keep = asio::make_work_guard(running.context);
    running.context.run();
  });
  return std::unique_ptr<Node>(new Node(std::move(state)));
}

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}

Node::~Node() { state_->end_thread(); }

void Node::submit(contract::Operation operation) {
  if (!state_->mailbox.submit(std::move(operation))) return;
  asio::post(state_->context, [state = state_.get()] { state->driver.on_operations_waiting(); });
}

std::vector<contract::Event> Node::drain_events() { return state_->mailbox.drain_events(); }
std::vector<Note> Node::drain_notes() { return state_->mailbox.drain_notes(); }

void Node::stop(bool leave) {
  if (!state_->thread.joinable()) return;
  asio::post(state_->context, [state = state_.get(), leave] {
    state->driver.stop(leave, [state] { state->context.stop(); });
  });
  state_->thread.join();
}

void Node::set_keyring(seal::Keyring keyring) {
  asio::post(state_->context, [state = state_.get(), keyring = std::move(keyring)]() mutable {
    state->driver.set_keyring(std::move(keyring));
  });
}

void Node::set_loopback_only(bool only) {
  asio::post(state_->context, [state = state_.get(), only] { state->driver.set_loopback_only(only); });
}

NodeId Node::node_id() const { return state_->mailbox.node_id(); }
ShardId Node::shard_id() const { return state_->mailbox.shard_id(); }
std::vector<std::pair<std::string, std::string>> Node::info() const { return state_->mailbox.info(); }

}  // namespace vswim::runtime
