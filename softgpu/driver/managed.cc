// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/module.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

// Managed memory: device memory of the software GPU is memory of this process, so both sides see
// the same bytes and nothing ever moves. Advice and prefetches are kept, for who asks about them.

namespace vgpu::soft::driver
{
namespace
{

struct Where {
    int type = CU_MEM_LOCATION_TYPE_INVALID;
    int id = 0;
    bool operator==(const Where &) const = default;
};

/// What was said about a range.
struct Advice {
    bool read_mostly = false;
    Where preferred, prefetched;
    std::set<int> accessed_by; ///< ordinals; CU_DEVICE_CPU for the host
    bool operator==(const Advice &) const = default;
};

std::mutex lock;
/// By the first byte; each reaches to the next. Ranges that were freed are cut out when memory
/// comes to lie there again.
std::map<uint64_t, Advice> advices;

/// Makes a range begin at `address`, with the advice that held there before.
void split(uint64_t address)
{
    auto it = advices.upper_bound(address);
    Advice before = it == advices.begin() ? Advice() : std::prev(it)->second;
    advices.try_emplace(address, before);
}

template<class Change>
void change(uint64_t address, size_t bytes, Change &&how)
{
    std::lock_guard hold(lock);
    split(address + bytes);
    split(address);
    for (auto it = advices.find(address); it->first < address + bytes; ++it)
        how(it->second);
}

std::vector<Advice> advice_on(uint64_t address, size_t bytes)
{
    std::lock_guard hold(lock);
    std::vector<Advice> list;
    auto it = advices.upper_bound(address);
    list.push_back(it == advices.begin() ? Advice() : std::prev(it)->second);
    for (; it != advices.end() && it->first < address + bytes; ++it)
        list.push_back(it->second);
    return list;
}

void check_range(CUdeviceptr address, size_t bytes)
{
    current::get();
    require(bytes != 0);
    auto allocation = machine().allocations.find(address);
    require(allocation && allocation->managed && bytes <= allocation->size &&
            address - allocation->address <= allocation->size - bytes);
}

Where checked(Where where)
{
    if (where.type == CU_MEM_LOCATION_TYPE_DEVICE)
        machine().device(where.id);
    else
        require(where.type >= CU_MEM_LOCATION_TYPE_HOST && where.type <= 4);
    return where;
}

int ordinal_of(const Where &where)
{
    if (where.type == CU_MEM_LOCATION_TYPE_DEVICE)
        return where.id;
    return where.type == CU_MEM_LOCATION_TYPE_INVALID ? CU_DEVICE_INVALID : CU_DEVICE_CPU;
}

void advise(CUdeviceptr address, size_t bytes, CUmem_advise advice, Where where)
{
    check_range(address, bytes);
    bool placed = advice == CU_MEM_ADVISE_SET_PREFERRED_LOCATION ||
                  advice == CU_MEM_ADVISE_SET_ACCESSED_BY ||
                  advice == CU_MEM_ADVISE_UNSET_ACCESSED_BY;
    if (placed)
        checked(where);
    change(address, bytes, [&](Advice &it) {
        switch (advice) {
        case CU_MEM_ADVISE_SET_READ_MOSTLY:
        case CU_MEM_ADVISE_UNSET_READ_MOSTLY:
            it.read_mostly = advice == CU_MEM_ADVISE_SET_READ_MOSTLY;
            break;
        case CU_MEM_ADVISE_SET_PREFERRED_LOCATION:
            it.preferred = where;
            break;
        case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION:
            it.preferred = {};
            break;
        case CU_MEM_ADVISE_SET_ACCESSED_BY:
            it.accessed_by.insert(ordinal_of(where));
            break;
        case CU_MEM_ADVISE_UNSET_ACCESSED_BY:
            it.accessed_by.erase(ordinal_of(where));
            break;
        default:
            throw Failure(CUDA_ERROR_INVALID_VALUE);
        }
    });
}

void prefetch(CUdeviceptr address, size_t bytes, Where where, CUstream handle)
{
    check_range(address, bytes);
    checked(where);
    auto stream = stream_of(handle, *current::get());
    auto context = stream->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    if (captured(*stream))
        forbid_while_capturing(*stream);
    context->submit(*stream, {[address, bytes, where] {
                                  change(address, bytes,
                                         [&](Advice &it) { it.prefetched = where; });
                              },
                              {}});
}

/// Batches of prefetches, each list of places for the ranges from `first` on. What is discarded has
/// no contents until it is written again: its old ones will do.
void prefetch_all(CUdeviceptr *addresses, size_t *sizes, size_t count, CUmemLocation *places,
                  size_t *first, size_t place_count, unsigned long long flags, CUstream stream)
{
    require(addresses && sizes && count && flags == 0);
    require(!places || (first && place_count && place_count <= count && first[0] == 0));
    for (size_t i = 0; i < count; i++)
        check_range(addresses[i], sizes[i]);
    for (size_t k = 0; k < place_count && places; k++) {
        require(first[k] < count && (k == 0 || first[k] > first[k - 1]));
        checked({places[k].type, places[k].id});
    }
    stream_of(stream, *current::get());
    for (size_t i = 0, k = 0; i < count && places; i++) {
        if (k + 1 < place_count && first[k + 1] <= i)
            k++;
        prefetch(addresses[i], sizes[i], {places[k].type, places[k].id}, stream);
    }
}

template<class T>
void put(void *data, size_t size, T value)
{
    require(size == sizeof value);
    memcpy(data, &value, sizeof value);
}

/// What holds for the whole range, or that there is no such thing.
void answer(void *data, size_t size, CUmem_range_attribute attribute, CUdeviceptr address,
            size_t bytes)
{
    require(data != nullptr);
    auto list = advice_on(address, bytes);
    auto common = [&](auto member) {
        Where first = list[0].*member;
        bool same =
            std::all_of(list.begin(), list.end(), [&](auto &it) { return it.*member == first; });
        return same ? first : Where();
    };
    switch (static_cast<int>(attribute)) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
        return put(data, size, int(std::all_of(list.begin(), list.end(), [](auto &it) {
                       return it.read_mostly;
                   })));
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION:
        return put(data, size, ordinal_of(common(&Advice::preferred)));
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION:
        return put(data, size, ordinal_of(common(&Advice::prefetched)));
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY: {
        require(size && size % sizeof(int) == 0);
        auto *out = static_cast<int *>(data);
        std::fill_n(out, size / sizeof(int), CU_DEVICE_INVALID);
        size_t at = 0;
        for (int ordinal : list[0].accessed_by)
            if (at < size / sizeof(int) && std::all_of(list.begin(), list.end(), [&](auto &it) {
                    return it.accessed_by.count(ordinal);
                }))
                out[at++] = ordinal;
        return;
    }
    // CUDA 12.2 gave these their names.
    case 5: // CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE
        return put(data, size, common(&Advice::preferred).type);
    case 6: // CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID
        return put(data, size, common(&Advice::preferred).id);
    case 7: // CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE
        return put(data, size, common(&Advice::prefetched).type);
    case 8: // CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID
        return put(data, size, common(&Advice::prefetched).id);
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes,
                                               unsigned int flags)
{
    ENTRY({
        require(pointer && bytes && (flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST));
        auto context = current::get();
        forbid_unsafe();
        *pointer =
            allocate_device(context->device, bytes, Allocation::Origin::managed, context->id);
        change(*pointer, bytes, [](Advice &it) { it = {}; });
    });
}

#if CUDA_VERSION >= 12020
SOFT_EXPORT CUresult CUDAAPI cuMemAdvise_v2(CUdeviceptr address, size_t bytes, CUmem_advise advice,
                                            CUmemLocation location)
{
    ENTRY({ advise(address, bytes, advice, {location.type, location.id}); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes,
                                                   CUmemLocation location, unsigned int flags,
                                                   CUstream stream)
{
    ENTRY({
        require(!flags);
        prefetch(address, bytes, {location.type, location.id}, stream);
    });
}
#endif

#if CUDA_VERSION >= 13000
SOFT_EXPORT CUresult CUDAAPI cuMemPrefetchBatchAsync(CUdeviceptr *addresses, size_t *sizes,
                                                     size_t count, CUmemLocation *places,
                                                     size_t *first, size_t place_count,
                                                     unsigned long long flags, CUstream stream)
{
    ENTRY({
        require(places != nullptr);
        prefetch_all(addresses, sizes, count, places, first, place_count, flags, stream);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemDiscardBatchAsync(CUdeviceptr *addresses, size_t *sizes,
                                                    size_t count, unsigned long long flags,
                                                    CUstream stream)
{
    ENTRY({ prefetch_all(addresses, sizes, count, nullptr, nullptr, 0, flags, stream); });
}

SOFT_EXPORT CUresult CUDAAPI cuMemDiscardAndPrefetchBatchAsync(
    CUdeviceptr *addresses, size_t *sizes, size_t count, CUmemLocation *places, size_t *first,
    size_t place_count, unsigned long long flags, CUstream stream)
{
    ENTRY({
        require(places != nullptr);
        prefetch_all(addresses, sizes, count, places, first, place_count, flags, stream);
    });
}
#endif

SOFT_EXPORT CUresult CUDAAPI cuMemRangeGetAttribute(void *data, size_t size,
                                                    CUmem_range_attribute attribute,
                                                    CUdeviceptr address, size_t bytes)
{
    ENTRY({
        check_range(address, bytes);
        answer(data, size, attribute, address, bytes);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemRangeGetAttributes(void **data, size_t *sizes,
                                                     CUmem_range_attribute *attributes,
                                                     size_t count, CUdeviceptr address,
                                                     size_t bytes)
{
    ENTRY({
        require(data && sizes && attributes && count);
        check_range(address, bytes);
        for (size_t i = 0; i < count; i++)
            answer(data[i], sizes[i], attributes[i], address, bytes);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamAttachMemAsync(CUstream handle, CUdeviceptr address,
                                                    size_t bytes, unsigned int flags)
{
    ENTRY({
        auto stream = stream_of(handle, *current::get());
        auto allocation = machine().allocations.find(address);
        require(flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST ||
                flags == CU_MEM_ATTACH_SINGLE);
        require(allocation && allocation->managed && allocation->address == address &&
                (!bytes || bytes == allocation->size));
        require(flags != CU_MEM_ATTACH_SINGLE || stream->role != Stream::Role::legacy);
        // Both sides may use it at all times, whatever it is attached to.
        if (captured(*stream))
            forbid_while_capturing(*stream);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLibraryGetManaged(CUdeviceptr *address, size_t *bytes,
                                                 CUlibrary library, const char *name)
{
    ENTRY({
        require((address || bytes) && name);
        auto variable = machine().libraries.get(library)->module_in(current::get())->global(name);
        require(variable.managed, CUDA_ERROR_NOT_FOUND);
        if (address)
            *address = variable.address;
        if (bytes)
            *bytes = variable.size;
    });
}
