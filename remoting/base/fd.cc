// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/fd.h"

#include "remoting/base/error.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu
{

void Fd::reset(int fd) noexcept
{
    if (fd_ >= 0) {
        int saved = errno; // closing must not hide the error that made us close
        close(fd_);
        errno = saved;
    }
    fd_ = fd;
}

static void set_flag(int fd, int get, int set, int flag, bool on)
{
    int flags = fcntl(fd, get);
    if (flags < 0)
        fail_errno("descriptor %d: cannot read its flags", fd);
    int wanted = on ? flags | flag : flags & ~flag;
    if (wanted != flags && fcntl(fd, set, wanted) < 0)
        fail_errno("descriptor %d: cannot set its flags", fd);
}

void set_cloexec(int fd, bool on)
{
    set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

void set_nonblocking(int fd, bool on)
{
    set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

Fd duplicate(int fd)
{
    Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy)
        fail_errno("cannot duplicate descriptor %d", fd);
    return copy;
}

bool wait_for(int fd, short events, Deadline deadline)
{
    for (;;) {
        pollfd entry{fd, events, 0};
        int n = poll(&entry, 1, deadline.poll_ms());
        if (n > 0)
            return true;
        if (n == 0 && deadline.expired())
            return false;
        if (n < 0 && errno != EINTR)
            fail_errno("cannot wait for descriptor %d", fd);
    }
}

// Polls before each transfer: that holds the deadline on a blocking descriptor too.
void read_exact(int fd, std::span<std::byte> bytes, Deadline deadline, const char *what)
{
    while (!bytes.empty()) {
        if (!wait_for(fd, POLLIN, deadline))
            fail(ETIMEDOUT, "%s: no answer in time", what);
        ssize_t n = read(fd, bytes.data(), bytes.size());
        if (n > 0)
            bytes = bytes.subspan(size_t(n));
        else if (n == 0)
            fail(ECONNRESET, "%s closed the connection", what);
        else if (errno != EINTR && errno != EAGAIN)
            fail_errno("cannot read from %s", what);
    }
}

void write_all(int fd, std::span<const std::byte> bytes, Deadline deadline, const char *what)
{
    bool is_socket = true;
    while (!bytes.empty()) {
        if (!wait_for(fd, POLLOUT, deadline))
            fail(ETIMEDOUT, "%s does not take our bytes in time", what);
        ssize_t n = is_socket ? ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                              : ::write(fd, bytes.data(), bytes.size());
        if (n >= 0)
            bytes = bytes.subspan(size_t(n));
        else if (errno == ENOTSOCK)
            is_socket = false;
        else if (errno != EINTR && errno != EAGAIN)
            fail_errno("cannot write to %s", what);
    }
}

std::string read_all(int fd, size_t max, const char *what)
{
    std::string out;
    char buffer[4096];
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0)
            return out;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail_errno("cannot read %s", what);
        if (out.size() + size_t(n) > max)
            fail(EFBIG, "%s is larger than %zu bytes", what, max);
        out.append(buffer, size_t(n));
    }
}

Fd memfd(const char *name, size_t bytes)
{
    Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd)
        fail_errno("cannot create shared memory");
    if (ftruncate(fd.get(), off_t(bytes)) < 0)
        fail_errno("cannot make shared memory of %zu bytes", bytes);
    if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        fail_errno("cannot seal shared memory");
    return fd;
}

void check_memfd(int fd, size_t bytes)
{
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals)
        fail(EPROTO, "the shared memory that was passed is not sealed");
    if (seals & F_SEAL_WRITE)
        fail(EPROTO, "the shared memory that was passed cannot be written");
    struct stat info;
    if (fstat(fd, &info) < 0)
        fail_errno("cannot examine the shared memory that was passed");
    if (uint64_t(info.st_size) != bytes)
        fail(EPROTO, "the shared memory that was passed has %lld bytes instead of %zu",
             (long long)info.st_size, bytes);
}

Mapping::Mapping(int fd, size_t bytes)
{
    void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        fail_errno("cannot map %zu bytes of shared memory", bytes);
    data_ = static_cast<std::byte *>(at);
    size_ = bytes;
}

Mapping::~Mapping()
{
    if (data_)
        munmap(data_, size_);
}

} // namespace vgpu
