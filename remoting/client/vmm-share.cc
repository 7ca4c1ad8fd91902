// SPDX-License-Identifier: Apache-2.0
// cuMemExportToShareableHandle and its counterpart: physical memory of one process in another. The
// descriptor is one of the memory's name (ipc-ask.h).
#include "remoting/api/ipc-handle.h"
#include "remoting/base/log.h"
#include "remoting/client/entry.h"
#include "remoting/client/ipc-ask.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <cstring>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

CUresult refuse_type()
{
    return refused("physical memory shared by another handle than a file descriptor",
                   "no other is passed between the processes of a job");
}

CUresult import_memory(Session &session, const IpcBytes &name, Allocation &made)
{
    Request request;
    request.out().bytes(std::as_bytes(std::span(name)));
    uint64_t ticket = 0;
    CUresult result = ask_ipc(session, current_word(), api::Call::vgpuIpcFetch,
                              "cuMemImportFromShareableHandle", request, &ticket, sizeof(ticket));
    // On another node: no code of this call's says so better.
    if (result == CUDA_ERROR_MAP_FAILED)
        return CUDA_ERROR_NOT_SUPPORTED;
    made.id = session.new_id(api::Kind::allocation);
    uint32_t ordinal = 0;
    if (result == CUDA_SUCCESS)
        result = remote::vgpuAllocationImport(ticket, made.id, &made.bytes, &ordinal);
    if (result != CUDA_SUCCESS)
        return result;
    if (ordinal >= session.devices().size()) {
        session.connection().give_up("it imported memory to a device that is none");
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    }
    made.prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    made.prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    made.prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    made.prop.location.id = int(ordinal);
    made.shared = name;
    return CUDA_SUCCESS;
}

} // namespace

VGPU_ENTRY cuMemExportToShareableHandle(void *shareable, CUmemGenericAllocationHandle handle,
                                        CUmemAllocationHandleType type, unsigned long long flags)
{
    return entry([&](Session &session) -> CUresult {
        if (!shareable || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
            return refuse_type();
        Mappings &mappings = session.mappings;
        std::unique_lock lock(mappings.mutex);
        auto allocation = mappings.find(handle);
        if (!allocation || !(allocation->prop.requestedHandleTypes & type))
            return CUDA_ERROR_INVALID_VALUE;
        std::optional<IpcBytes> name = allocation->shared;
        if (!name) {
            lock.unlock(); // the worker may have to wait for the device
            name.emplace();
            CUresult result = ask_for_name(session, current_word(), "cuMemExportToShareableHandle",
                                           {api::IpcKind::allocation, {handle}}, &*name);
            if (result != CUDA_SUCCESS)
                return result;
            lock.lock();
            allocation->shared = name;
        }
        int fd = write_name(*name).release();
        std::memcpy(shareable, &fd, sizeof(fd));
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *shareable,
                                          CUmemAllocationHandleType type)
{
    return entry([&](Session &session) -> CUresult {
        if (!handle)
            return CUDA_ERROR_INVALID_VALUE;
        if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
            return refuse_type();
        IpcBytes name;
        if (!read_name(int(reinterpret_cast<intptr_t>(shareable)), name)) {
            vgpu::log(vgpu::Level::warning,
                      "cuMemImportFromShareableHandle: this is no descriptor of "
                      "cuMemExportToShareableHandle in a process with a vgpu lease");
            return CUDA_ERROR_INVALID_VALUE;
        }
        Mappings &mappings = session.mappings;
        std::unique_lock lock(mappings.mutex);
        // What this process has already, its own or another's, gets one more handle.
        auto known = std::find_if(mappings.allocations.begin(), mappings.allocations.end(),
                                  [&](auto &item) { return item.second->shared == name; });
        if (known == mappings.allocations.end()) {
            lock.unlock(); // the other worker may be long in answering
            auto made = std::make_shared<Allocation>();
            if (CUresult result = import_memory(session, name, *made); result != CUDA_SUCCESS)
                return result;
            lock.lock();
            *handle = made->id;
            mappings.allocations[made->id] = std::move(made);
            return CUDA_SUCCESS;
        }
        ++known->second->handles;
        *handle = known->first;
        return CUDA_SUCCESS;
    });
}
