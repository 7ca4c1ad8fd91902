// SPDX-License-Identifier: Apache-2.0
// Managed memory: cuMemAllocManaged, advice, prefetches, and to which stream it is attached.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

bool is_managed(Session &session, CUdeviceptr address, size_t bytes)
{
    auto range = session.ranges.find(address, bytes);
    return bytes != 0 && range && range->kind == Range::Kind::managed;
}

// A device that is none is an invalid device, everything else that is wrong an invalid value.
CUresult check_place(Session &session, const Whereabouts &where)
{
    if (where.type == CU_MEM_LOCATION_TYPE_DEVICE)
        return where.id >= 0 && size_t(where.id) < session.devices().size()
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_INVALID_DEVICE;
    return where.type >= 2 && where.type <= 4 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult advise(CUdeviceptr address, size_t bytes, CUmem_advise advice, Whereabouts where)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!is_managed(session, address, bytes))
            return CUDA_ERROR_INVALID_VALUE;
        bool placed = advice == CU_MEM_ADVISE_SET_PREFERRED_LOCATION ||
                      advice == CU_MEM_ADVISE_SET_ACCESSED_BY ||
                      advice == CU_MEM_ADVISE_UNSET_ACCESSED_BY;
        CUresult result = placed ? check_place(session, where) : CUDA_SUCCESS;
        if (result != CUDA_SUCCESS)
            return result;
        return session.advices.advise(address, bytes, advice, where) ? CUDA_SUCCESS
                                                                     : CUDA_ERROR_INVALID_VALUE;
    });
}

CUresult prefetch(CUdeviceptr address, size_t bytes, Whereabouts where, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!is_managed(session, address, bytes))
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = check_place(session, where);
        if (result != CUDA_SUCCESS)
            return result;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        session.advices.note_prefetch(address, bytes, where);
        return CUDA_SUCCESS;
    });
}

#if CUDA_VERSION >= 13000
// Several ranges, each with the place whose index is the last not above its own; none to discard
// only: what is there stays, which is as good as anything.
CUresult prefetch_all(CUdeviceptr *addresses, size_t *sizes, size_t count,
                      const CUmemLocation *places, const size_t *first, size_t place_count,
                      unsigned long long flags, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!addresses || !sizes || count == 0 || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (places && (!first || place_count == 0 || place_count > count || first[0] != 0))
            return CUDA_ERROR_INVALID_VALUE;
        for (size_t i = 0; i < count; ++i)
            if (!is_managed(session, addresses[i], sizes[i]))
                return CUDA_ERROR_INVALID_VALUE;
        for (size_t k = 0; k < place_count && places; ++k) {
            if (first[k] >= count || (k && first[k] <= first[k - 1]))
                return CUDA_ERROR_INVALID_VALUE;
            CUresult result = check_place(session, {places[k].type, places[k].id});
            if (result != CUDA_SUCCESS)
                return result;
        }
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        for (size_t i = 0, k = 0; i < count && places; ++i) {
            if (k + 1 < place_count && first[k + 1] <= i)
                ++k;
            session.advices.note_prefetch(addresses[i], sizes[i], {places[k].type, places[k].id});
        }
        return CUDA_SUCCESS;
    });
}
#endif

CUresult note_variable(Session &session, const Context &context, uint64_t library,
                       const Code::Global &variable)
{
    CUresult result =
        session.managed.add_variable(session, context, variable.address, variable.bytes);
    if (result != CUDA_SUCCESS)
        return result;
    session.ranges.remove(variable.address); // as one that was not known to be managed
    session.ranges.add({.base = variable.address,
                        .bytes = variable.bytes,
                        .kind = Range::Kind::managed,
                        .context = context.id,
                        .device = context.device,
                        .owner = library});
    session.advices.clear(variable.address, variable.bytes);
    return CUDA_SUCCESS;
}

} // namespace

VGPU_ENTRY cuMemAllocManaged(CUdeviceptr *address, size_t bytes, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || bytes == 0 ||
            (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST))
            return CUDA_ERROR_INVALID_VALUE;
        CUdeviceptr made = 0;
        CUresult result = session.managed.allocate(session, context, bytes, &made);
        if (result != CUDA_SUCCESS)
            return result;
        Range range{.base = made,
                    .bytes = bytes,
                    .kind = Range::Kind::managed,
                    .context = context.id,
                    .device = context.device};
        if (!session.ranges.add(range)) {
            session.connection().give_up("it gave an address out twice");
            return CUDA_ERROR_DEVICE_UNAVAILABLE;
        }
        session.advices.clear(made, bytes);
        if (flags == CU_MEM_ATTACH_HOST)
            session.mirrors.set_writes(made, Mirrors::Writes::always);
        *address = made;
        return CUDA_SUCCESS;
    });
}

// Kernels of all streams may use it at all times. Memory that is kept from some of them is what the
// host may write to while they run.
VGPU_ENTRY cuStreamAttachMemAsync(CUstream stream, CUdeviceptr address, size_t bytes,
                                  unsigned flags)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        bool legacy = stream == nullptr || stream == CU_STREAM_LEGACY;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST &&
            flags != CU_MEM_ATTACH_SINGLE)
            return CUDA_ERROR_INVALID_VALUE;
        auto range = session.ranges.find(address);
        if (!range || range->kind != Range::Kind::managed || range->base != address ||
            (bytes != 0 && bytes != range->bytes) || (flags == CU_MEM_ATTACH_SINGLE && legacy))
            return CUDA_ERROR_INVALID_VALUE;
        if (flags != CU_MEM_ATTACH_GLOBAL)
            session.mirrors.set_writes(address, Mirrors::Writes::always);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamAttachMemAsync_ptsz(CUstream stream, CUdeviceptr address, size_t bytes,
                                       unsigned flags)
{
    return cuStreamAttachMemAsync(per_thread(stream), address, bytes, flags);
}

VGPU_ENTRY cuMemAdvise(CUdeviceptr address, size_t bytes, CUmem_advise advice, CUdevice device)
{
    return advise(address, bytes, advice, Whereabouts::of(device));
}

VGPU_ENTRY cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice device, CUstream stream)
{
    return prefetch(address, bytes, Whereabouts::of(device), stream);
}

VGPU_ENTRY cuMemPrefetchAsync_ptsz(CUdeviceptr address, size_t bytes, CUdevice device,
                                   CUstream stream)
{
    return cuMemPrefetchAsync(address, bytes, device, per_thread(stream));
}

#if CUDA_VERSION >= 12020
VGPU_ENTRY cuMemAdvise_v2(CUdeviceptr address, size_t bytes, CUmem_advise advice,
                          CUmemLocation location)
{
    return advise(address, bytes, advice, {location.type, location.id});
}

VGPU_ENTRY cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation location,
                                 unsigned flags, CUstream stream)
{
    return flags == 0 ? prefetch(address, bytes, {location.type, location.id}, stream)
                      : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuMemPrefetchAsync_v2_ptsz(CUdeviceptr address, size_t bytes, CUmemLocation location,
                                      unsigned flags, CUstream stream)
{
    return cuMemPrefetchAsync_v2(address, bytes, location, flags, per_thread(stream));
}
#endif

#if CUDA_VERSION >= 13000
VGPU_ENTRY cuMemPrefetchBatchAsync(CUdeviceptr *addresses, size_t *sizes, size_t count,
                                   CUmemLocation *places, size_t *first, size_t place_count,
                                   unsigned long long flags, CUstream stream)
{
    return places ? prefetch_all(addresses, sizes, count, places, first, place_count, flags, stream)
                  : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuMemPrefetchBatchAsync_ptsz(CUdeviceptr *addresses, size_t *sizes, size_t count,
                                        CUmemLocation *places, size_t *first, size_t place_count,
                                        unsigned long long flags, CUstream stream)
{
    return cuMemPrefetchBatchAsync(addresses, sizes, count, places, first, place_count, flags,
                                   per_thread(stream));
}

VGPU_ENTRY cuMemDiscardBatchAsync(CUdeviceptr *addresses, size_t *sizes, size_t count,
                                  unsigned long long flags, CUstream stream)
{
    return prefetch_all(addresses, sizes, count, nullptr, nullptr, 0, flags, stream);
}

VGPU_ENTRY cuMemDiscardBatchAsync_ptsz(CUdeviceptr *addresses, size_t *sizes, size_t count,
                                       unsigned long long flags, CUstream stream)
{
    return cuMemDiscardBatchAsync(addresses, sizes, count, flags, per_thread(stream));
}

VGPU_ENTRY cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr *addresses, size_t *sizes, size_t count,
                                             CUmemLocation *places, size_t *first,
                                             size_t place_count, unsigned long long flags,
                                             CUstream stream)
{
    return cuMemPrefetchBatchAsync(addresses, sizes, count, places, first, place_count, flags,
                                   stream);
}

VGPU_ENTRY cuMemDiscardAndPrefetchBatchAsync_ptsz(CUdeviceptr *addresses, size_t *sizes,
                                                  size_t count, CUmemLocation *places,
                                                  size_t *first, size_t place_count,
                                                  unsigned long long flags, CUstream stream)
{
    return cuMemPrefetchBatchAsync(addresses, sizes, count, places, first, place_count, flags,
                                   per_thread(stream));
}
#endif

VGPU_ENTRY cuMemRangeGetAttribute(void *data, size_t size, CUmem_range_attribute attribute,
                                  CUdeviceptr address, size_t bytes)
{
    return cuMemRangeGetAttributes(&data, &size, &attribute, 1, address, bytes);
}

VGPU_ENTRY cuMemRangeGetAttributes(void **data, size_t *sizes, CUmem_range_attribute *attributes,
                                   size_t count, CUdeviceptr address, size_t bytes)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!data || !sizes || !attributes || count == 0 || !is_managed(session, address, bytes))
            return CUDA_ERROR_INVALID_VALUE;
        CUresult result = CUDA_SUCCESS;
        for (size_t i = 0; i < count && result == CUDA_SUCCESS; ++i)
            result = session.advices.answer(data[i], sizes[i], attributes[i], address, bytes);
        return result;
    });
}

// A managed variable is the program's own memory too from the first time that it asks for it,
// which the runtime does when it loads the library.
VGPU_ENTRY cuLibraryGetManaged(CUdeviceptr *address, size_t *bytes, CUlibrary handle,
                               const char *name)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!name || (!address && !bytes))
            return CUDA_ERROR_INVALID_VALUE;
        auto library = session.libraries.find(api::id_of(handle));
        if (!library)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(library->mutex);
        auto known = library->managed.find({name, context.id});
        if (known == library->managed.end()) {
            Code::Global global{};
            CUresult result =
                remote::cuLibraryGetManaged(&global.address, &global.bytes, handle, name);
            // Another context may know it already.
            if (result == CUDA_SUCCESS && !is_managed(session, global.address, global.bytes))
                result = note_variable(session, context, api::id_of(handle), global);
            if (result != CUDA_SUCCESS)
                return result;
            known =
                library->managed.emplace(std::pair{std::string(name), context.id}, global).first;
        }
        if (address)
            *address = known->second.address;
        if (bytes)
            *bytes = known->second.bytes;
        return CUDA_SUCCESS;
    });
}
