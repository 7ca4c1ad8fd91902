// SPDX-License-Identifier: Apache-2.0
// Virtual memory management as it is known here: physical memory, and what of it is mapped where.
// Reserved addresses are the window's.
#pragma once

#include "remoting/client/ipc.h"

#include <cuda.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vgpu::client
{

struct Allocation {
    uint64_t id = 0;
    uint64_t bytes = 0;
    CUmemAllocationProp prop{};     // as the application gave it
    size_t handles = 1;             // what cuMemRetainAllocationHandle gives is one more
    size_t mapped = 0;              // how often
    std::optional<IpcBytes> shared; // its name among the processes, when it has one
};

struct Mapping {
    uint64_t bytes = 0;
    std::shared_ptr<Allocation> allocation;
    std::vector<CUmemAccess_flags> access; // of each device
};

struct Mappings {
    std::mutex mutex; // of all below
    std::unordered_map<uint64_t, std::shared_ptr<Allocation>> allocations;
    std::map<uint64_t, Mapping> mapped;
    std::vector<uint64_t> granularity; // of each device, once it is known

    // Null unless the application still has a handle.
    std::shared_ptr<Allocation> find(CUmemGenericAllocationHandle handle) const
    {
        auto at = allocations.find(handle);
        return at == allocations.end() || at->second->handles == 0 ? nullptr : at->second;
    }

    // The mapping that holds an address.
    std::map<uint64_t, Mapping>::iterator holding(uint64_t address)
    {
        auto after = mapped.upper_bound(address);
        if (after == mapped.begin())
            return mapped.end();
        --after;
        return address - after->first < after->second.bytes ? after : mapped.end();
    }
};

} // namespace vgpu::client
