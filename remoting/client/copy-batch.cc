// SPDX-License-Identifier: Apache-2.0
// Copies in batches: each is a copy in the stream, which is one order a batch may be done in.
#include "remoting/client/entry.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <cstdint>
#include <span>

using namespace vgpu::client;

#if CUDA_VERSION >= 12080

namespace
{

// A batch cannot be in the legacy stream.
bool good_batch_stream(CUstream stream)
{
    return stream != nullptr && stream != CU_STREAM_LEGACY;
}

bool good_order(CUmemcpySrcAccessOrder order)
{
    return order == CU_MEMCPY_SRC_ACCESS_ORDER_STREAM ||
           order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL ||
           order == CU_MEMCPY_SRC_ACCESS_ORDER_ANY;
}

// Sources that are to be read before the call returns are pinned at worst: then it waits.
CUresult finish(CUstream stream, bool during_call)
{
    return during_call ? cuStreamSynchronize(stream) : CUDA_SUCCESS;
}

CUresult copy_batch(std::span<const CUdeviceptr> to, std::span<const CUdeviceptr> from,
                    std::span<const size_t> sizes, std::span<const CUmemcpyAttributes> attributes,
                    std::span<const size_t> firsts, size_t *failed, CUstream stream)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!good_batch_stream(stream))
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        bool during_call = false;
        for (size_t i = 0; i < attributes.size(); ++i) {
            bool follows = i == 0 ? firsts[0] == 0 : firsts[i] > firsts[i - 1];
            if (!follows || firsts[i] >= to.size() || !good_order(attributes[i].srcAccessOrder))
                return CUDA_ERROR_INVALID_VALUE;
            during_call = during_call || attributes[i].srcAccessOrder ==
                                             CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
        }
        for (size_t i = 0; i < to.size(); ++i) {
            CUresult result = sizes[i] == 0 ? CUDA_ERROR_INVALID_VALUE
                                            : cuMemcpyAsync(to[i], from[i], sizes[i], stream);
            if (result != CUDA_SUCCESS) {
                if (failed)
                    *failed = i;
                return result;
            }
        }
        return finish(stream, during_call);
    });
}

CUresult copy_batch(const CUdeviceptr *to, const CUdeviceptr *from, const size_t *sizes,
                    size_t count, const CUmemcpyAttributes *attributes, const size_t *firsts,
                    size_t attribute_count, size_t *failed, CUstream stream)
{
    if (failed)
        *failed = SIZE_MAX;
    if (!to || !from || !sizes || count == 0 || !attributes || !firsts || attribute_count == 0 ||
        attribute_count > count)
        return CUDA_ERROR_INVALID_VALUE;
    return copy_batch({to, count}, {from, count}, {sizes, count}, {attributes, attribute_count},
                      {firsts, attribute_count}, failed, stream);
}

// What an array has in an element; 1 for plain memory; 0 for neither.
size_t element_bytes(const CUmemcpy3DOperand &operand)
{
    if (operand.type == CU_MEMCPY_OPERAND_TYPE_POINTER)
        return 1;
    CUDA_ARRAY3D_DESCRIPTOR array{};
    if (operand.type != CU_MEMCPY_OPERAND_TYPE_ARRAY ||
        cuArray3DGetDescriptor_v2(&array, operand.op.array.array) != CUDA_SUCCESS)
        return 0;
    switch (array.Format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
        return array.NumChannels;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
        return array.NumChannels * size_t(2);
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT:
        return array.NumChannels * size_t(4);
    default:
        return 0;
    }
}

CUresult copy_one(const CUDA_MEMCPY3D_BATCH_OP &it, CUstream stream)
{
    size_t from_bytes = element_bytes(it.src), to_bytes = element_bytes(it.dst);
    size_t element = std::max(from_bytes, to_bytes); // plain memory has the array's elements
    bool arrays_differ = from_bytes > 1 && to_bytes > 1 && from_bytes != to_bytes;
    if (from_bytes == 0 || to_bytes == 0 || arrays_differ || !good_order(it.srcAccessOrder) ||
        it.extent.width == 0 || it.extent.height == 0 || it.extent.depth == 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_MEMCPY3D copy{};
    copy.WidthInBytes = it.extent.width * element;
    copy.Height = it.extent.height;
    copy.Depth = it.extent.depth;
    if (it.src.type == CU_MEMCPY_OPERAND_TYPE_POINTER) {
        auto &plain = it.src.op.ptr;
        copy.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
        copy.srcDevice = plain.ptr;
        copy.srcPitch = (plain.rowLength ? plain.rowLength : it.extent.width) * element;
        copy.srcHeight = plain.layerHeight ? plain.layerHeight : it.extent.height;
    } else {
        auto &array = it.src.op.array;
        copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
        copy.srcArray = array.array;
        copy.srcXInBytes = array.offset.x * element;
        copy.srcY = array.offset.y;
        copy.srcZ = array.offset.z;
    }
    if (it.dst.type == CU_MEMCPY_OPERAND_TYPE_POINTER) {
        auto &plain = it.dst.op.ptr;
        copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
        copy.dstDevice = plain.ptr;
        copy.dstPitch = (plain.rowLength ? plain.rowLength : it.extent.width) * element;
        copy.dstHeight = plain.layerHeight ? plain.layerHeight : it.extent.height;
    } else {
        auto &array = it.dst.op.array;
        copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
        copy.dstArray = array.array;
        copy.dstXInBytes = array.offset.x * element;
        copy.dstY = array.offset.y;
        copy.dstZ = array.offset.z;
    }
    return cuMemcpy3DAsync_v2(&copy, stream);
}

CUresult copy_boxes(size_t count, const CUDA_MEMCPY3D_BATCH_OP *list, size_t *failed,
                    unsigned long long flags, CUstream stream)
{
    if (failed)
        *failed = SIZE_MAX;
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!list || count == 0 || flags != 0 || !good_batch_stream(stream))
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        bool during_call = false;
        for (size_t i = 0; i < count; ++i) {
            CUresult result = copy_one(list[i], stream);
            if (result != CUDA_SUCCESS) {
                if (failed)
                    *failed = i;
                return result;
            }
            during_call =
                during_call || list[i].srcAccessOrder == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
        }
        return finish(stream, during_call);
    });
}

} // namespace

VGPU_ENTRY cuMemcpyBatchAsync(CUdeviceptr *to, CUdeviceptr *from, size_t *sizes, size_t count,
                              CUmemcpyAttributes *attributes, size_t *firsts,
                              size_t attribute_count, size_t *failed, CUstream stream)
{
    return copy_batch(to, from, sizes, count, attributes, firsts, attribute_count, failed, stream);
}

VGPU_ENTRY cuMemcpyBatchAsync_ptsz(CUdeviceptr *to, CUdeviceptr *from, size_t *sizes, size_t count,
                                   CUmemcpyAttributes *attributes, size_t *firsts,
                                   size_t attribute_count, size_t *failed, CUstream stream)
{
    return cuMemcpyBatchAsync(to, from, sizes, count, attributes, firsts, attribute_count, failed,
                              per_thread(stream));
}

VGPU_ENTRY cuMemcpy3DBatchAsync(size_t count, CUDA_MEMCPY3D_BATCH_OP *list, size_t *failed,
                                unsigned long long flags, CUstream stream)
{
    return copy_boxes(count, list, failed, flags, stream);
}

VGPU_ENTRY cuMemcpy3DBatchAsync_ptsz(size_t count, CUDA_MEMCPY3D_BATCH_OP *list, size_t *failed,
                                     unsigned long long flags, CUstream stream)
{
    return copy_boxes(count, list, failed, flags, per_thread(stream));
}

#endif

#if CUDA_VERSION >= 13000

VGPU_ENTRY cuMemcpyBatchAsync_v2(CUdeviceptr *to, CUdeviceptr *from, size_t *sizes, size_t count,
                                 CUmemcpyAttributes *attributes, size_t *firsts,
                                 size_t attribute_count, CUstream stream)
{
    return copy_batch(to, from, sizes, count, attributes, firsts, attribute_count, nullptr, stream);
}

VGPU_ENTRY cuMemcpyBatchAsync_v2_ptsz(CUdeviceptr *to, CUdeviceptr *from, size_t *sizes,
                                      size_t count, CUmemcpyAttributes *attributes, size_t *firsts,
                                      size_t attribute_count, CUstream stream)
{
    return cuMemcpyBatchAsync_v2(to, from, sizes, count, attributes, firsts, attribute_count,
                                 per_thread(stream));
}

VGPU_ENTRY cuMemcpy3DBatchAsync_v2(size_t count, CUDA_MEMCPY3D_BATCH_OP *list,
                                   unsigned long long flags, CUstream stream)
{
    return copy_boxes(count, list, nullptr, flags, stream);
}

VGPU_ENTRY cuMemcpy3DBatchAsync_v2_ptsz(size_t count, CUDA_MEMCPY3D_BATCH_OP *list,
                                        unsigned long long flags, CUstream stream)
{
    return copy_boxes(count, list, nullptr, flags, per_thread(stream));
}

#endif
