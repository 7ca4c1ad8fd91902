// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/descriptor-limit.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/resource.h>

#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

constexpr rlim_t kWanted = 65536; // 4096 connections, and room for a worker's shared memory

} // namespace

void raise_descriptor_limit()
{
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= kWanted)
        return;
    limit.rlim_cur = std::min(limit.rlim_max, kWanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log(Level::warning, "raising the limit of descriptors to %llu (ulimit -n): %s",
            (unsigned long long)limit.rlim_cur, strerror(errno));
}

} // namespace vgpu::control
