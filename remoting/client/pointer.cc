// SPDX-License-Identifier: Apache-2.0
// cuPointer*: what an address is, from the map of ranges.
#include "remoting/client/call.h"
#include "remoting/client/entry.h"

#include <cstring>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

template<class T>
CUresult put(void *data, T value)
{
    std::memcpy(data, &value, sizeof(value));
    return CUDA_SUCCESS;
}

CUresult query(Session &session, void *data, CUpointer_attribute attribute, CUdeviceptr address)
{
    auto range = session.ranges.find(address);
    if (!range)
        return CUDA_ERROR_INVALID_VALUE;
    bool mirror = range->kind == Range::Kind::mirror;
    bool device = range->on_device();
    uint64_t offset = address - range->base;
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        return put(data, api::handle_of<CUcontext>(range->context));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        return put(data, uint32_t(device && !mirror ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST));
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        if (!device && !range->device_address)
            return CUDA_ERROR_INVALID_VALUE;
        return put(data, CUdeviceptr(device ? address : range->device_address + offset));
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        if (mirror)
            return put(data, range->host_address + offset);
        if (device && range->kind != Range::Kind::managed)
            return CUDA_ERROR_INVALID_VALUE;
        return put(data, reinterpret_cast<void *>(address));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        return put(data, range->serial);
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        return put(data, range->device);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        return put(data, CUdeviceptr(range->base));
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        return put(data, size_t(range->bytes));
    case CU_POINTER_ATTRIBUTE_MAPPED:
        return put(data, true);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        return put(data, range->kind == Range::Kind::managed);
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
        return put(data, range->exportable());
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
        return put(data, false);
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
        return put(data, false);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
        return put(data, uint64_t(0));
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        return put(data, CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE);
#if CUDA_VERSION >= 12080
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: // what the worker asks for where it can be
        return put(data,
                   range->kind == Range::Kind::device &&
                       session.devices()[size_t(range->device)]
                                        [CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK] > 0);
#endif
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        return put(data, range->kind == Range::Kind::device
                             ? api::handle_of<CUmemoryPool>(range->owner)
                             : nullptr);
    default:
        return refused("a pointer attribute of mappings, tokens for other drivers or newer than "
                       "this libcuda.so",
                       "it is known on the GPU's node alone");
    }
}

// What cuPointerGetAttributes says of an address nobody knows.
void put_default(void *data, CUpointer_attribute attribute)
{
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        put(data, uint32_t(0));
        break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        put(data, -2); // documented: no device
        break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_MAPPED:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
        put(data, false);
        break;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        put(data, CU_POINTER_ATTRIBUTE_ACCESS_FLAG_NONE);
        break;
    default:
        put(data, uint64_t(0));
    }
}

} // namespace

VGPU_ENTRY cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        return data ? query(session, data, attribute, address) : CUDA_ERROR_INVALID_VALUE;
    });
}

// Unlike the single form, unknown addresses and attributes that do not apply are no failure here.
VGPU_ENTRY cuPointerGetAttributes(unsigned count, CUpointer_attribute *attributes, void **data,
                                  CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        if (count == 0 || !attributes || !data)
            return CUDA_ERROR_INVALID_VALUE;
        for (unsigned i = 0; i < count; ++i)
            if (data[i] && query(session, data[i], attributes[i], address) != CUDA_SUCCESS)
                put_default(data[i], attributes[i]);
        return CUDA_SUCCESS;
    });
}

// Copies of device memory are in order with the host anyway.
VGPU_ENTRY cuPointerSetAttribute(const void *value, CUpointer_attribute attribute,
                                 CUdeviceptr address)
{
    return entry([&](Session &session) -> CUresult {
        if (!value || attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS ||
            !session.ranges.find(address))
            return CUDA_ERROR_INVALID_VALUE;
        return CUDA_SUCCESS;
    });
}
