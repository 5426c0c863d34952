#include "runtime/state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "wire/file_records.hpp"

namespace vswim::runtime {

namespace {

std::string system_error(const std::string& what, int code) { return what + ": " + std::strerror(code); }

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Empty when locked; else why not, with the holder's process id where the kernel tells it.
std::string take_lock(int fd, const std::string& path) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_SETLK, &lock) == 0) return {};
  const int code = errno;
  if (code != EACCES && code != EAGAIN) return system_error("cannot lock " + path, code);
  std::string holder = "another process";
  struct flock other = lock;
  if (::fcntl(fd, F_GETLK, &other) == 0 && other.l_type != F_UNLCK && other.l_pid > 0) {
    holder = "process " + std::to_string(other.l_pid);
  }
  return path + " is held by " + holder +
         ": two servers must not share a state file; stop that server or give this one another dir or "
         "cluster-config-file";
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::unique_ptr<StateFile> StateFile::open(const std::string& directory, const std::string& name,
                                           std::string& error) {
  if (name.empty() || name.find('/') != std::string::npos) {
    error = "the state file's name must be a plain file name, not \"" + name + "\"";
    return nullptr;
  }
  std::unique_ptr<StateFile> file(new StateFile(directory, name));
  if (!file->open_locked(error) || !file->read_contents(error)) return nullptr;
  return file;
}

bool StateFile::open_locked(std::string& error) {
  directory_handle_ = FileDescriptor(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_handle_.valid()) {
    error = system_error("cannot open the directory " + directory_ + " of the state file", errno);
    return false;
  }
  const auto lock_path = path() + ".lock";
  lock_ = FileDescriptor(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_.valid()) {
    error = system_error("cannot create " + lock_path, errno);
    return false;
  }
  error = take_lock(lock_.get(), lock_path);
  if (!error.empty()) return false;
  file_ = FileDescriptor(::open(path().c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_.valid()) {
    error = system_error("cannot open the state file " + path(), errno);
    return false;
  }
  return true;
}

bool StateFile::read_contents(std::string& error) {
  char chunk[64 * 1024];
  for (;;) {
    const auto got = ::read(file_.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error = system_error("cannot read the state file " + path(), errno);
      return false;
    }
    if (got == 0) break;
    contents_.append(chunk, static_cast<std::size_t>(got));
  }
  const auto records = wire::read_file(contents_);
  if (!records.ok) {
    error = "the state file " + path() + " " + records.error +
            ". If a newer version of the module wrote it, start that one. Else move it away: the node then "
            "starts with a new id and must be made to MEET again. Never put back an older copy: it has "
            "forgotten what this node promised";
    return false;
  }
  if (records.valid_bytes < contents_.size()) {
    torn_bytes_ = contents_.size() - records.valid_bytes;
    contents_.resize(records.valid_bytes);
    if (::ftruncate(file_.get(), static_cast<off_t>(records.valid_bytes)) != 0 || ::fsync(file_.get()) != 0) {
      error = system_error("cannot cut the torn last record off " + path(), errno);
      return false;
    }
  }
  if (::fsync(directory_handle_.get()) != 0) {  // the file's name itself
    error = system_error("cannot sync the directory " + directory_, errno);
    return false;
  }
  return true;
}

bool StateFile::fail(const std::string& what, std::string& error) {
  failure_ = system_error(what, errno);
  error = failure_;
  return false;
}

bool StateFile::append(std::string_view bytes, std::string& error) {
  if (!failure_.empty()) {
    error = failure_;
    return false;
  }
  if (!write_whole(file_.get(), bytes)) return fail("cannot write to " + path(), error);
  if (::fdatasync(file_.get()) != 0) return fail("cannot sync " + path(), error);
  return true;
}

bool StateFile::rewrite(std::string_view bytes, std::string& error) {
  if (!failure_.empty()) {
    error = failure_;
    return false;
  }
  const auto new_name = name_ + ".new";
  const int handle = directory_handle_.get();
  FileDescriptor fresh(
      ::openat(handle, new_name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
  if (!fresh.valid()) return fail("cannot create " + path() + ".new", error);
  if (!write_whole(fresh.get(), bytes)) return fail("cannot write to " + path() + ".new", error);
  if (::fsync(fresh.get()) != 0) return fail("cannot sync " + path() + ".new", error);
  if (::renameat(handle, new_name.c_str(), handle, name_.c_str()) != 0)
    return fail("cannot replace " + path(), error);
  if (::fsync(handle) != 0) return fail("cannot sync the directory " + directory_, error);
  file_ = std::move(fresh);
  return true;
}

}  // namespace vswim::runtime
