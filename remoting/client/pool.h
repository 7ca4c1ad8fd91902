// SPDX-License-Identifier: Apache-2.0
// Memory pools. The worker has one arena for all of a slice's memory, from which a freed block is
// reused at once; what a pool promises beyond that (attributes, usage, ownership of its
// allocations) is kept here.
#pragma once

#include "remoting/client/table.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace vgpu::client
{

// Another process's: blocks of it are opened, and none is made.
struct ImportedPool {
    uint64_t door = 0;   // of the worker that has it (api/ipc-handle.h)
    uint64_t theirs = 0; // what its owner calls it
};

struct Pool {
    int device = 0;
    bool is_default = false;
    bool shareable = false; // asked for by its properties
    std::optional<ImportedPool> imported;
    std::atomic<uint64_t> used{0};
    std::atomic<uint64_t> used_high{0};
    std::atomic<uint64_t> release_threshold{0};
    std::atomic<int> reuse[3] = {
        1, 1, 1}; // follow event dependencies, opportunistic, internal dependencies
    std::mutex mutex;
    std::vector<std::pair<int, int>> access; // device, CUmemAccess_flags, beside the pool's own
    bool exported = false;                   // the worker knows of it

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
