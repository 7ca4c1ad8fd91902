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
        unsigned number = unsigned(kind);
        uint64_t counter = first(number) + made_[number].fetch_add(1, std::memory_order_relaxed);
        return api::make_id(kind, kSession, counter);
    }

private:
    static constexpr unsigned kKinds = 32; // more than there are

    // From 1 on; contexts from where the numbers of the slices' primary contexts end.
    static constexpr uint64_t first(unsigned kind) noexcept
    {
        return kind == unsigned(api::Kind::context) ? api::kFirstContext : 1;
    }
    std::atomic<uint64_t> made_[kKinds] = {};
};

} // namespace vgpu::client
