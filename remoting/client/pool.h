// SPDX-License-Identifier: Apache-2.0
// Memory pools. The worker has one arena for all of a slice's memory, from which a freed block is
// reused at once; what a pool promises beyond that (attributes, usage, ownership of its
// allocations) is kept here.
#pragma once

#include "remoting/client/table.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace vgpu::client
{

struct Pool {
    int device = 0;
    bool is_default = false;
    std::atomic<uint64_t> used{0};
    std::atomic<uint64_t> used_high{0};
    std::atomic<uint64_t> release_threshold{0};
    std::atomic<int> reuse[3] = {
        1, 1, 1}; // follow event dependencies, opportunistic, internal dependencies
    std::mutex mutex;
    std::vector<std::pair<int, int>> access; // device, CUmemAccess_flags, beside the pool's own

    void charge(uint64_t bytes) noexcept;
    void credit(uint64_t bytes) noexcept { used.fetch_sub(bytes, std::memory_order_relaxed); }
};

struct Pools {
    Table<Pool> table;
    std::mutex mutex;               // the two below
    std::vector<uint64_t> defaults; // of each device
    std::vector<uint64_t> current;
};

} // namespace vgpu::client
