// SPDX-License-Identifier: Apache-2.0
// What the program has said about ranges of managed memory: kept for who asks. Nothing moves by it,
// since each end has the memory already, or its copy.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace vgpu::client
{

struct Whereabouts {
    int type = CU_MEM_LOCATION_TYPE_INVALID;
    int id = 0;
    bool operator==(const Whereabouts &) const = default;

    // A device's ordinal, CU_DEVICE_CPU or CU_DEVICE_INVALID: how older forms name a place.
    int ordinal() const noexcept;
    static Whereabouts of(CUdevice ordinal) noexcept;
};

class Advices
{
public:
    // A new allocation begins without.
    void clear(uint64_t address, uint64_t bytes);

    // False if there is no such advice.
    bool advise(uint64_t address, uint64_t bytes, CUmem_advise advice, Whereabouts where);
    void note_prefetch(uint64_t address, uint64_t bytes, Whereabouts where);

    // What holds for the whole range, or that there is no such thing.
    CUresult answer(void *data, size_t size, CUmem_range_attribute attribute, uint64_t address,
                    uint64_t bytes) const;

private:
    struct Advice {
        bool read_mostly = false;
        Whereabouts preferred, prefetched;
        std::set<int> accessed_by; // ordinals
    };
    template<class Change>
    void change(uint64_t address, uint64_t bytes, Change &&how);
    void split(uint64_t address);
    std::vector<Advice> on(uint64_t address, uint64_t bytes) const;

    mutable std::mutex mutex_;
    std::map<uint64_t, Advice> advices_; // by the first byte; each reaches to the next
};

} // namespace vgpu::client
