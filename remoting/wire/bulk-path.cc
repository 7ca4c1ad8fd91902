// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/bulk-path.h"

#include <linux/sockios.h>
#include <linux/tcp.h> // has what the C library's tcp_info lacks
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace vgpu::wire
{

BulkPath tcp_path(int socket) noexcept
{
    BulkPath path;
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return path;
    constexpr uint32_t kNotMeasured = UINT32_MAX;
    if (info.tcpi_min_rtt != kNotMeasured)
        path.rtt_ns = uint64_t(info.tcpi_min_rtt) * 1000;
    path.smooth_rtt_ns = uint64_t(info.tcpi_rtt) * 1000;
    path.busy_us = info.tcpi_busy_time;
    path.limited_us = info.tcpi_rwnd_limited + info.tcpi_sndbuf_limited;
    int unsent = 0;
    if (ioctl(socket, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        path.unsent = uint64_t(unsent);
    return path;
}

bool BulkLimits::look(uint64_t busy_us, uint64_t limited_us) noexcept
{
    if (restarted_) {
        busy_us_ = busy_us;
        limited_us_ = limited_us;
        limited_ = restarted_ = false;
    }
    const uint64_t busy = busy_us - busy_us_, limited = limited_us - limited_us_;
    if (busy >= kEnoughUs) {
        limited_ = limited >= busy / 2;
        busy_us_ = busy_us;
        limited_us_ = limited_us;
    }
    return limited_;
}

} // namespace vgpu::wire
