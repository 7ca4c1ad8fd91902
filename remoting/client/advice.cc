// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/advice.h"

#include <algorithm>
#include <cstring>

namespace vgpu::client
{
namespace
{

// CUDA 12.2 gave these their names.
enum { kPreferredType = 5, kPreferredId = 6, kPrefetchType = 7, kPrefetchId = 8 };

template<class T>
CUresult put(void *data, size_t size, T value)
{
    if (size != sizeof(value))
        return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(data, &value, sizeof(value));
    return CUDA_SUCCESS;
}

} // namespace

int Whereabouts::ordinal() const noexcept
{
    if (type == CU_MEM_LOCATION_TYPE_DEVICE)
        return id;
    return type == CU_MEM_LOCATION_TYPE_INVALID ? CU_DEVICE_INVALID : CU_DEVICE_CPU;
}

Whereabouts Whereabouts::of(CUdevice ordinal) noexcept
{
    constexpr int kHost = 2; // CU_MEM_LOCATION_TYPE_HOST, of CUDA 12.2
    if (ordinal == CU_DEVICE_CPU)
        return {kHost, 0};
    return {CU_MEM_LOCATION_TYPE_DEVICE, ordinal};
}

void Advices::split(uint64_t address)
{
    auto at = advices_.upper_bound(address);
    advices_.try_emplace(address, at == advices_.begin() ? Advice() : std::prev(at)->second);
}

template<class Change>
void Advices::change(uint64_t address, uint64_t bytes, Change &&how)
{
    std::lock_guard lock(mutex_);
    split(address + bytes);
    split(address);
    for (auto at = advices_.find(address); at->first < address + bytes; ++at)
        how(at->second);
}

std::vector<Advices::Advice> Advices::on(uint64_t address, uint64_t bytes) const
{
    std::lock_guard lock(mutex_);
    std::vector<Advice> list;
    auto at = advices_.upper_bound(address);
    list.push_back(at == advices_.begin() ? Advice() : std::prev(at)->second);
    for (; at != advices_.end() && at->first < address + bytes; ++at)
        list.push_back(at->second);
    return list;
}

void Advices::clear(uint64_t address, uint64_t bytes)
{
    std::lock_guard lock(mutex_);
    split(address + bytes);
    split(address);
    auto first = advices_.find(address);
    first->second = {};
    advices_.erase(std::next(first), advices_.find(address + bytes));
}

bool Advices::advise(uint64_t address, uint64_t bytes, CUmem_advise advice, Whereabouts where)
{
    if (unsigned(advice) < CU_MEM_ADVISE_SET_READ_MOSTLY ||
        unsigned(advice) > CU_MEM_ADVISE_UNSET_ACCESSED_BY)
        return false;
    change(address, bytes, [&](Advice &it) {
        switch (advice) {
        case CU_MEM_ADVISE_SET_PREFERRED_LOCATION:
            it.preferred = where;
            break;
        case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION:
            it.preferred = {};
            break;
        case CU_MEM_ADVISE_SET_ACCESSED_BY:
            it.accessed_by.insert(where.ordinal());
            break;
        case CU_MEM_ADVISE_UNSET_ACCESSED_BY:
            it.accessed_by.erase(where.ordinal());
            break;
        default:
            it.read_mostly = advice == CU_MEM_ADVISE_SET_READ_MOSTLY;
        }
    });
    return true;
}

void Advices::note_prefetch(uint64_t address, uint64_t bytes, Whereabouts where)
{
    change(address, bytes, [&](Advice &it) { it.prefetched = where; });
}

CUresult Advices::answer(void *data, size_t size, CUmem_range_attribute attribute, uint64_t address,
                         uint64_t bytes) const
{
    if (!data)
        return CUDA_ERROR_INVALID_VALUE;
    auto list = on(address, bytes);
    auto common = [&](auto member) {
        Whereabouts first = list[0].*member;
        bool same =
            std::all_of(list.begin(), list.end(), [&](auto &it) { return it.*member == first; });
        return same ? first : Whereabouts();
    };
    switch (int(attribute)) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
        return put(data, size, int(std::all_of(list.begin(), list.end(), [](auto &it) {
                       return it.read_mostly;
                   })));
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
        return put(data, size, common(&Advice::preferred).ordinal());
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
        return put(data, size, common(&Advice::prefetched).ordinal());
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY: {
        if (size == 0 || size % sizeof(int) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        std::vector<int> all;
        for (int ordinal : list[0].accessed_by)
            if (std::all_of(list.begin(), list.end(),
                            [&](auto &it) { return it.accessed_by.count(ordinal); }))
                all.push_back(ordinal);
        all.resize(size / sizeof(int), CU_DEVICE_INVALID);
        std::memcpy(data, all.data(), size);
        return CUDA_SUCCESS;
    }
    case kPreferredType:
        return put(data, size, common(&Advice::preferred).type);
    case kPreferredId:
        return put(data, size, common(&Advice::preferred).id);
    case kPrefetchType:
        return put(data, size, common(&Advice::prefetched).type);
    case kPrefetchId:
        return put(data, size, common(&Advice::prefetched).id);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

} // namespace vgpu::client
