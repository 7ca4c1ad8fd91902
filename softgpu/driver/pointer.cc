// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"

#include <cstring>

// What the driver knows about a pointer.

using namespace vgpu::soft::driver;

namespace
{

template<class T>
void put(void *data, T value)
{
    memcpy(data, &value, sizeof value);
}

void answer(void *data, CUpointer_attribute attribute, const Allocation &it, CUdeviceptr pointer)
{
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        return put(data, reinterpret_cast<CUcontext>(it.context));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        return put(data, static_cast<unsigned>(it.on_device() ? CU_MEMORYTYPE_DEVICE
                                                              : CU_MEMORYTYPE_HOST));
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        return put(data, pointer);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        require(!it.on_device() || it.managed);
        return put(data, reinterpret_cast<void *>(pointer));
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
        return put(data, static_cast<unsigned>(it.origin == Allocation::Origin::plain));
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
        return put(data, 0u);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        return put(data, static_cast<unsigned>(it.managed));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID:
        return put(data, static_cast<unsigned long long>(it.number));
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        return put(data, it.device);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
        return put(data, it.address);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
        return put(data, it.size);
    case CU_POINTER_ATTRIBUTE_MAPPED:
        return put(data, 1u);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
        return put(data, 0ull);
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        return put(data,
                   static_cast<unsigned long long>(it.writable ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
                                                               : CU_MEM_ACCESS_FLAGS_PROT_READ));
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        return put(data, it.origin == Allocation::Origin::pool ||
                                 it.origin == Allocation::Origin::imported
                             ? it.owner
                             : uint64_t(0));
    default:
        throw Failure(CUDA_ERROR_NOT_SUPPORTED);
    }
}

/// What cuPointerGetAttributes gives for memory that is not the driver's: zeros, and -2 for the
/// ordinal.
void answer_foreign(void *data, CUpointer_attribute attribute)
{
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        return put(data, -2);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    case CU_POINTER_ATTRIBUTE_MAPPED:
        return put(data, 0u);
    default:
        return put(data, uint64_t(0));
    }
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuPointerGetAttribute(void *data, CUpointer_attribute attribute,
                                                   CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        require(data != nullptr);
        auto allocation = machine().allocations.find(pointer);
        require(allocation.has_value());
        answer(data, attribute, *allocation, pointer);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuPointerGetAttributes(unsigned int count,
                                                    CUpointer_attribute *attributes, void **data,
                                                    CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        require(count && attributes && data);
        auto allocation = machine().allocations.find(pointer);
        for (unsigned i = 0; i < count; i++) {
            require(data[i] != nullptr);
            bool host_of_device = attributes[i] == CU_POINTER_ATTRIBUTE_HOST_POINTER &&
                                  allocation && allocation->on_device() && !allocation->managed;
            if (allocation && !host_of_device)
                answer(data[i], attributes[i], *allocation, pointer);
            else
                answer_foreign(data[i], attributes[i]);
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuPointerSetAttribute(const void *value, CUpointer_attribute attribute,
                                                   CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        // Synchronous copies are synchronous here in every case, so there is nothing to remember.
        require(value && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS &&
                machine().allocations.find(pointer));
    });
}
