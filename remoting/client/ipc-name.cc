// SPDX-License-Identifier: Apache-2.0
#include "remoting/api/ipc-handle.h"
#include "remoting/base/error.h"
#include "remoting/client/ipc-ask.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::client
{

static constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

static_assert(sizeof(IpcBytes) == sizeof(api::IpcHandle));

Fd write_name(const IpcBytes &name)
{
    Fd file(memfd_create("vgpu-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file)
        fail_errno("the descriptor for another process");
    write_all(file.get(), std::as_bytes(std::span(name)), Deadline::never());
    if (fcntl(file.get(), F_ADD_SEALS, kSeals) < 0)
        fail_errno("the descriptor for another process cannot be sealed");
    return file;
}

// Anything may be behind a descriptor: only what cannot block, and is as long as a name, is read.
bool read_name(int fd, IpcBytes &name)
{
    struct stat info;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & kSeals) == kSeals && fstat(fd, &info) == 0 &&
           info.st_size == off_t(name.size()) &&
           pread(fd, name.data(), name.size(), 0) == ssize_t(name.size());
}

} // namespace vgpu::client
