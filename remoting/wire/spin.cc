// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/spin.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>
#include <span>

#include <fcntl.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace vgpu::wire
{
namespace
{

constexpr uint64_t kMinSpinNs = 8'000;
constexpr uint64_t kMaxSpinNs = 50'000;
// What came so soon was held up by our own sleep, or the other side's: waking takes that long.
constexpr uint64_t kSoonNs = 2 * kMaxSpinNs;
// A yield to others may cost a whole slice (EEVDF takes the rest of it): it is tried less and less
// often while there are any.
constexpr unsigned kMostCrowdedWaits = 256;
constexpr uint64_t kMinNapNs = 50'000, kMaxNapNs = 400'000;
// Where many run, whoever is woken waits for his turn: so long for each of them, of one core.
constexpr uint64_t kTurnNs = 200'000, kMostTurnsNs = 5'000'000;
constexpr uint64_t kWorthANap = 4096; // bytes: some thirty launches
// The kernel is asked so often at most: it takes about a microsecond.
constexpr uint64_t kMeasureNs = 1'000'000;
// Others want the core where this part of the time went by waiting for it.
constexpr uint64_t kCrowdedPart = 16;

bool read_text(const Fd &file, std::span<char> text) noexcept
{
    ssize_t n = pread(file.get(), text.data(), text.size() - 1, 0);
    text[std::max<ssize_t>(n, 0)] = 0;
    return n > 0;
}

} // namespace

Spin::Spin(bool measures)
    : limit_ns_(kMaxSpinNs), nap_ns_(kMinNapNs), most_nap_ns_(kMaxNapNs), measures_(measures),
      cores_(unsigned(get_nprocs())), alone_(cores_ == 1)
{
    if (alone_)
        limit_ns_ = 0;
}

uint64_t Spin::begin_wait(uint64_t now_ns) noexcept
{
    if (measures_ && now_ns - measured_at_ >= kMeasureNs)
        measure(now_ns);
    return crowded_ ? --crowded_, 0 : limit_ns_;
}

// Who sleeps much is let in early by the scheduler and hardly waits himself: then it is seen by how
// many run. /proc/loadavg: "1m 5m 15m running/all last"; schedstat: "time on a core, time waiting
// for one, turns" (proc(5), Documentation/scheduler/sched-stats.rst).
void Spin::measure(uint64_t now_ns) noexcept
{
    if (!delays_) {
        delays_.reset(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
        load_.reset(open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
    }
    char delays[128], load[128];
    uint64_t delayed;
    unsigned running;
    if (!read_text(delays_, delays) || std::sscanf(delays, "%*u %" SCNu64, &delayed) != 1 ||
        !read_text(load_, load) || std::sscanf(load, "%*s %*s %*s %u/", &running) != 1) {
        measures_ = false; // a kernel that does not count it
        return;
    }
    bool crowded =
        (delayed - delayed_ns_) * kCrowdedPart > now_ns - measured_at_ || running > cores_;
    // One interruption is no crowd, and each wait without polling would cost a wake-up.
    if (measured_at_ != 0)
        crowded_ = crowded && was_crowded_ ? std::numeric_limits<unsigned>::max() : 0;
    was_crowded_ = crowded;
    most_nap_ns_ = most_nap_ns(running, cores_);
    measured_at_ = now_ns;
    delayed_ns_ = delayed;
}

uint64_t Spin::most_nap_ns(unsigned running, unsigned cores) noexcept
{
    return std::clamp(kTurnNs * running / cores, kMaxNapNs, kMostTurnsNs);
}

void Spin::paid_off() noexcept
{
    limit_ns_ = alone_ ? 0 : std::min(2 * limit_ns_, kMaxSpinNs);
}

void Spin::was_in_vain() noexcept
{
    limit_ns_ = alone_ ? 0 : std::max(limit_ns_ / 2, kMinSpinNs);
}

void Spin::slept(uint64_t waited_ns) noexcept
{
    waited_ns < kSoonNs ? paid_off() : was_in_vain();
}

void Spin::came(uint64_t bytes) noexcept
{
    nap_ns_ = std::clamp(bytes >= kWorthANap ? 2 * nap_ns_ : nap_ns_ / 2,
                         most_nap_ns_ - kMaxNapNs + kMinNapNs, most_nap_ns_);
}

void Spin::was_crowded_out() noexcept
{
    crowded_ = std::max(crowded_, backs_off_);
    backs_off_ = std::min(2 * backs_off_, kMostCrowdedWaits);
}

} // namespace vgpu::wire
