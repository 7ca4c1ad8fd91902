// SPDX-License-Identifier: Apache-2.0
// Pinned host memory. Where the channel passes descriptors it is shared with the worker, so that
// copies move no bytes through the channel and kernels reach it; elsewhere it is plain memory that
// may be copied from and to without waiting. Kernels reach that, and memory of the application's
// own, as a mirror (mirrors.h), made when its device address is first asked for.
#include "remoting/client/host-memory.h"

#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr unsigned kAllocFlags =
    CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
constexpr unsigned kRegisterFlags = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP |
                                    CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;

size_t whole_pages(size_t bytes)
{
    size_t page = size_t(sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
}

// Maps memory and has the worker map it too. The worker's refusal leaves plain memory: slower, not
// wrong.
CUresult map(Session &session, size_t bytes, Range &range)
{
    size_t mapped = whole_pages(bytes);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    vgpu::Fd fd;
    if (session.connection().channel().passes_descriptors()) {
        fd = vgpu::memfd("vgpu-host", mapped);
        flags = MAP_SHARED;
    }
    void *address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, flags, fd.get(), 0);
    if (address == MAP_FAILED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    range.base = reinterpret_cast<uint64_t>(address);
    range.bytes = bytes;
    if (!fd)
        return CUDA_SUCCESS;
    CUdeviceptr device = 0;
    share_pages(session, fd, address, mapped, range.host, device);
    range.device_address = device;
    return CUDA_SUCCESS;
}

CUresult mirror(Session &session, const Context &context, Range &range)
{
    CUdeviceptr device = 0;
    CUresult result = remote::cuMemAlloc_v2(&device, range.bytes);
    if (result != CUDA_SUCCESS)
        return result;
    result = session.mirrors.add(session, context, range.base, device, range.bytes,
                                 Mirrors::Writes::always, false);
    if (result != CUDA_SUCCESS) {
        remote::cuMemFree_v2(device);
        return result;
    }
    range.device_address = device;
    session.ranges.set_mirror(range.base, device, context.id);
    session.ranges.add({.base = device,
                        .bytes = range.bytes,
                        .kind = Range::Kind::mirror,
                        .context = context.id,
                        .device = range.device,
                        .host_address = range.base,
                        .flags = range.flags});
    return CUDA_SUCCESS;
}

// What is under way to there arrives before the pages go, or are the application's alone.
void finish(Session &session, const Range &range)
{
    Connection &connection = session.connection();
    connection.complete_before(connection.last_sequence());
    if (!range.mirrored)
        return;
    auto word = uint32_t(api::counter_of(range.mirrored));
    call_in(session, word, api::Call::cuCtxSynchronize);
    session.mirrors.after_wait(session);
    session.mirrors.remove(session, range.base);
    session.ranges.remove(range.device_address);
    post_in(session, word, api::Call::cuMemFree_v2, at(range.device_address));
}

} // namespace

bool vgpu::client::share_pages(Session &session, const Fd &pages, void *address, size_t bytes,
                               uint64_t &host, CUdeviceptr &device)
{
    uint64_t id = session.new_id(api::Kind::host);
    CUdeviceptr there = 0;
    if (!session.connection().send_descriptor(id, pages.get()) ||
        remote::vgpuHostMap(id, uint64_t(address), bytes, &there) != CUDA_SUCCESS)
        return false;
    host = id;
    device = there;
    return true;
}

VGPU_ENTRY cuMemHostAlloc(void **address, size_t bytes, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || bytes == 0 || (flags & ~kAllocFlags) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (whole_pages(bytes) < bytes)
            return CUDA_ERROR_OUT_OF_MEMORY;
        if (CUresult forbidden = session.captures.forbid_unsafe(session); forbidden != CUDA_SUCCESS)
            return forbidden;
        Range range{.kind = Range::Kind::pinned,
                    .context = context.id,
                    .device = context.device,
                    .flags = flags};
        CUresult result = map(session, bytes, range);
        if (result != CUDA_SUCCESS)
            return result;
        session.ranges.add(range);
        *address = reinterpret_cast<void *>(range.base);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemAllocHost_v2(void **address, size_t bytes)
{
    return cuMemHostAlloc(address, bytes, 0);
}

VGPU_ENTRY cuMemFreeHost(void *address)
{
    return entry([&](Session &session) -> CUresult {
        auto base = reinterpret_cast<uint64_t>(address);
        auto range = session.ranges.find(base);
        if (!range || range->base != base || range->kind != Range::Kind::pinned)
            return CUDA_ERROR_INVALID_VALUE;
        finish(session, *range);
        session.ranges.remove(base);
        CUresult result = range->host ? remote::vgpuHostUnmap(range->host) : CUDA_SUCCESS;
        munmap(address, whole_pages(range->bytes));
        return result;
    });
}

VGPU_ENTRY cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *address, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!device || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        auto host = reinterpret_cast<uint64_t>(address);
        auto range = session.ranges.find(host);
        if (range && range->kind == Range::Kind::mirror) {
            *device = host;
            return CUDA_SUCCESS;
        }
        if (!range || range->on_device())
            return CUDA_ERROR_INVALID_VALUE;
        if (!range->device_address) {
            CUresult result = mirror(session, context, *range);
            if (result != CUDA_SUCCESS)
                return result;
        }
        *device = range->device_address + (host - range->base);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMemHostGetFlags(unsigned *flags, void *address)
{
    return entry([&](Session &session) -> CUresult {
        auto range = session.ranges.find(reinterpret_cast<uint64_t>(address));
        if (!flags || !range || range->kind != Range::Kind::pinned)
            return CUDA_ERROR_INVALID_VALUE;
        *flags = range->flags | CU_MEMHOSTALLOC_DEVICEMAP; // with unified addressing all of it is
        return CUDA_SUCCESS;
    });
}

// The application's pages cannot be shared after the fact: others lie on them too, and a child of a
// fork has its own. Registering notes them: asynchronous copies need not wait then.
VGPU_ENTRY cuMemHostRegister_v2(void *address, size_t bytes, unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!address || bytes == 0 || (flags & ~kRegisterFlags) != 0)
            return CUDA_ERROR_INVALID_VALUE;
        Range range{.base = reinterpret_cast<uint64_t>(address),
                    .bytes = bytes,
                    .kind = Range::Kind::registered,
                    .context = context.id,
                    .device = context.device,
                    .flags = flags};
        return session.ranges.add(range) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    });
}

VGPU_ENTRY cuMemHostUnregister(void *address)
{
    return entry([&](Session &session) -> CUresult {
        auto base = reinterpret_cast<uint64_t>(address);
        if (!address)
            return CUDA_ERROR_INVALID_VALUE;
        auto range = session.ranges.find(base);
        if (!range || range->base != base || range->kind != Range::Kind::registered)
            return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
        finish(session, *range);
        session.ranges.remove(base);
        return CUDA_SUCCESS;
    });
}
