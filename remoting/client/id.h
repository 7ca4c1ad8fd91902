// SPDX-License-Identifier: Apache-2.0
// Ids of what this process creates (HACKING.md, "Ids"). Chosen here, so that creating costs no
// round trip.
#pragma once

#include "remoting/api/kinds.h"

#include <atomic>
#include <cstdint>

namespace vgpu::client
{

// One process has one session with one worker, so that the ids' session field is 0; the field is
// there for processes that will have several.
constexpr uint8_t kSession = 0;

class Ids
{
public:
    uint64_t next(api::Kind kind) noexcept
    {
        uint64_t counter = next_[unsigned(kind)].fetch_add(1, std::memory_order_relaxed);
        return api::make_id(kind, kSession, counter);
    }

private:
    static constexpr unsigned kKinds = unsigned(api::Kind::graph_exec) + 1;

    // Contexts start later: the numbers below are the slices' primary contexts.
    std::atomic<uint64_t> next_[kKinds] = {
        1, api::kFirstContext, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
};

} // namespace vgpu::client
