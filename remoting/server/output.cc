// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/output.h"

#include "remoting/base/error.h"

#include <cstdio>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::server
{

Output::Output(int fd)
    : fd_(fd), before_(duplicate(fd)), memory_(memfd_create("vgpu-output", MFD_CLOEXEC))
{
    // Appended to, whoever writes through whatever offset.
    if (!memory_ || fcntl(memory_.get(), F_SETFL, O_APPEND) < 0 || dup2(memory_.get(), fd_) < 0)
        fail_errno("standard output cannot be caught");
}

Output::~Output()
{
    fflush(stdout);
    dup2(before_.get(), fd_);
}

bool Output::take(std::vector<std::byte> &bytes, size_t most)
{
    fflush(stdout); // the driver prints by stdio
    struct stat info;
    if (fstat(memory_.get(), &info) < 0 || info.st_size <= taken_) // almost always
        return false;
    bytes.resize(most);
    ssize_t n = pread(memory_.get(), bytes.data(), most, taken_);
    bytes.resize(n > 0 ? size_t(n) : 0);
    if (n <= 0)
        return false;
    // What was taken needs no memory any more; the offsets stay.
    fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, taken_, n);
    taken_ += n;
    return true;
}

} // namespace vgpu::server
