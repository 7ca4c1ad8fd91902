// SPDX-License-Identifier: Apache-2.0
// Compares abi.h and nvml.api with nvml.h, where configure found one. Generates no code.
#include "remoting/nvml/abi.h"

#ifdef VGPU_NVML_H
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include <nvml.h>

#include <cstddef>
#include <type_traits>

namespace vgpu::nvml
{
namespace
{

// What a caller can tell of a parameter: its size, and whether it is a pointer and to how much.
template<class T>
constexpr size_t pointed()
{
    using Target = std::remove_cv_t<std::remove_pointer_t<T>>;
    if constexpr (!std::is_pointer_v<T>)
        return 0;
    else if constexpr (std::is_void_v<Target> || !requires { sizeof(Target); })
        return size_t(-1);
    else
        return sizeof(Target);
}

template<class Theirs, class Ours>
constexpr bool same_parameter()
{
    constexpr size_t theirs = pointed<Theirs>(), ours = pointed<Ours>();
    return sizeof(Theirs) == sizeof(Ours) && std::is_pointer_v<Theirs> == std::is_pointer_v<Ours> &&
           (theirs == ours || ours == size_t(-1));
}

// Old forms end earlier: the header shows the new structure for all.
template<class... Theirs, class... Ours>
constexpr bool same(nvmlReturn_t (*)(Theirs...), Result (*)(Ours...))
{
    if constexpr (sizeof...(Theirs) != sizeof...(Ours))
        return false;
    else
        return (same_parameter<Theirs, Ours>() && ...);
}

#define NVML_SAME(name, parameters)                                                                \
    static_assert(same(decltype (&::name)(nullptr), (Result(*) parameters) nullptr), #name);
#include "remoting/nvml/check.inc"

static_assert(offsetof(PciInfo, bus_id) == offsetof(nvmlPciInfo_t, busId));
static_assert(offsetof(PciInfo, device_id) == offsetof(nvmlPciInfo_t, pciDeviceId));
static_assert(offsetof(PciInfoExt, bus_id) == offsetof(nvmlPciInfoExt_v1_t, busId));
static_assert(offsetof(Uuid, text) == offsetof(nvmlUUID_v1_t, value));
static_assert(offsetof(Memory, used) == offsetof(nvmlMemory_t, used));
static_assert(offsetof(MemoryV2, reserved) == offsetof(nvmlMemory_v2_t, reserved));
static_assert(offsetof(MemoryV2, used) == offsetof(nvmlMemory_v2_t, used));
static_assert(offsetof(ProcessInfo, compute_instance) ==
              offsetof(nvmlProcessInfo_v2_t, computeInstanceId));
static_assert(sizeof(ProcessDetail) == sizeof(nvmlProcessDetail_v1_t));
static_assert(offsetof(Attributes, memory_mib) == offsetof(nvmlDeviceAttributes_t, memorySizeMB));
static_assert(offsetof(FieldValue, result) == offsetof(nvmlFieldValue_t, nvmlReturn));
static_assert(offsetof(EventData, data) == offsetof(nvmlEventData_t, eventData));
static_assert(versioned<PciInfoExt>(1) == nvmlPciInfoExt_v1);
static_assert(versioned<Uuid>(1) == nvmlUUID_v1);
static_assert(versioned<MemoryV2>(2) == nvmlMemory_v2);
static_assert(versioned<ProcessDetails>(1) == nvmlProcessDetailList_v1);
static_assert(versioned<Temperature>(1) == nvmlTemperature_v1);
static_assert(int(kNotSupported) == NVML_ERROR_NOT_SUPPORTED &&
              int(kInsufficientSize) == NVML_ERROR_INSUFFICIENT_SIZE &&
              int(kDriverNotLoaded) == NVML_ERROR_DRIVER_NOT_LOADED &&
              int(kGpuIsLost) == NVML_ERROR_GPU_IS_LOST &&
              int(kMemoryExhausted) == NVML_ERROR_MEMORY && int(kTimeout) == NVML_ERROR_TIMEOUT &&
              int(kVersionMismatch) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);

} // namespace
} // namespace vgpu::nvml
#endif
