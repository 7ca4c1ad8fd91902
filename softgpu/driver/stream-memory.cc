// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/machine.h"

#include <atomic>
#include <chrono>
#include <thread>

// Writes to memory, and waits for it, in a stream's order.

namespace vgpu::soft::driver
{
namespace
{

template<class T>
bool holds(T now, T value, unsigned flags)
{
    switch (flags & 3) {
    case CU_STREAM_WAIT_VALUE_GEQ:
        return static_cast<std::make_signed_t<T>>(now - value) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
        return now == value;
    case CU_STREAM_WAIT_VALUE_AND:
        return (now & value) != 0;
    default:
        return ~(now | value) != 0;
    }
}

/// The memory may be written by a kernel, by the application or by another process, none of which
/// tells: so it is looked at again and again, ever more seldom.
template<class T>
void wait_for(Context &context, CUdeviceptr address, T value, unsigned flags)
{
    auto pause = std::chrono::microseconds(1);
    std::atomic_ref<T> cell(*reinterpret_cast<T *>(address));
    while (!holds(cell.load(), value, flags) && !context.broken() && !context.cancelled()) {
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::microseconds(500));
    }
}

template<class T>
void write(CUdeviceptr address, T value)
{
    std::atomic_ref<T>(*reinterpret_cast<T *>(address)).store(value);
}

void perform(Context &context, const CUstreamBatchMemOpParams &it)
{
    auto &wait = it.waitValue;
    auto &put = it.writeValue;
    switch (it.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        return wait_for<uint32_t>(context, wait.address, wait.value, wait.flags);
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        return wait_for<uint64_t>(context, wait.address, wait.value64, wait.flags);
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        return write<uint32_t>(put.address, put.value);
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        return write<uint64_t>(put.address, put.value64);
    default:
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}

void check(const CUstreamBatchMemOpParams &it)
{
    size_t bytes = 0;
    switch (it.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        bytes = 4;
        break;
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        bytes = 8;
        break;
    case CU_STREAM_MEM_OP_BARRIER:
    case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
        return;
    default:
        require(false);
    }
    // Both structures begin alike.
    CUdeviceptr address = it.waitValue.address;
    bool wait = it.operation == CU_STREAM_MEM_OP_WAIT_VALUE_32 ||
                it.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64;
    unsigned known = wait ? 3u | unsigned(CU_STREAM_WAIT_VALUE_FLUSH)
                          : unsigned(CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER);
    require(!(it.waitValue.flags & ~known) && address % bytes == 0 &&
            machine().allocations.extent(address, bytes) == bytes);
    require(wait || machine().allocations.find(address)->writable);
}

void enqueue(CUstream handle, std::vector<CUstreamBatchMemOpParams> operations)
{
    auto stream = stream_of(handle, *current::get());
    auto context = stream->context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    auto run = action_of(context, operations);
    if (captured(*stream))
        capture_node(*stream, BatchNode{context, std::move(operations), 0});
    else
        context->submit(*stream, {run, {}});
}

template<class T>
void one(CUstream stream, CUstreamBatchMemOpType operation, CUdeviceptr address, T value,
         unsigned flags)
{
    CUstreamBatchMemOpParams it{};
    it.waitValue.operation = operation;
    it.waitValue.address = address;
    it.waitValue.value64 = value;
    it.waitValue.flags = flags;
    enqueue(stream, {it});
}

} // namespace

std::function<void()> action_of(const std::shared_ptr<Context> &context,
                                const std::vector<CUstreamBatchMemOpParams> &operations)
{
    for (auto &it : operations)
        check(it);
    return [context, operations] {
        for (auto &it : operations)
            if (!context->broken())
                perform(*context, it);
    };
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address,
                                                    cuuint32_t value, unsigned int flags)
{
    ENTRY({ one(stream, CU_STREAM_MEM_OP_WAIT_VALUE_32, address, value, flags); });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address,
                                                    cuuint64_t value, unsigned int flags)
{
    ENTRY({ one(stream, CU_STREAM_MEM_OP_WAIT_VALUE_64, address, value, flags); });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address,
                                                     cuuint32_t value, unsigned int flags)
{
    ENTRY({ one(stream, CU_STREAM_MEM_OP_WRITE_VALUE_32, address, value, flags); });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address,
                                                     cuuint64_t value, unsigned int flags)
{
    ENTRY({ one(stream, CU_STREAM_MEM_OP_WRITE_VALUE_64, address, value, flags); });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamBatchMemOp_v2(CUstream stream, unsigned int count,
                                                   CUstreamBatchMemOpParams *operations,
                                                   unsigned int flags)
{
    ENTRY({
        require(count && count <= 256 && operations && !flags);
        enqueue(stream, {operations, operations + count});
    });
}
