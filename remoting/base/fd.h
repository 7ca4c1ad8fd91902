// SPDX-License-Identifier: Apache-2.0
// Descriptors: ownership, whole reads and writes before a deadline, sealed shared memory.
#pragma once

#include "remoting/base/clock.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace vgpu
{

// Owns one descriptor.
class Fd
{
public:
    Fd() noexcept = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd &operator=(Fd &&other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;
    ~Fd() { reset(); }

    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept; // closes what it held
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

void set_cloexec(int fd, bool on = true);
void set_nonblocking(int fd, bool on = true);

// A duplicate with close-on-exec.
Fd duplicate(int fd);

// Waits for `events` (POLLIN, POLLOUT) or a hang-up; false when the deadline passed first.
bool wait_for(int fd, short events, Deadline deadline);

// Exactly so many bytes, whether the descriptor blocks or not. Throw ETIMEDOUT when the deadline
// passes, and read_exact ECONNRESET when the other end closes; `what` names the peer in the text.
void read_exact(int fd, std::span<std::byte> bytes, Deadline deadline, const char *what = "peer");
void write_all(int fd, std::span<const std::byte> bytes, Deadline deadline,
               const char *what = "peer");

// All there is up to the end. Throws EFBIG above `max` bytes.
std::string read_all(int fd, size_t max, const char *what);

// Anonymous memory to share: it can neither grow nor shrink any more, so that mapping it is safe
// for whoever receives it (no SIGBUS from a peer that truncates it).
Fd memfd(const char *name, size_t bytes);

// Throws EPROTO unless `fd` is memory sealed as above and has exactly `bytes` bytes.
void check_memfd(int fd, size_t bytes);

// A shared, writable mapping.
class Mapping
{
public:
    Mapping() noexcept = default;
    Mapping(int fd, size_t bytes); // all of a memfd
    Mapping(Mapping &&other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0))
    {
    }
    Mapping &operator=(Mapping &&other) noexcept
    {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping();

    std::byte *data() const noexcept { return data_; }
    size_t size() const noexcept { return size_; }

private:
    std::byte *data_ = nullptr;
    size_t size_ = 0;
};

} // namespace vgpu
