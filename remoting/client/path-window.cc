// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/path-window.h"

#include <algorithm>

namespace vgpu::client
{

bool PathWindow::passed(uint64_t bytes, bool held, uint64_t rtt_ns, uint64_t now_ns) noexcept
{
    // What was there before anybody asked came at some time since the last: a round begins behind
    // it.
    const bool idle = !held && (!held_ || now_ns - last_ns_ > rtt_ns + kPauseNs);
    if (began_ns_ == 0 || idle) {
        began_ns_ = last_ns_ = now_ns;
        round_bytes_ = 0;
        held_ = false;
        return false;
    }
    last_ns_ = now_ns;
    round_bytes_ += bytes;
    held_ = held_ || held;
    const uint64_t took = now_ns - began_ns_;
    if (took < std::max(rtt_ns, kLeastRoundNs))
        return false;
    const double rate = double(round_bytes_) * 1e9 / double(took);
    const uint64_t before = bytes_;
    end_round(rate, rtt_ns);
    began_ns_ = now_ns;
    round_bytes_ = 0;
    held_ = false;
    return bytes_ != before;
}

void PathWindow::end_round(double rate, uint64_t rtt_ns) noexcept
{
    rates_[next_++ % rates_.size()] = rate;
    const double most = *std::max_element(rates_.begin(), rates_.end());
    on_the_way_ = uint64_t(most * double(rtt_ns) * 1e-9);
    // In whole megabytes, so that it does not change with every breath.
    const uint64_t wanted = (2 * on_the_way_ + (uint64_t(1) << 20) - 1) >> 20 << 20;
    bytes_ = std::clamp(wanted, least_, most_);
}

} // namespace vgpu::client
