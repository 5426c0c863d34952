// The node's state file on disk: one process at a time, appended or replaced as a whole, durable when a call
// returns. Blocking; used by the thread that starts a node and then by its disk thread only. It knows bytes,
// not records: which part of the file is whole records is asked of wire::read_file once, at the start.
//
// A failed write or sync is final (design 4, rules): the kernel may have dropped the dirty pages, so that a
// second fsync would say "fine" of lost data. Every later call repeats the first error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace vswim::runtime {

class FileDescriptor {  // closes what it owns
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class StateFile {
 public:
  // Takes the lock `<name>.lock`, reads the file, cuts a torn last record off the disk. On failure returns
  // nullptr and says what is wrong and what to do. The lock is the process's (fcntl), not the descriptor's: a
  // server's forked children (BGSAVE) do not keep it when the server dies. For the same reason it does not
  // guard against a second node on the same file inside one process; the busy port does.
  static std::unique_ptr<StateFile> open(const std::string& directory, const std::string& name,
                                         std::string& error);

  std::string take_contents() { return std::move(contents_); }  // whole records only
  std::size_t torn_bytes() const { return torn_bytes_; }        // what was cut at the start

  bool append(std::string_view bytes, std::string& error);
  bool rewrite(std::string_view bytes, std::string& error);

 private:
  StateFile(std::string directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {}
  bool open_locked(std::string& error);
  bool read_contents(std::string& error);
  bool fail(const std::string& what, std::string& error);
  std::string path() const { return directory_ + "/" + name_; }

  std::string directory_;
  std::string name_;
  FileDescriptor lock_;
  FileDescriptor file_;
  FileDescriptor directory_handle_;
  std::string contents_;
  std::size_t torn_bytes_ = 0;
  std::string failure_;
};

}  // namespace vswim::runtime
