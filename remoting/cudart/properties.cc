// SPDX-License-Identifier: Apache-2.0
// The properties of a device, put together from the driver's attributes.
#include "remoting/cudart/runtime.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace vgpu::cudart
{
namespace
{

// A field of cudaDeviceProp that is one attribute; size_t fields are widened.
struct Field {
    size_t offset;
    size_t size;
    cudaDeviceAttr attribute;
};

#define FIELD(member, attribute)                                                                   \
    {                                                                                              \
        offsetof(cudaDeviceProp, member), sizeof(cudaDeviceProp::member), cudaDevAttr##attribute   \
    }
#define ELEMENT(member, index, attribute)                                                          \
    {                                                                                              \
        offsetof(cudaDeviceProp, member) + (index) * sizeof(int), sizeof(int),                     \
            cudaDevAttr##attribute                                                                 \
    }

const Field fields[] = {
    FIELD(sharedMemPerBlock, MaxSharedMemoryPerBlock),
    FIELD(regsPerBlock, MaxRegistersPerBlock),
    FIELD(warpSize, WarpSize),
    FIELD(memPitch, MaxPitch),
    FIELD(maxThreadsPerBlock, MaxThreadsPerBlock),
    ELEMENT(maxThreadsDim, 0, MaxBlockDimX),
    ELEMENT(maxThreadsDim, 1, MaxBlockDimY),
    ELEMENT(maxThreadsDim, 2, MaxBlockDimZ),
    ELEMENT(maxGridSize, 0, MaxGridDimX),
    ELEMENT(maxGridSize, 1, MaxGridDimY),
    ELEMENT(maxGridSize, 2, MaxGridDimZ),
    FIELD(totalConstMem, TotalConstantMemory),
    FIELD(major, ComputeCapabilityMajor),
    FIELD(minor, ComputeCapabilityMinor),
    FIELD(textureAlignment, TextureAlignment),
    FIELD(texturePitchAlignment, TexturePitchAlignment),
    FIELD(multiProcessorCount, MultiProcessorCount),
    FIELD(integrated, Integrated),
    FIELD(canMapHostMemory, CanMapHostMemory),
    FIELD(maxTexture1D, MaxTexture1DWidth),
    FIELD(maxTexture1DMipmap, MaxTexture1DMipmappedWidth),
    ELEMENT(maxTexture2D, 0, MaxTexture2DWidth),
    ELEMENT(maxTexture2D, 1, MaxTexture2DHeight),
    ELEMENT(maxTexture2DMipmap, 0, MaxTexture2DMipmappedWidth),
    ELEMENT(maxTexture2DMipmap, 1, MaxTexture2DMipmappedHeight),
    ELEMENT(maxTexture2DLinear, 0, MaxTexture2DLinearWidth),
    ELEMENT(maxTexture2DLinear, 1, MaxTexture2DLinearHeight),
    ELEMENT(maxTexture2DLinear, 2, MaxTexture2DLinearPitch),
    ELEMENT(maxTexture2DGather, 0, MaxTexture2DGatherWidth),
    ELEMENT(maxTexture2DGather, 1, MaxTexture2DGatherHeight),
    ELEMENT(maxTexture3D, 0, MaxTexture3DWidth),
    ELEMENT(maxTexture3D, 1, MaxTexture3DHeight),
    ELEMENT(maxTexture3D, 2, MaxTexture3DDepth),
    ELEMENT(maxTexture3DAlt, 0, MaxTexture3DWidthAlt),
    ELEMENT(maxTexture3DAlt, 1, MaxTexture3DHeightAlt),
    ELEMENT(maxTexture3DAlt, 2, MaxTexture3DDepthAlt),
    FIELD(maxTextureCubemap, MaxTextureCubemapWidth),
    ELEMENT(maxTexture1DLayered, 0, MaxTexture1DLayeredWidth),
    ELEMENT(maxTexture1DLayered, 1, MaxTexture1DLayeredLayers),
    ELEMENT(maxTexture2DLayered, 0, MaxTexture2DLayeredWidth),
    ELEMENT(maxTexture2DLayered, 1, MaxTexture2DLayeredHeight),
    ELEMENT(maxTexture2DLayered, 2, MaxTexture2DLayeredLayers),
    ELEMENT(maxTextureCubemapLayered, 0, MaxTextureCubemapLayeredWidth),
    ELEMENT(maxTextureCubemapLayered, 1, MaxTextureCubemapLayeredLayers),
    FIELD(maxSurface1D, MaxSurface1DWidth),
    ELEMENT(maxSurface2D, 0, MaxSurface2DWidth),
    ELEMENT(maxSurface2D, 1, MaxSurface2DHeight),
    ELEMENT(maxSurface3D, 0, MaxSurface3DWidth),
    ELEMENT(maxSurface3D, 1, MaxSurface3DHeight),
    ELEMENT(maxSurface3D, 2, MaxSurface3DDepth),
    ELEMENT(maxSurface1DLayered, 0, MaxSurface1DLayeredWidth),
    ELEMENT(maxSurface1DLayered, 1, MaxSurface1DLayeredLayers),
    ELEMENT(maxSurface2DLayered, 0, MaxSurface2DLayeredWidth),
    ELEMENT(maxSurface2DLayered, 1, MaxSurface2DLayeredHeight),
    ELEMENT(maxSurface2DLayered, 2, MaxSurface2DLayeredLayers),
    FIELD(maxSurfaceCubemap, MaxSurfaceCubemapWidth),
    ELEMENT(maxSurfaceCubemapLayered, 0, MaxSurfaceCubemapLayeredWidth),
    ELEMENT(maxSurfaceCubemapLayered, 1, MaxSurfaceCubemapLayeredLayers),
    FIELD(surfaceAlignment, SurfaceAlignment),
    FIELD(concurrentKernels, ConcurrentKernels),
    FIELD(ECCEnabled, EccEnabled),
    FIELD(pciBusID, PciBusId),
    FIELD(pciDeviceID, PciDeviceId),
    FIELD(pciDomainID, PciDomainId),
    FIELD(tccDriver, TccDriver),
    FIELD(asyncEngineCount, AsyncEngineCount),
    FIELD(unifiedAddressing, UnifiedAddressing),
    FIELD(memoryBusWidth, GlobalMemoryBusWidth),
    FIELD(l2CacheSize, L2CacheSize),
    FIELD(persistingL2CacheMaxSize, MaxPersistingL2CacheSize),
    FIELD(maxThreadsPerMultiProcessor, MaxThreadsPerMultiProcessor),
    FIELD(streamPrioritiesSupported, StreamPrioritiesSupported),
    FIELD(globalL1CacheSupported, GlobalL1CacheSupported),
    FIELD(localL1CacheSupported, LocalL1CacheSupported),
    FIELD(sharedMemPerMultiprocessor, MaxSharedMemoryPerMultiprocessor),
    FIELD(regsPerMultiprocessor, MaxRegistersPerMultiprocessor),
    FIELD(managedMemory, ManagedMemory),
    FIELD(isMultiGpuBoard, IsMultiGpuBoard),
    FIELD(multiGpuBoardGroupID, MultiGpuBoardGroupID),
    FIELD(hostNativeAtomicSupported, HostNativeAtomicSupported),
    FIELD(pageableMemoryAccess, PageableMemoryAccess),
    FIELD(concurrentManagedAccess, ConcurrentManagedAccess),
    FIELD(computePreemptionSupported, ComputePreemptionSupported),
    FIELD(canUseHostPointerForRegisteredMem, CanUseHostPointerForRegisteredMem),
    FIELD(cooperativeLaunch, CooperativeLaunch),
    FIELD(sharedMemPerBlockOptin, MaxSharedMemoryPerBlockOptin),
    FIELD(pageableMemoryAccessUsesHostPageTables, PageableMemoryAccessUsesHostPageTables),
    FIELD(directManagedMemAccessFromHost, DirectManagedMemAccessFromHost),
    FIELD(maxBlocksPerMultiProcessor, MaxBlocksPerMultiprocessor),
    FIELD(accessPolicyMaxWindowSize, MaxAccessPolicyWindowSize),
    FIELD(reservedSharedMemPerBlock, ReservedSharedMemoryPerBlock),
    FIELD(hostRegisterSupported, HostRegisterSupported),
    FIELD(sparseCudaArraySupported, SparseCudaArraySupported),
    FIELD(hostRegisterReadOnlySupported, HostRegisterReadOnlySupported),
    FIELD(timelineSemaphoreInteropSupported, TimelineSemaphoreInteropSupported),
    FIELD(memoryPoolsSupported, MemoryPoolsSupported),
    FIELD(gpuDirectRDMASupported, GPUDirectRDMASupported),
    FIELD(gpuDirectRDMAFlushWritesOptions, GPUDirectRDMAFlushWritesOptions),
    FIELD(gpuDirectRDMAWritesOrdering, GPUDirectRDMAWritesOrdering),
    FIELD(memoryPoolSupportedHandleTypes, MemoryPoolSupportedHandleTypes),
    FIELD(deferredMappingCudaArraySupported, DeferredMappingCudaArraySupported),
    FIELD(ipcEventSupported, IpcEventSupport),
    FIELD(clusterLaunch, ClusterLaunch),
#if CUDART_VERSION >= 13000
    FIELD(deviceNumaConfig, NumaConfig),
    FIELD(deviceNumaId, NumaId),
    FIELD(mpsEnabled, MpsEnabled),
    FIELD(hostNumaId, HostNumaId),
    FIELD(gpuPciDeviceID, GpuPciDeviceId),
    FIELD(gpuPciSubsystemID, GpuPciSubsystemId),
    FIELD(hostNumaMultinodeIpcSupported, HostNumaMultinodeIpcSupported),
#else
    FIELD(clockRate, ClockRate),
    FIELD(deviceOverlap, GpuOverlap),
    FIELD(kernelExecTimeoutEnabled, KernelExecTimeout),
    FIELD(computeMode, ComputeMode),
    FIELD(maxTexture1DLinear, MaxTexture1DLinearWidth),
    FIELD(memoryClockRate, MemoryClockRate),
    FIELD(singleToDoublePrecisionPerfRatio, SingleToDoublePrecisionPerfRatio),
    FIELD(cooperativeMultiDeviceLaunch, CooperativeMultiDeviceLaunch),
#endif
};

CUresult read_properties(cudaDeviceProp *properties, CUdevice device)
{
    memset(properties, 0, sizeof *properties);
    CUresult result = driver().cuDeviceGetName(properties->name, sizeof properties->name, device);
    if (result == CUDA_SUCCESS)
        result = driver().cuDeviceTotalMem(&properties->totalGlobalMem, device);
    if (result != CUDA_SUCCESS)
        return result;
    // What a driver cannot tell stays zero, as an attribute that it does not know; the LUID is for
    // Windows.
    driver().cuDeviceGetUuid(reinterpret_cast<CUuuid *>(&properties->uuid), device);
    for (const Field &field : fields) {
        int value = 0;
        if (driver().cuDeviceGetAttribute(&value, CUdevice_attribute(field.attribute), device) !=
            CUDA_SUCCESS)
            continue;
        char *place = reinterpret_cast<char *>(properties) + field.offset;
        size_t wide = size_t(unsigned(value));
        if (field.size == sizeof wide)
            memcpy(place, &wide, sizeof wide);
        else
            memcpy(place, &value, sizeof value);
    }
    return CUDA_SUCCESS;
}

// How well a device meets a wish, larger is better; a field that is zero is no wish.
int64_t score(const cudaDeviceProp &wish, const cudaDeviceProp &device)
{
    int64_t points = 0;
    if (wish.major)
        points +=
            device.major > wish.major || (device.major == wish.major && device.minor >= wish.minor)
                ? 1000
                : -1000;
    if (wish.totalGlobalMem)
        points += device.totalGlobalMem >= wish.totalGlobalMem ? 100 : -100;
    if (wish.multiProcessorCount)
        points += device.multiProcessorCount >= wish.multiProcessorCount ? 100 : -100;
    if (wish.sharedMemPerBlock)
        points += device.sharedMemPerBlock >= wish.sharedMemPerBlock ? 100 : -100;
    if (wish.name[0])
        points += strncmp(wish.name, device.name, sizeof wish.name) == 0 ? 100 : -100;
    return points;
}

} // namespace
} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device)
{
    if (!properties)
        return finish(cudaErrorInvalidValue);
    return about_device(device,
                        [&](CUdevice handle) { return read_properties(properties, handle); });
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    return about_device(device, [&](CUdevice handle) {
        return invoke(driver().cuDeviceGetAttribute, value, attribute, handle);
    });
}

cudaError_t cudaChooseDevice(int *device, const cudaDeviceProp *wish)
{
    cudaError_t error = device && wish ? start() : cudaErrorInvalidValue;
    int64_t best = INT64_MIN;
    for (int i = 0; error == cudaSuccess && i < device_count(); i++) {
        cudaDeviceProp properties;
        error = translate(read_properties(&properties, *find_device(i)));
        if (error == cudaSuccess && score(*wish, properties) > best) {
            best = score(*wish, properties);
            *device = i;
        }
    }
    return finish(error);
}
}
