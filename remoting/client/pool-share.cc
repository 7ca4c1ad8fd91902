// SPDX-License-Identifier: Apache-2.0
// cuMemPoolExportToShareableHandle and its kin: a memory pool of one process in another.
// Descriptors are those of physical memory (vmm-share.cc), and stand for the pool; each block of it
// goes over by a name of its own, and is mapped as memory of cuIpcOpenMemHandle is. To the worker a
// pool is a number.
#include "remoting/api/ipc-handle.h"
#include "remoting/base/log.h"
#include "remoting/client/entry.h"
#include "remoting/client/ipc-ask.h"
#include "remoting/client/pool.h"
#include "remoting/client/remote.h"

#include <cstring>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

uint64_t door_of(const IpcBytes &name)
{
    api::IpcHandle handle;
    std::memcpy(&handle, name.data(), sizeof(handle));
    return handle.door;
}

CUresult refuse_type()
{
    return refused("a memory pool shared by another handle than a file descriptor",
                   "no other is passed between the processes of a job");
}

CUresult fetch(Session &session, const char *call, const IpcBytes &name, uint64_t &ticket)
{
    Request request;
    request.out().bytes(std::as_bytes(std::span(name)));
    CUresult result = ask_ipc(session, current_word(), api::Call::vgpuIpcFetch, call, request,
                              &ticket, sizeof(ticket));
    switch (result) { // these calls have no codes that say more
    case CUDA_ERROR_MAP_FAILED:
        return CUDA_ERROR_NOT_SUPPORTED;
    case CUDA_ERROR_INVALID_CONTEXT:
        return CUDA_ERROR_INVALID_VALUE;
    default:
        return result;
    }
}

} // namespace

VGPU_ENTRY cuMemPoolExportToShareableHandle(void *shareable, CUmemoryPool handle,
                                            CUmemAllocationHandleType type,
                                            unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        auto pool = session.pools.table.find(api::id_of(handle));
        if (!shareable || flags != 0 || !pool)
            return CUDA_ERROR_INVALID_VALUE;
        if (type != kDescriptor)
            return refuse_type();
        if (!pool->shareable)
            return CUDA_ERROR_INVALID_VALUE;
        IpcBytes name;
        CUresult result =
            ask_for_name(session, current_word(), "cuMemPoolExportToShareableHandle",
                         {api::IpcKind::pool, {api::id_of(handle), uint64_t(pool->device)}}, &name);
        if (result != CUDA_SUCCESS)
            return result;
        {
            std::lock_guard lock(pool->mutex);
            pool->exported = true;
        }
        int fd = write_name(name).release();
        std::memcpy(shareable, &fd, sizeof(fd));
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemPoolImportFromShareableHandle(CUmemoryPool *handle, void *shareable,
                                              CUmemAllocationHandleType type,
                                              unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (type != kDescriptor)
            return refuse_type();
        IpcBytes name;
        if (!read_name(int(reinterpret_cast<intptr_t>(shareable)), name)) {
            vgpu::log(vgpu::Level::warning,
                      "cuMemPoolImportFromShareableHandle: this is no descriptor of "
                      "cuMemPoolExportToShareableHandle in a process with a vgpu lease");
            return CUDA_ERROR_INVALID_VALUE;
        }
        uint64_t ticket = 0, theirs = 0;
        uint32_t ordinal = 0;
        CUresult result = fetch(session, "cuMemPoolImportFromShareableHandle", name, ticket);
        if (result == CUDA_SUCCESS)
            result = remote::vgpuPoolImport(ticket, &theirs, &ordinal);
        if (result != CUDA_SUCCESS)
            return result;
        if (ordinal >= session.devices().size()) {
            session.connection().give_up("it imported a pool to a device that is none");
            return CUDA_ERROR_DEVICE_UNAVAILABLE;
        }
        auto pool = std::make_shared<Pool>();
        pool->device = int(ordinal);
        pool->imported = ImportedPool{door_of(name), theirs};
        uint64_t id = session.new_id(api::Kind::pool);
        session.pools.table.add(id, pool);
        *handle = api::handle_of<CUmemoryPool>(id);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemPoolExportPointer(CUmemPoolPtrExportData *data, CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        auto range = session.ranges.find(address);
        if (!data || !range || range->kind != Range::Kind::device || range->imported ||
            range->graph)
            return CUDA_ERROR_INVALID_VALUE;
        auto pool = session.pools.table.find(range->owner);
        if (!pool || !pool->shareable)
            return CUDA_ERROR_INVALID_VALUE;
        return ask_for_name(session, current_word(), "cuMemPoolExportPointer",
                            {api::IpcKind::pooled, {range->base, range->bytes, range->owner}},
                            data);
    });
}

VGPU_ENTRY cuMemPoolImportPointer(CUdeviceptr *address, CUmemoryPool handle,
                                  CUmemPoolPtrExportData *data)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        auto pool = session.pools.table.find(api::id_of(handle));
        if (!address || !data || !pool || !pool->imported)
            return CUDA_ERROR_INVALID_VALUE;
        IpcBytes name;
        std::memcpy(name.data(), data, sizeof(*data));
        if (door_of(name) != pool->imported->door) // another process's
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t ticket = 0, base = 0, bytes = 0;
        uint32_t slice = 0;
        CUresult result = fetch(session, "cuMemPoolImportPointer", name, ticket);
        if (result == CUDA_SUCCESS)
            result = remote::vgpuPoolOpen(ticket, pool->imported->theirs, &base, &bytes, &slice);
        if (result != CUDA_SUCCESS)
            return result;
        if (slice >= session.devices().size() || !session.ranges.add({.base = base,
                                                                      .bytes = bytes,
                                                                      .context = context.id,
                                                                      .device = int(slice),
                                                                      .owner = api::id_of(handle),
                                                                      .imported = true})) {
            session.connection().give_up("it gave an address out twice");
            return CUDA_ERROR_DEVICE_UNAVAILABLE;
        }
        *address = base;
        return CUDA_SUCCESS;
    });
}
