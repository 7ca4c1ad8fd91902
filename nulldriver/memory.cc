// SPDX-License-Identifier: Apache-2.0
// Memory is addresses only. What the host gets is real; what would lie on the device is reserved,
// so that no two things have the same address, and has no bytes.
#include "nulldriver/null.h"

#include <map>
#include <mutex>
#include <sys/mman.h>

namespace null = vgpu::null;

namespace
{

constexpr size_t kTotal = size_t(64) << 30;
constexpr size_t kGranularity = size_t(2) << 20;

struct Block {
    size_t bytes;
    bool host;
};

std::mutex lock;
std::map<uintptr_t, Block> blocks; // what cuMemAlloc and its kin gave
size_t used = 0;

size_t round_up(size_t bytes)
{
    return (bytes + kGranularity - 1) / kGranularity * kGranularity;
}

CUresult allocate(const char *call, uintptr_t &address, size_t bytes, bool host)
{
    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard hold(lock);
    if (!host && bytes > kTotal - used)
        return CUDA_ERROR_OUT_OF_MEMORY;
    void *got = mmap(nullptr, round_up(bytes), host ? PROT_READ | PROT_WRITE : PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    address = uintptr_t(got);
    blocks[address] = {bytes, host};
    used += host ? 0 : bytes;
    return null::accept(call, "bytesize,address", bytes, got);
}

CUresult release(const char *call, uintptr_t address)
{
    std::lock_guard hold(lock);
    if (address == 0)
        return CUDA_SUCCESS;
    auto it = blocks.find(address);
    if (it == blocks.end())
        return CUDA_ERROR_INVALID_VALUE;
    munmap(reinterpret_cast<void *>(address), round_up(it->second.bytes));
    used -= it->second.host ? 0 : it->second.bytes;
    blocks.erase(it);
    return null::accept(call, "address", reinterpret_cast<void *>(address));
}

CUresult on_device(const char *call, CUdeviceptr *pointer, size_t bytes)
{
    uintptr_t address = 0;
    CUresult result = allocate(call, address, bytes, false);
    *pointer = address;
    return result;
}

CUresult on_host(const char *call, void **pointer, size_t bytes)
{
    uintptr_t address = 0;
    CUresult result = allocate(call, address, bytes, true);
    *pointer = reinterpret_cast<void *>(address);
    return result;
}

bool find(uintptr_t address, std::pair<uintptr_t, Block> &found)
{
    std::lock_guard hold(lock);
    auto it = blocks.upper_bound(address);
    if (it == blocks.begin())
        return false;
    --it;
    found = *it;
    return address - it->first < it->second.bytes;
}

// Where a side of a box begins: its rows' pitch is its own business where it is the host's.
std::string side(CUmemorytype type, CUdeviceptr device, size_t x, size_t y, size_t pitch)
{
    if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_UNIFIED)
        return type == CU_MEMORYTYPE_HOST ? "host" : "array";
    return null::text(reinterpret_cast<void *>(device + y * pitch + x)) + ':' +
           std::to_string(pitch);
}

CUresult box(const char *call, const CUDA_MEMCPY2D &copy, CUstream stream)
{
    return null::accept(call, "dst,src,width,height,hStream",
                        null::Said{side(copy.dstMemoryType, copy.dstDevice, copy.dstXInBytes,
                                        copy.dstY, copy.dstPitch)},
                        null::Said{side(copy.srcMemoryType, copy.srcDevice, copy.srcXInBytes,
                                        copy.srcY, copy.srcPitch)},
                        copy.WidthInBytes, copy.Height, stream);
}

} // namespace

NULL_EXPORT cuDeviceTotalMem_v2(size_t *bytes, CUdevice)
{
    *bytes = kTotal;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuMemGetInfo_v2(size_t *free, size_t *total)
{
    std::lock_guard hold(lock);
    *free = kTotal - used;
    *total = kTotal;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes)
{
    return on_device("cuMemAlloc_v2", pointer, bytes);
}

NULL_EXPORT cuMemAllocPitch_v2(CUdeviceptr *pointer, size_t *pitch, size_t width, size_t height,
                               unsigned int)
{
    *pitch = (width + 511) / 512 * 512;
    return on_device("cuMemAllocPitch_v2", pointer, *pitch * height);
}

NULL_EXPORT cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, CUstream)
{
    return on_device("cuMemAllocAsync", pointer, bytes);
}

NULL_EXPORT cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t bytes, CUmemoryPool, CUstream)
{
    return on_device("cuMemAllocFromPoolAsync", pointer, bytes);
}

// Both ends read and write it, so it is the host's.
NULL_EXPORT cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes, unsigned int)
{
    return on_host("cuMemAllocManaged", reinterpret_cast<void **>(pointer), bytes);
}

NULL_EXPORT cuMemFree_v2(CUdeviceptr pointer)
{
    return release("cuMemFree_v2", pointer);
}

NULL_EXPORT cuMemFreeAsync(CUdeviceptr pointer, CUstream)
{
    return release("cuMemFreeAsync", pointer);
}

NULL_EXPORT cuMemAllocHost_v2(void **pointer, size_t bytes)
{
    return on_host("cuMemAllocHost_v2", pointer, bytes);
}

NULL_EXPORT cuMemHostAlloc(void **pointer, size_t bytes, unsigned int)
{
    return on_host("cuMemHostAlloc", pointer, bytes);
}

NULL_EXPORT cuMemFreeHost(void *pointer)
{
    return release("cuMemFreeHost", uintptr_t(pointer));
}

NULL_EXPORT cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned int)
{
    *device = CUdeviceptr(host);
    return CUDA_SUCCESS;
}

NULL_EXPORT cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr pointer)
{
    std::pair<uintptr_t, Block> found;
    if (!find(pointer, found))
        return CUDA_ERROR_NOT_FOUND;
    if (base)
        *base = found.first;
    if (bytes)
        *bytes = found.second.bytes;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuPointerGetAttributes(unsigned int count, CUpointer_attribute *attributes, void **data,
                                   CUdeviceptr pointer)
{
    std::pair<uintptr_t, Block> found;
    bool ours = find(pointer, found);
    for (unsigned i = 0; i < count; i++) {
        switch (attributes[i]) {
        case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
            *static_cast<unsigned *>(data[i]) = !ours               ? 0
                                                : found.second.host ? CU_MEMORYTYPE_HOST
                                                                    : CU_MEMORYTYPE_DEVICE;
            break;
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
            *static_cast<int *>(data[i]) = ours ? 0 : -2;
            break;
        case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
        case CU_POINTER_ATTRIBUTE_MAPPED:
            *static_cast<unsigned *>(data[i]) = 0;
            break;
        case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
            *static_cast<CUdeviceptr *>(data[i]) = ours ? pointer : 0;
            break;
        case CU_POINTER_ATTRIBUTE_HOST_POINTER:
            *static_cast<CUdeviceptr *>(data[i]) = ours && found.second.host ? pointer : 0;
            break;
        case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
            *static_cast<CUdeviceptr *>(data[i]) = ours ? found.first : 0;
            break;
        case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
            *static_cast<size_t *>(data[i]) = ours ? found.second.bytes : 0;
            break;
        default:
            *static_cast<uint64_t *>(data[i]) = 0;
        }
    }
    return CUDA_SUCCESS;
}

NULL_EXPORT cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr pointer)
{
    std::pair<uintptr_t, Block> found;
    return find(pointer, found) ? cuPointerGetAttributes(1, &attribute, &data, pointer)
                                : CUDA_ERROR_INVALID_VALUE;
}

// Virtual memory: the addresses are reserved for real, since the client's must be the worker's.
NULL_EXPORT cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *,
                                          CUmemAllocationGranularity_flags)
{
    *granularity = kGranularity;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuMemAddressReserve(CUdeviceptr *pointer, size_t bytes, size_t, CUdeviceptr wanted,
                                unsigned long long)
{
    constexpr int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *got = MAP_FAILED;
    if (wanted)
        got = mmap(reinterpret_cast<void *>(wanted), bytes, PROT_NONE, how | MAP_FIXED_NOREPLACE,
                   -1, 0);
    if (got == MAP_FAILED)
        got = mmap(nullptr, bytes, PROT_NONE, how, -1, 0);
    if (got == MAP_FAILED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = CUdeviceptr(got);
    return null::accept("cuMemAddressReserve", "ptr,size", got, bytes);
}

NULL_EXPORT cuMemAddressFree(CUdeviceptr pointer, size_t bytes)
{
    munmap(reinterpret_cast<void *>(pointer), bytes);
    return null::accept("cuMemAddressFree", "ptr,size", pointer, bytes);
}

// Copies to the device are recorded with what they carry.
NULL_EXPORT cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return null::accept("cuMemcpyHtoD_v2", "dst,src", reinterpret_cast<void *>(to),
                        null::Content{from, bytes});
}

NULL_EXPORT cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    if (null::recording)
        null::settle(stream);
    return null::accept("cuMemcpyHtoDAsync_v2", "dst,src,hStream", reinterpret_cast<void *>(to),
                        null::Content{from, bytes}, stream);
}

// Of handles it is said which there are: their numbers are not the same twice.
NULL_EXPORT cuMemMapArrayAsync(CUarrayMapInfo *list, unsigned int count, CUstream)
{
    for (unsigned i = 0; null::recording && i < count; i++) {
        auto &it = list[i];
        auto &level = it.subresource.sparseLevel;
        null::accept("cuMemMapArrayAsync",
                     "type,array,sub,level,layer,x,y,z,width,height,depth,op,handleType,memory,"
                     "offset,devices,flags",
                     it.resourceType, it.resource.array != nullptr, it.subresourceType, level.level,
                     level.layer, level.offsetX, level.offsetY, level.offsetZ, level.extentWidth,
                     level.extentHeight, level.extentDepth, it.memOperationType, it.memHandleType,
                     it.memHandle.memHandle != 0, it.offset, it.deviceBitMask, it.flags);
    }
    return CUDA_SUCCESS;
}

#if CUDA_VERSION >= 12080
// One without a length is wrong. Addresses are said as distances from the source.
NULL_EXPORT cuMemBatchDecompressAsync(CUmemDecompressParams *list, size_t count, unsigned int flags,
                                      size_t *wrong, CUstream)
{
    for (size_t i = 0; i < count; i++) {
        auto &it = list[i];
        if (it.srcNumBytes == 0) {
            if (wrong)
                *wrong = i;
            return CUDA_ERROR_INVALID_VALUE;
        }
        auto source = static_cast<const char *>(it.src);
        null::accept("cuMemBatchDecompressAsync", "in,out,dst,actual,algo,flags", it.srcNumBytes,
                     it.dstNumBytes, static_cast<const char *>(it.dst) - source,
                     reinterpret_cast<const char *>(it.dstActBytes) - source, it.algo, flags);
    }
    return CUDA_SUCCESS;
}
#endif

NULL_EXPORT cuMemcpy2D_v2(const CUDA_MEMCPY2D *copy)
{
    return box("cuMemcpy2D_v2", *copy, nullptr);
}

NULL_EXPORT cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *copy)
{
    return box("cuMemcpy2DUnaligned_v2", *copy, nullptr);
}

NULL_EXPORT cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    return box("cuMemcpy2DAsync_v2", *copy, stream);
}
