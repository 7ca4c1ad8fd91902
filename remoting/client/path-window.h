// SPDX-License-Identifier: Apache-2.0
// How many bytes are to be under way on a path: twice what it carries in a round trip, by what has
// come through lately, so that neither end ever waits for the other, and no more, since the worker
// has to have host memory for all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vgpu::client
{

class PathWindow
{
public:
    // In bytes; the larger one is the worker's word.
    PathWindow(uint64_t least, uint64_t most) noexcept : least_(least), most_(most), bytes_(least)
    {
    }

    // So many bytes have come through. `held`: more would have been on their way if they could.
    // True when the window has changed.
    bool passed(uint64_t bytes, bool held, uint64_t rtt_ns, uint64_t now_ns) noexcept;

    uint64_t bytes() const noexcept { return bytes_; }

    // What the path holds, by the same measure.
    uint64_t on_the_way() const noexcept { return on_the_way_; }

private:
    void end_round(double rate, uint64_t rtt_ns) noexcept;

    const uint64_t least_, most_;
    uint64_t bytes_;
    uint64_t on_the_way_ = 0;

    // A round is a round trip or more, from an answer on that was waited for.
    static constexpr uint64_t kLeastRoundNs = 2'000'000;
    static constexpr uint64_t kPauseNs = 5'000'000; // a round does not go over one
    uint64_t began_ns_ = 0, last_ns_ = 0, round_bytes_ = 0;
    bool held_ = false;
    std::array<double, 8> rates_{}; // bytes a second of the last rounds
    size_t next_ = 0;
};

} // namespace vgpu::client
