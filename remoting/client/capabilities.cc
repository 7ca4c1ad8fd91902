// SPDX-License-Identifier: Apache-2.0
// What a device can do together with the host or another device, as far as that can be said here.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>

using namespace vgpu::client;

namespace
{

// Two slices may be of one device, which is no peer of itself: cuDeviceCanAccessPeer says 0 there.
bool one_device(Session &session, CUdevice a, CUdevice b)
{
    return session.devices()[size_t(a)].uuid == session.devices()[size_t(b)].uuid;
}

} // namespace

// The driver takes both slices of one device for the device with itself, which is an error. To the
// program they are two, between which there is nothing.
VGPU_ENTRY cuDeviceGetP2PAttribute(int *value, CUdevice_P2PAttribute attribute, CUdevice source,
                                   CUdevice destination)
{
    return entry([&](Session &session) -> CUresult {
        for (CUdevice device : {source, destination})
            if (device < 0 || size_t(device) >= session.devices().size())
                return CUDA_ERROR_INVALID_DEVICE;
        if (!value)
            return CUDA_ERROR_INVALID_VALUE;
        if (source == destination)
            return CUDA_ERROR_INVALID_DEVICE;
        if (!one_device(session, source, destination))
            return remote::cuDeviceGetP2PAttribute(value, attribute, source, destination);
        switch (int(attribute)) {
        case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK:
        case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
        case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED:
        case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED:
#if CUDA_VERSION >= 13000
        case CU_DEVICE_P2P_ATTRIBUTE_ONLY_PARTIAL_NATIVE_ATOMIC_SUPPORTED:
#endif
            *value = 0;
            return CUDA_SUCCESS;
        default:
            return CUDA_ERROR_INVALID_VALUE;
        }
    });
}

#if CUDA_VERSION >= 13000

// The host's memory is on another machine, or reached over a bus that has no atomic operations.
VGPU_ENTRY cuDeviceGetHostAtomicCapabilities(unsigned *capabilities,
                                             const CUatomicOperation *operations, unsigned count,
                                             CUdevice device)
{
    return entry([&](Session &session) -> CUresult {
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        if (!capabilities || !operations || count == 0)
            return CUDA_ERROR_INVALID_VALUE;
        std::fill_n(capabilities, count, 0);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceGetP2PAtomicCapabilities(unsigned *capabilities,
                                            const CUatomicOperation *operations, unsigned count,
                                            CUdevice source, CUdevice destination)
{
    return entry([&](Session &session) -> CUresult {
        for (CUdevice device : {source, destination})
            if (device < 0 || size_t(device) >= session.devices().size())
                return CUDA_ERROR_INVALID_DEVICE;
        if (!capabilities || !operations || count == 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (source == destination)
            return CUDA_ERROR_INVALID_DEVICE;
        if (one_device(session, source, destination)) {
            std::fill_n(capabilities, count, 0);
            return CUDA_SUCCESS;
        }
        return remote::vgpuPeerAtomics(uint32_t(source), uint32_t(destination),
                                       reinterpret_cast<const uint32_t *>(operations), count,
                                       capabilities, count);
    });
}

#endif

// The one notification there is tells that a process is over its budget. A slice's does not change
// while it is used, and nothing goes over it: there is nothing to be told of.
#if CUDA_VERSION >= 12040

VGPU_ENTRY cuDeviceRegisterAsyncNotification(CUdevice device, CUasyncCallback callback, void *,
                                             CUasyncCallbackHandle *handle)
{
    return entry([&](Session &session) -> CUresult {
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        if (!callback || !handle)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(session.notifications.mutex);
        uint64_t id = ++session.notifications.last;
        session.notifications.there.insert({id, device});
        *handle = reinterpret_cast<CUasyncCallbackHandle>(id);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuDeviceUnregisterAsyncNotification(CUdevice device, CUasyncCallbackHandle handle)
{
    return entry([&](Session &session) -> CUresult {
        if (device < 0 || size_t(device) >= session.devices().size())
            return CUDA_ERROR_INVALID_DEVICE;
        std::lock_guard lock(session.notifications.mutex);
        return session.notifications.there.erase({reinterpret_cast<uint64_t>(handle), device})
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_INVALID_VALUE;
    });
}

#endif
