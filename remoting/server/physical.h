// SPDX-License-Identifier: Apache-2.0
// What the client does with the driver's virtual memory management itself: addresses that both ends
// reserve, physical memory, and what is mapped where. Memory that exists is charged, mapped or not;
// that of another session is charged there (sharing.h).
#pragma once

#include "remoting/server/memory.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

// A handle of the driver's, released with its last copy, in whichever thread that is.
using PhysicalHandle = std::shared_ptr<const CUmemGenericAllocationHandle>;
PhysicalHandle own(const Driver &driver, CUmemGenericAllocationHandle handle);

class Physical
{
public:
    static constexpr size_t kMost = 1 << 20; // a client that makes more leaks, or means harm

    Physical(const Driver &driver, const std::vector<Slice> &slices, Memory &memory,
             Sharing &sharing)
        : driver_(driver), slices_(slices), memory_(memory), sharing_(sharing)
    {
    }
    ~Physical();

    // Exactly there, or CUDA_ERROR_ALREADY_MAPPED: the client then tries elsewhere.
    CUresult reserve(CUdeviceptr base, uint64_t bytes, uint64_t alignment);
    CUresult free(CUdeviceptr base, uint64_t bytes);

    struct Wish {
        uint32_t compression, rdma, usage; // CUmemAllocationProp::allocFlags
        bool shareable; // with other sessions
    };
    CUresult create(uint64_t id, size_t slice, uint64_t bytes, const Wish &wish);
    CUresult release(uint64_t id);

    // What other sessions may have. Nothing if it was not created so, or is another's itself.
    struct Lent {
        size_t slice;
        uint64_t bytes;
        PhysicalHandle handle;
    };
    std::optional<Lent> lent(uint64_t id) const;

    // Another session's, which pays for it as long as `line` is not cut.
    CUresult adopt(uint64_t id, size_t slice, PhysicalHandle handle, uint64_t bytes, Fd line);

    // What was released while other sessions have it. It is let go, by `tidy`, when they have.
    bool lingers() const noexcept { return !lingering_.empty(); }
    void tidy();

    CUresult map(CUdeviceptr base, uint64_t bytes, uint64_t offset, uint64_t id);
    CUresult unmap(CUdeviceptr base, uint64_t bytes);
    CUresult set_access(CUdeviceptr base, uint64_t bytes, size_t slice, uint32_t flags);

    // The driver's handle of what is mapped to tiles of arrays. Which of them have it is not known
    // here, and they keep it when it is released: it is paid for as long as the session lasts.
    std::optional<CUmemGenericAllocationHandle> tile(uint64_t id);

private:
    struct Allocation {
        PhysicalHandle handle; // null when it is released
        size_t slice;
        uint64_t bytes;
        bool shareable = false;
        bool borrowed = false;
        size_t mapped = 0; // how often
    };
    struct Mapping {
        uint64_t bytes;
        uint64_t id;
    };

    bool reserved(CUdeviceptr base, uint64_t bytes) const;
    void drop_if_unused(uint64_t id);
    void uncharge(uint64_t id, const Allocation &allocation);

    const Driver &driver_;
    const std::vector<Slice> &slices_;
    Memory &memory_;
    Sharing &sharing_;
    std::map<CUdeviceptr, uint64_t> reservations_;
    std::map<CUdeviceptr, Mapping> mappings_;
    std::unordered_map<uint64_t, Allocation> allocations_;
    std::vector<uint64_t> lingering_;
};

} // namespace vgpu::server
