// SPDX-License-Identifier: Apache-2.0
// What the client does with the driver's virtual memory management itself: addresses that both ends
// reserve, physical memory, and what is mapped where. Memory that exists is charged, mapped or not.
#pragma once

#include "remoting/server/memory.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

class Physical
{
public:
    static constexpr size_t kMost = 1 << 20; // a client that makes more leaks, or means harm

    Physical(const Driver &driver, const std::vector<Slice> &slices, Memory &memory)
        : driver_(driver), slices_(slices), memory_(memory)
    {
    }
    ~Physical();

    // Exactly there, or CUDA_ERROR_ALREADY_MAPPED: the client then tries elsewhere.
    CUresult reserve(CUdeviceptr base, uint64_t bytes, uint64_t alignment);
    CUresult free(CUdeviceptr base, uint64_t bytes);

    CUresult create(uint64_t id, size_t slice, uint64_t bytes, uint32_t compression, uint32_t rdma);
    CUresult release(uint64_t id);

    CUresult map(CUdeviceptr base, uint64_t bytes, uint64_t offset, uint64_t id);
    CUresult unmap(CUdeviceptr base, uint64_t bytes);
    CUresult set_access(CUdeviceptr base, uint64_t bytes, size_t slice, uint32_t flags);

private:
    struct Allocation {
        CUmemGenericAllocationHandle handle;
        size_t slice;
        uint64_t bytes;
        size_t mapped = 0; // how often
        bool released = false;
    };
    struct Mapping {
        uint64_t bytes;
        uint64_t id;
    };

    bool reserved(CUdeviceptr base, uint64_t bytes) const;
    void drop_if_unused(uint64_t id);

    const Driver &driver_;
    const std::vector<Slice> &slices_;
    Memory &memory_;
    std::map<CUdeviceptr, uint64_t> reservations_;
    std::map<CUdeviceptr, Mapping> mappings_;
    std::unordered_map<uint64_t, Allocation> allocations_;
};

} // namespace vgpu::server
