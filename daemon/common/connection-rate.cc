// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/connection-rate.h"

#include <algorithm>

namespace vgpu::control
{

namespace
{

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kMaxOrigins = 4096;

} // namespace

bool ConnectionRate::take(const std::string &origin, uint64_t now_ns)
{
    if (!limit_)
        return true;
    if (paid_ns_.size() >= kMaxOrigins)
        forget(now_ns);
    // A full table of origins that are all busy: one more is not told apart from the others.
    const bool full = paid_ns_.size() >= kMaxOrigins && !paid_ns_.contains(origin);
    uint64_t &paid = paid_ns_[full ? "" : origin];
    const uint64_t begin = std::max(paid, now_ns);
    if (begin + kSecond / limit_ > now_ns + kSecond)
        return false;
    paid = begin + kSecond / limit_;
    return true;
}

void ConnectionRate::forget(uint64_t now_ns)
{
    std::erase_if(paid_ns_, [&](const auto &entry) { return entry.second <= now_ns; });
}

} // namespace vgpu::control
