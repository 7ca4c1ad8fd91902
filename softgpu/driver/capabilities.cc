// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"

#include <map>

// What a device can do together with the host or another device, and what it would tell of itself.

#if CUDA_VERSION >= 13000

namespace vgpu::soft::driver
{
namespace
{

/// Host, devices and kernels are threads of one process: what is atomic to one is so to all.
unsigned capability_of(CUatomicOperation operation)
{
    constexpr unsigned both = CU_ATOMIC_CAPABILITY_SIGNED | CU_ATOMIC_CAPABILITY_UNSIGNED;
    constexpr unsigned sizes = CU_ATOMIC_CAPABILITY_REDUCTION | CU_ATOMIC_CAPABILITY_SCALAR_32 |
                               CU_ATOMIC_CAPABILITY_SCALAR_64;
    switch (operation) {
    case CU_ATOMIC_OPERATION_INTEGER_ADD:
    case CU_ATOMIC_OPERATION_INTEGER_MIN:
    case CU_ATOMIC_OPERATION_INTEGER_MAX:
        return both | sizes;
    case CU_ATOMIC_OPERATION_INTEGER_INCREMENT:
    case CU_ATOMIC_OPERATION_INTEGER_DECREMENT:
        return CU_ATOMIC_CAPABILITY_UNSIGNED | CU_ATOMIC_CAPABILITY_REDUCTION |
               CU_ATOMIC_CAPABILITY_SCALAR_32;
    case CU_ATOMIC_OPERATION_AND:
    case CU_ATOMIC_OPERATION_OR:
    case CU_ATOMIC_OPERATION_XOR:
        return both | sizes;
    case CU_ATOMIC_OPERATION_EXCHANGE:
    case CU_ATOMIC_OPERATION_CAS: // they are no reductions
        return both | (sizes & ~unsigned(CU_ATOMIC_CAPABILITY_REDUCTION));
    case CU_ATOMIC_OPERATION_FLOAT_ADD:
        return CU_ATOMIC_CAPABILITY_SIGNED | sizes;
    case CU_ATOMIC_OPERATION_FLOAT_MIN: // compute capability 8.0 has none
    case CU_ATOMIC_OPERATION_FLOAT_MAX:
        return 0;
    default:
        throw Failure(CUDA_ERROR_INVALID_VALUE);
    }
}

void answer(unsigned *capabilities, const CUatomicOperation *operations, unsigned count)
{
    require(capabilities && operations && count);
    for (unsigned i = 0; i < count; i++)
        capabilities[i] = capability_of(operations[i]);
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetHostAtomicCapabilities(unsigned int *capabilities,
                                                               const CUatomicOperation *operations,
                                                               unsigned int count, CUdevice ordinal)
{
    ENTRY({
        machine().device(ordinal);
        answer(capabilities, operations, count);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetP2PAtomicCapabilities(unsigned int *capabilities,
                                                              const CUatomicOperation *operations,
                                                              unsigned int count, CUdevice from,
                                                              CUdevice to)
{
    ENTRY({
        bool same = &machine().device(from) == &machine().device(to);
        require(capabilities && operations && count);
        require(!same, CUDA_ERROR_INVALID_DEVICE);
        answer(capabilities, operations, count);
    });
}

#endif

#if CUDA_VERSION >= 12040

namespace
{

/// The one notification there is tells of a budget that is exceeded. No device here has one, so
/// these are counted, and never called.
struct Notifications {
    std::mutex lock;
    std::map<uint64_t, CUdevice> there;
    uint64_t last = 0;
};

Notifications &notifications()
{
    static Notifications &all = *new Notifications;
    return all;
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuDeviceRegisterAsyncNotification(CUdevice ordinal,
                                                               CUasyncCallback callback, void *,
                                                               CUasyncCallbackHandle *handle)
{
    ENTRY({
        vgpu::soft::driver::machine().device(ordinal);
        vgpu::soft::driver::require(callback && handle);
        std::lock_guard hold(notifications().lock);
        notifications().there[++notifications().last] = ordinal;
        *handle = reinterpret_cast<CUasyncCallbackHandle>(notifications().last);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceUnregisterAsyncNotification(CUdevice ordinal,
                                                                 CUasyncCallbackHandle handle)
{
    ENTRY({
        vgpu::soft::driver::machine().device(ordinal);
        std::lock_guard hold(notifications().lock);
        auto found = notifications().there.find(reinterpret_cast<uint64_t>(handle));
        vgpu::soft::driver::require(found != notifications().there.end() &&
                                    found->second == ordinal);
        notifications().there.erase(found);
    });
}

#endif
