// SPDX-License-Identifier: Apache-2.0
// Pinned host memory that both ends have mapped: only the word travels, not the bytes.
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"

namespace vgpu::server::calls
{

namespace
{

// To be taken in any case: the client has sent it.
Fd take_descriptor(Session &session, uint64_t host)
{
    constexpr int kDescriptorMs = 10'000;
    return session.channel->receive_descriptor(host, kDescriptorMs);
}

// `fixed`: at this address or not at all.
CUresult map(Session &session, uint64_t host, Fd memfd, uint64_t address, uint64_t bytes,
             bool fixed, CUdeviceptr *device)
{
    if (api::kind_of(host) != api::Kind::host)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!session.contexts.current())
        return CUDA_ERROR_INVALID_CONTEXT;
    // What the client has given back may still lie where the new memory must: kernels are given
    // the client's address of it.
    session.finish_retired();
    CUresult result =
        session.host_memory.map(host, std::move(memfd), address, bytes, fixed, device);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*device, bytes, host);
    return result;
}

} // namespace

CUresult vgpuHostMap(Session &session, uint64_t host, uint64_t address, uint64_t bytes,
                     CUdeviceptr *device)
{
    if (!session.channel->passes_descriptors())
        return CUDA_ERROR_NOT_SUPPORTED;
    return map(session, host, take_descriptor(session, host), address, bytes, false, device);
}

CUresult vgpuManagedMap(Session &session, uint64_t host, uint64_t address, uint64_t bytes)
{
    if (!session.channel->passes_descriptors())
        return CUDA_ERROR_NOT_SUPPORTED;
    Fd memfd = take_descriptor(session, host);
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (bytes == 0 || session.host_memory.has(host))
        return CUDA_ERROR_INVALID_VALUE;
    auto hold = [&] {
        return session.memory.hold(context->slice, context->word, Memory::Held::managed, host,
                                   bytes);
    };
    if (!hold()) {
        session.finish_retired(); // what is being freed counts as free
        if (!hold())
            return CUDA_ERROR_OUT_OF_MEMORY;
    }
    CUdeviceptr device = 0;
    CUresult result = map(session, host, std::move(memfd), address, bytes, true, &device);
    if (result != CUDA_SUCCESS)
        session.memory.let_go(Memory::Held::managed, host);
    return result;
}

CUresult vgpuHostUnmap(Session &session, uint64_t host)
{
    HostMemory::Piece piece;
    if (!session.host_memory.take(host, piece))
        return CUDA_ERROR_INVALID_VALUE;
    session.memory.drop_ranges(host);
    session.retire(session.contexts.fence(), [&session, piece, host] {
        session.contexts.enter_any(); // the driver wants one, whichever it is
        session.host_memory.drop(piece);
        session.contexts.restore();
        session.memory.let_go(Memory::Held::managed, host);
    });
    return CUDA_SUCCESS;
}

CUresult vgpuCopyFromHost(Session &session, CUdeviceptr dst, uint64_t pitch, uint64_t host,
                          uint64_t offset, uint64_t host_pitch, uint64_t width, uint64_t rows,
                          CUstream stream)
{
    std::byte *from = session.host_memory.rows(host, offset, host_pitch, width, rows);
    if (!from)
        return CUDA_ERROR_INVALID_VALUE;
    return copy_to_device(session.driver, dst, from, {pitch, host_pitch, width, rows}, stream);
}

CUresult vgpuCopyToHost(Session &session, uint64_t host, uint64_t offset, uint64_t host_pitch,
                        CUdeviceptr src, uint64_t pitch, uint64_t width, uint64_t rows,
                        CUstream stream)
{
    std::byte *to = session.host_memory.rows(host, offset, host_pitch, width, rows);
    if (!to)
        return CUDA_ERROR_INVALID_VALUE;
    return copy_to_host(session.driver, to, src, {pitch, host_pitch, width, rows}, stream);
}

} // namespace vgpu::server::calls
