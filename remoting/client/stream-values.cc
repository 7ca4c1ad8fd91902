// SPDX-License-Identifier: Apache-2.0
// Writes to memory, and waits for it, in a stream's order. What the driver would say at once is
// said here; the worker's dispatch only puts them into the stream.
#include "remoting/client/entry.h"
#include "remoting/client/graph.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr unsigned kWaitFlags = 3u | unsigned(CU_STREAM_WAIT_VALUE_FLUSH);
constexpr unsigned kWriteFlags = CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER;

// Where the device finds a cell of `bytes` bytes: in its memory, or in host memory that it reaches.
// An address of unknown memory outside of the window is left to the worker: it may be a global
// variable's.
CUresult locate(const Session &session, CUdeviceptr &address, uint64_t bytes)
{
    if (address == 0 || address % bytes != 0)
        return CUDA_ERROR_INVALID_VALUE;
    auto range = session.ranges.find(address);
    if (!range)
        return session.window().holds(address) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    if (bytes > session.ranges.room(*range, address))
        return CUDA_ERROR_INVALID_VALUE;
    if (range->on_device())
        return CUDA_SUCCESS;
    if (range->device_address == 0)
        return CUDA_ERROR_INVALID_VALUE; // over a stream, the worker does not have it
    address = range->device_address + (address - range->base);
    return CUDA_SUCCESS;
}

template<class T>
CUresult one(api::Call call, CUstream stream, CUdeviceptr address, T value, unsigned flags,
             unsigned known)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (flags & ~known)
            return CUDA_ERROR_INVALID_VALUE;
        if (CUresult result = locate(session, address, sizeof(T)); result != CUDA_SUCCESS)
            return result;
        DeviceWork work(session, context, stream);
        if (work.result != CUDA_SUCCESS)
            return work.result;
        CUresult result = post_in(session, stream_word(session, context.word(), stream), call,
                                  handle(stream), at(address), val(value), val(flags));
        if (result == CUDA_SUCCESS && !session.ranges.find(address))
            result = judge(session, context.word());
        return result;
    });
}

} // namespace

namespace vgpu::client
{

CUresult words_of(const Session &session, const CUstreamBatchMemOpParams &it, uint64_t (&words)[4])
{
    uint64_t bytes = 8;
    switch (it.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        bytes = 4;
        [[fallthrough]];
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
    case CU_STREAM_MEM_OP_WRITE_VALUE_64: {
        auto &cell = it.waitValue; // both are laid out alike
        bool waits = it.operation == CU_STREAM_MEM_OP_WAIT_VALUE_32 ||
                     it.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64;
        if (cell.flags & ~(waits ? kWaitFlags : kWriteFlags))
            return CUDA_ERROR_INVALID_VALUE;
        CUdeviceptr address = cell.address;
        words[0] = it.operation;
        words[2] = bytes == 4 ? cell.value : cell.value64;
        words[3] = cell.flags;
        CUresult result = locate(session, address, bytes);
        words[1] = address;
        return result;
    }
    case CU_STREAM_MEM_OP_BARRIER:
    case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
        words[0] = it.operation;
        words[1] = words[2] = 0;
        words[3] = it.memoryBarrier.flags;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

} // namespace vgpu::client

VGPU_ENTRY cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                  unsigned flags)
{
    return one(api::Call::cuStreamWaitValue32_v2, stream, address, value, flags, kWaitFlags);
}

VGPU_ENTRY cuStreamWaitValue32_v2_ptsz(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                       unsigned flags)
{
    return cuStreamWaitValue32_v2(per_thread(stream), address, value, flags);
}

VGPU_ENTRY cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                  unsigned flags)
{
    return one(api::Call::cuStreamWaitValue64_v2, stream, address, value, flags, kWaitFlags);
}

VGPU_ENTRY cuStreamWaitValue64_v2_ptsz(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                       unsigned flags)
{
    return cuStreamWaitValue64_v2(per_thread(stream), address, value, flags);
}

VGPU_ENTRY cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                   unsigned flags)
{
    return one(api::Call::cuStreamWriteValue32_v2, stream, address, value, flags, kWriteFlags);
}

VGPU_ENTRY cuStreamWriteValue32_v2_ptsz(CUstream stream, CUdeviceptr address, cuuint32_t value,
                                        unsigned flags)
{
    return cuStreamWriteValue32_v2(per_thread(stream), address, value, flags);
}

VGPU_ENTRY cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                   unsigned flags)
{
    return one(api::Call::cuStreamWriteValue64_v2, stream, address, value, flags, kWriteFlags);
}

VGPU_ENTRY cuStreamWriteValue64_v2_ptsz(CUstream stream, CUdeviceptr address, cuuint64_t value,
                                        unsigned flags)
{
    return cuStreamWriteValue64_v2(per_thread(stream), address, value, flags);
}

VGPU_ENTRY cuStreamBatchMemOp_v2(CUstream stream, unsigned count, CUstreamBatchMemOpParams *list,
                                 unsigned flags)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        constexpr unsigned kMost = 256; // the driver's own limit
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        if (!list || count == 0 || count > kMost || flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        std::vector<uint64_t> words;
        for (auto &it : std::span(list, count)) {
            uint64_t four[4];
            if (CUresult result = words_of(session, it, four); result != CUDA_SUCCESS)
                return result;
            words.insert(words.end(), std::begin(four), std::end(four));
        }
        DeviceWork work(session, context, stream);
        if (work.result != CUDA_SUCCESS)
            return work.result;
        return post_in(session, stream_word(session, context.word(), stream),
                       api::Call::vgpuStreamBatch,
                       api::InArray<uint64_t>::Client(words.data(), words.size()), handle(stream));
    });
}

VGPU_ENTRY cuStreamBatchMemOp_v2_ptsz(CUstream stream, unsigned count,
                                      CUstreamBatchMemOpParams *list, unsigned flags)
{
    return cuStreamBatchMemOp_v2(per_thread(stream), count, list, flags);
}
