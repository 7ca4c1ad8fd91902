// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetCount(int *count)
{
    ENTRY({
        require(count != nullptr);
        *count = static_cast<int>(machine().devices.size());
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGet(CUdevice *device, int ordinal)
{
    ENTRY({
        require(device != nullptr);
        *device = machine().device(ordinal).ordinal;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetName(char *name, int length, CUdevice ordinal)
{
    ENTRY({
        require(name && length > 0);
        machine().device(ordinal);
        snprintf(name, static_cast<size_t>(length), "Software GPU");
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceTotalMem_v2(size_t *bytes, CUdevice ordinal)
{
    ENTRY({
        require(bytes != nullptr);
        *bytes = machine().device(ordinal).memory;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                                                  CUdevice ordinal)
{
    ENTRY({
        require(value != nullptr);
        *value = machine().device(ordinal).attribute(attribute);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceComputeCapability(int *major, int *minor, CUdevice ordinal)
{
    ENTRY({
        require(major && minor);
        machine().device(ordinal);
        *major = limits::major;
        *minor = limits::minor;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetProperties(CUdevprop *properties, CUdevice ordinal)
{
    ENTRY({
        require(properties != nullptr);
        machine().device(ordinal);
        *properties = {};
        properties->maxThreadsPerBlock = limits::threads_per_block;
        for (size_t i = 0; i < 3; i++) {
            properties->maxThreadsDim[i] = static_cast<int>(limits::block[i]);
            properties->maxGridSize[i] = static_cast<int>(limits::grid[i]);
        }
        properties->sharedMemPerBlock = limits::shared_per_block;
        properties->totalConstantMemory = 64 << 10;
        properties->SIMDWidth = limits::warp;
        properties->memPitch = 2147483647;
        properties->regsPerBlock = limits::registers_per_unit;
        properties->clockRate = 1000000;
        properties->textureAlign = 512;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice ordinal)
{
    ENTRY({
        require(uuid != nullptr);
        *uuid = machine().device(ordinal).uuid();
    });
}

// Only Windows numbers devices so.
SOFT_EXPORT CUresult CUDAAPI cuDeviceGetLuid(char *, unsigned int *, CUdevice ordinal)
{
    ENTRY({
        machine().device(ordinal);
        return CUDA_ERROR_NOT_SUPPORTED;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetPCIBusId(char *text, int length, CUdevice ordinal)
{
    ENTRY({
        require(text && length >= 13);
        snprintf(text, static_cast<size_t>(length), "0000:00:%02x.0",
                 machine().device(ordinal).number);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetByPCIBusId(CUdevice *device, const char *text)
{
    ENTRY({
        require(device && text);
        // "domain:bus:device.function", "domain:bus:device" or "bus:device.function"
        unsigned domain = 0, bus = 0, slot = 0, function = 0;
        int end = 0;
        bool read = (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) == 4 &&
                     !text[end]) ||
                    (sscanf(text, "%x:%x:%x%n", &domain, &bus, &slot, &end) == 3 && !text[end]);
        if (!read) {
            domain = 0;
            read = sscanf(text, "%x:%x.%x%n", &bus, &slot, &function, &end) == 3 && !text[end];
        }
        auto &devices = machine().devices;
        auto at = std::find_if(devices.begin(), devices.end(), [&](auto &one) {
            return static_cast<unsigned>(one->number) == slot;
        });
        require(read && !domain && !bus && !function && at != devices.end(),
                CUDA_ERROR_INVALID_DEVICE);
        *device = (*at)->ordinal;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)
{
    ENTRY({
        require(can != nullptr);
        *can = &machine().device(device) != &machine().device(peer);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetP2PAttribute(int *value, CUdevice_P2PAttribute attribute,
                                                     CUdevice from, CUdevice to)
{
    ENTRY({
        require(value != nullptr);
        require(&machine().device(from) != &machine().device(to), CUDA_ERROR_INVALID_DEVICE);
        switch (attribute) {
        case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK:
        case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED:
            *value = 0;
            break;
        case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
        case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED:
            *value = 1;
            break;
        default:
            require(false);
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetExecAffinitySupport(int *supported, CUexecAffinityType type,
                                                            CUdevice ordinal)
{
    ENTRY({
        require(supported && type >= 0 && type < CU_EXEC_AFFINITY_TYPE_MAX);
        machine().device(ordinal);
        *supported = 0;
    });
}
