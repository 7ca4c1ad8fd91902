// SPDX-License-Identifier: Apache-2.0
// cuDevice*: answered from the snapshot.
#include "remoting/client/entry.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

using namespace vgpu::client;

namespace
{

// body(Session &, const Device &) for a device that exists.
template<class Body>
CUresult with_device(CUdevice ordinal, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        if (ordinal < 0 || size_t(ordinal) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        return body(session, session.devices()[size_t(ordinal)]);
    });
}

CUresult copy_text(const std::string &text, char *to, int room)
{
    if (!to || room <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    size_t n = std::min(text.size(), size_t(room) - 1);
    std::memcpy(to, text.data(), n);
    to[n] = '\0';
    return CUDA_SUCCESS;
}

// Domain, bus, device of "0000:17:00.0" or of what leaves the domain or function out.
bool parse_pci(const char *text, unsigned (&parts)[3])
{
    unsigned domain = 0, bus = 0, device = 0;
    if (sscanf(text, "%x:%x:%x", &domain, &bus, &device) != 3) {
        domain = 0;
        if (sscanf(text, "%x:%x", &bus, &device) != 2)
            return false;
    }
    parts[0] = domain;
    parts[1] = bus;
    parts[2] = device;
    return true;
}

} // namespace

VGPU_ENTRY cuDeviceGetCount(int *count)
{
    return entry([&](Session &session) -> CUresult {
        if (!count)
            return CUDA_ERROR_INVALID_VALUE;
        *count = int(session.devices().size());
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGet(CUdevice *device, int ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &) -> CUresult {
        if (!device)
            return CUDA_ERROR_INVALID_VALUE;
        *device = ordinal;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetName(char *name, int room, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) {
        return copy_text(device.name, name, room);
    });
}

VGPU_ENTRY cuDeviceGetUuid(CUuuid *uuid, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) -> CUresult {
        if (!uuid)
            return CUDA_ERROR_INVALID_VALUE;
        static_assert(sizeof(*uuid) == 16);
        std::memcpy(uuid, device.uuid.data(), 16);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice ordinal)
{
    return cuDeviceGetUuid(uuid, ordinal);
}

// A Windows matter.
VGPU_ENTRY cuDeviceGetLuid(char *, unsigned *, CUdevice ordinal)
{
    return with_device(ordinal, [](Session &, const Device &) { return CUDA_ERROR_NOT_SUPPORTED; });
}

VGPU_ENTRY cuDeviceTotalMem_v2(size_t *bytes, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) -> CUresult {
        if (!bytes)
            return CUDA_ERROR_INVALID_VALUE;
        *bytes = device.memory;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) -> CUresult {
        return value && device.attribute(int(attribute), *value) ? CUDA_SUCCESS
                                                                 : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuDeviceComputeCapability(int *major, int *minor, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) -> CUresult {
        if (!major || !minor)
            return CUDA_ERROR_INVALID_VALUE;
        *major = device[CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR];
        *minor = device[CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR];
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetProperties(CUdevprop *properties, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &device) -> CUresult {
        if (!properties)
            return CUDA_ERROR_INVALID_VALUE;
        *properties = {};
        properties->maxThreadsPerBlock = device[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK];
        properties->maxThreadsDim[0] = device[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X];
        properties->maxThreadsDim[1] = device[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y];
        properties->maxThreadsDim[2] = device[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z];
        properties->maxGridSize[0] = device[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X];
        properties->maxGridSize[1] = device[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y];
        properties->maxGridSize[2] = device[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z];
        properties->sharedMemPerBlock = device[CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK];
        properties->totalConstantMemory = device[CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY];
        properties->SIMDWidth = device[CU_DEVICE_ATTRIBUTE_WARP_SIZE];
        properties->memPitch = device[CU_DEVICE_ATTRIBUTE_MAX_PITCH];
        properties->regsPerBlock = device[CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK];
        properties->clockRate = device[CU_DEVICE_ATTRIBUTE_CLOCK_RATE];
        properties->textureAlign = device[CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT];
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetPCIBusId(char *id, int room, CUdevice ordinal)
{
    return with_device(
        ordinal, [&](Session &, const Device &device) { return copy_text(device.pci, id, room); });
}

VGPU_ENTRY cuDeviceGetByPCIBusId(CUdevice *found, const char *id)
{
    return entry([&](Session &session) -> CUresult {
        unsigned want[3];
        if (!found || !id)
            return CUDA_ERROR_INVALID_VALUE;
        if (!parse_pci(id, want))
            return CUDA_ERROR_INVALID_DEVICE;
        for (size_t i = 0; i < session.devices().size(); ++i) {
            unsigned have[3];
            if (parse_pci(session.devices()[i].pci.c_str(), have) &&
                std::memcmp(have, want, sizeof(want)) == 0) {
                *found = CUdevice(i);
                return CUDA_SUCCESS;
            }
        }
        return CUDA_ERROR_INVALID_DEVICE;
    });
}

VGPU_ENTRY cuDeviceGetExecAffinitySupport(int *supported, CUexecAffinityType type, CUdevice ordinal)
{
    return with_device(ordinal, [&](Session &, const Device &) -> CUresult {
        if (!supported || type != CU_EXEC_AFFINITY_TYPE_SM_COUNT)
            return CUDA_ERROR_INVALID_VALUE;
        *supported = 0;
        return CUDA_SUCCESS;
    });
}
