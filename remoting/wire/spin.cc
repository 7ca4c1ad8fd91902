// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/spin.h"

#include <algorithm>

#include <sched.h>

namespace vgpu::wire
{
namespace
{

constexpr uint64_t kMinSpinNs = 8'000;
constexpr uint64_t kMaxSpinNs = 50'000;
constexpr unsigned kCrowdedWaits = 4;

} // namespace

Spin::Spin() : limit_ns_(kMaxSpinNs), alone_(false)
{
    cpu_set_t set;
    alone_ = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
    if (alone_)
        limit_ns_ = 0;
}

void Spin::paid_off() noexcept
{
    limit_ns_ = alone_ ? 0 : std::min(2 * limit_ns_, kMaxSpinNs);
}

void Spin::was_in_vain() noexcept
{
    limit_ns_ = alone_ ? 0 : std::max(limit_ns_ / 2, kMinSpinNs);
}

void Spin::was_crowded_out() noexcept
{
    crowded_ = kCrowdedWaits;
}

} // namespace vgpu::wire
