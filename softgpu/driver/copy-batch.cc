// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/stream.h"

#include <algorithm>

#if CUDA_VERSION >= 13000

// Copies in batches: each is a copy in the stream, which is one order a batch may be done in.

namespace vgpu::soft::driver
{
namespace
{

void check_stream(CUstream stream)
{
    require(stream != nullptr && stream != CU_STREAM_LEGACY);
    stream_of(stream, *current::get());
}

/// True where the source is to be read before the call returns.
bool during_call(CUmemcpySrcAccessOrder order)
{
    require(order >= CU_MEMCPY_SRC_ACCESS_ORDER_STREAM && order <= CU_MEMCPY_SRC_ACCESS_ORDER_ANY);
    return order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
}

void must(CUresult result)
{
    require(result == CUDA_SUCCESS, result);
}

size_t element_bytes(const CUmemcpy3DOperand &operand)
{
    if (operand.type == CU_MEMCPY_OPERAND_TYPE_POINTER)
        return 1;
    require(operand.type == CU_MEMCPY_OPERAND_TYPE_ARRAY);
    CUDA_ARRAY3D_DESCRIPTOR array{};
    must(cuArray3DGetDescriptor_v2(&array, operand.op.array.array));
    bool one =
        array.Format == CU_AD_FORMAT_UNSIGNED_INT8 || array.Format == CU_AD_FORMAT_SIGNED_INT8;
    bool two = array.Format == CU_AD_FORMAT_UNSIGNED_INT16 ||
               array.Format == CU_AD_FORMAT_SIGNED_INT16 || array.Format == CU_AD_FORMAT_HALF;
    return array.NumChannels * size_t(one ? 1 : two ? 2 : 4);
}

void copy_one(const CUDA_MEMCPY3D_BATCH_OP &it, CUstream stream)
{
    size_t from = element_bytes(it.src), to = element_bytes(it.dst);
    size_t element = std::max(from, to);
    require((from == 1 || to == 1 || from == to) && it.extent.width && it.extent.height &&
            it.extent.depth);
    CUDA_MEMCPY3D copy{};
    copy.WidthInBytes = it.extent.width * element;
    copy.Height = it.extent.height;
    copy.Depth = it.extent.depth;
    auto pitch = [&](size_t length) { return (length ? length : it.extent.width) * element; };
    auto height = [&](size_t rows) { return rows ? rows : it.extent.height; };
    if (auto &plain = it.src.op.ptr; it.src.type == CU_MEMCPY_OPERAND_TYPE_POINTER) {
        copy.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
        copy.srcDevice = plain.ptr;
        copy.srcPitch = pitch(plain.rowLength);
        copy.srcHeight = height(plain.layerHeight);
    } else {
        auto &array = it.src.op.array;
        copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
        copy.srcArray = array.array;
        copy.srcXInBytes = array.offset.x * element;
        copy.srcY = array.offset.y;
        copy.srcZ = array.offset.z;
    }
    if (auto &plain = it.dst.op.ptr; it.dst.type == CU_MEMCPY_OPERAND_TYPE_POINTER) {
        copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
        copy.dstDevice = plain.ptr;
        copy.dstPitch = pitch(plain.rowLength);
        copy.dstHeight = height(plain.layerHeight);
    } else {
        auto &array = it.dst.op.array;
        copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
        copy.dstArray = array.array;
        copy.dstXInBytes = array.offset.x * element;
        copy.dstY = array.offset.y;
        copy.dstZ = array.offset.z;
    }
    must(cuMemcpy3DAsync_v2(&copy, stream));
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuMemcpyBatchAsync_v2(CUdeviceptr *to, CUdeviceptr *from,
                                                   size_t *sizes, size_t count,
                                                   CUmemcpyAttributes *attributes, size_t *firsts,
                                                   size_t attribute_count, CUstream stream)
{
    ENTRY({
        require(to && from && sizes && count && attributes && firsts && attribute_count &&
                attribute_count <= count);
        check_stream(stream);
        bool wait = false;
        for (size_t i = 0; i < attribute_count; i++) {
            require((i == 0 ? firsts[0] == 0 : firsts[i] > firsts[i - 1]) && firsts[i] < count);
            wait = during_call(attributes[i].srcAccessOrder) || wait;
        }
        for (size_t i = 0; i < count; i++) {
            require(sizes[i] != 0);
            must(cuMemcpyAsync(to[i], from[i], sizes[i], stream));
        }
        if (wait)
            must(cuStreamSynchronize(stream));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemcpy3DBatchAsync_v2(size_t count, CUDA_MEMCPY3D_BATCH_OP *list,
                                                     unsigned long long flags, CUstream stream)
{
    ENTRY({
        require(list && count && flags == 0);
        check_stream(stream);
        bool wait = false;
        for (size_t i = 0; i < count; i++) {
            wait = during_call(list[i].srcAccessOrder) || wait;
            copy_one(list[i], stream);
        }
        if (wait)
            must(cuStreamSynchronize(stream));
    });
}

#endif
