// SPDX-License-Identifier: Apache-2.0
// Pinned host memory that both ends have mapped: only the word travels, not the bytes.
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"

namespace vgpu::server::calls
{

CUresult vgpuHostMap(Session &session, uint64_t host, uint64_t address, uint64_t bytes,
                     CUdeviceptr *device)
{
    constexpr int kDescriptorMs = 10'000;
    if (!session.channel->passes_descriptors())
        return CUDA_ERROR_NOT_SUPPORTED;
    // Taken in any case: the client has sent it.
    Fd memfd = session.channel->receive_descriptor(host, kDescriptorMs);
    if (api::kind_of(host) != api::Kind::host)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!session.contexts.current())
        return CUDA_ERROR_INVALID_CONTEXT;
    // What the client has given back may still lie where the new memory must: kernels are given
    // the client's address of it.
    session.finish_retired();
    CUresult result = session.host_memory.map(host, std::move(memfd), address, bytes, device);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*device, bytes, host);
    return result;
}

CUresult vgpuHostUnmap(Session &session, uint64_t host)
{
    HostMemory::Piece piece;
    if (!session.host_memory.take(host, piece))
        return CUDA_ERROR_INVALID_VALUE;
    session.memory.drop_ranges(host);
    session.retire(session.contexts.fence(),
                   [&session, piece] { session.host_memory.drop(piece); });
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
