// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/device.h"

#include "remoting/base/error.h"

#include <cerrno>
#include <climits>
#include <cstring>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kMaxDevices = 4096;
constexpr uint64_t kMaxAttributes = 4096;

// Not carried yet: a program that asks first takes another way; one that does not gets
// CUDA_ERROR_NOT_SUPPORTED from the call itself.
constexpr CUdevice_attribute kNotCarried[] = {
    CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST,
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS,
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES,
    CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM,
    CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_CAN_FLUSH_REMOTE_WRITES,
    CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_MEM_OPS_V1,
    CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_WIN32_HANDLE_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_WIN32_KMT_HANDLE_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_TIMELINE_SEMAPHORE_INTEROP_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS,
    CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_COOPERATIVE_MULTI_DEVICE_LAUNCH,
#if CUDA_VERSION >= 12040
    CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED,
#endif
#if CUDA_VERSION >= 13000
    CU_DEVICE_ATTRIBUTE_HOST_ALLOC_DMA_BUF_SUPPORTED,
#endif
};

} // namespace

bool Device::attribute(int number, int &value) const noexcept
{
    if (number <= 0 || size_t(number) >= attributes.size() ||
        attributes[size_t(number)] == INT32_MIN)
        return false;
    value = attributes[size_t(number)];
    return true;
}

Snapshot decode_snapshot(wire::Decoder &in)
{
    Snapshot snapshot;
    snapshot.window = in.u64();
    snapshot.driver_version = int(in.u64());
    uint64_t n = in.u64();
    if (n > kMaxDevices)
        in.fail("too many slices");
    for (uint64_t i = 0; i < n && in.ok(); ++i) {
        Device device;
        device.name = in.string(256);
        if (auto uuid = in.bytes(16); uuid.size() == 16)
            std::memcpy(device.uuid.data(), uuid.data(), 16);
        device.memory = in.u64();
        device.pci = in.string(64);
        uint64_t count = in.u64();
        if (count > kMaxAttributes)
            in.fail("too many device attributes");
        if (!in.ok())
            break;
        auto packed = in.bytes(count * sizeof(int32_t));
        device.attributes.resize(packed.size() / sizeof(int32_t));
        if (!packed.empty())
            std::memcpy(device.attributes.data(), packed.data(), packed.size());
        snapshot.devices.push_back(std::move(device));
    }
    if (!in.ok())
        fail(EPROTO, "the worker's description of its devices is broken: %s", in.why());
    return snapshot;
}

void limit_attributes(Device &device, bool shares_memory)
{
    auto set = [&](CUdevice_attribute number, int value) {
        if (size_t(number) < device.attributes.size() && device.attributes[number] != INT32_MIN)
            device.attributes[number] = value;
    };
    for (auto number : kNotCarried)
        set(number, 0);
    // Pools are ours, of memory that goes over as that of cuMemCreate does.
    constexpr auto by_descriptor = CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED;
    int can = 0;
    set(CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES,
        device.attribute(by_descriptor, can) && can ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : 0);
    // Mirrors are the same at launches and waits only.
    if (!shares_memory)
        set(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 0);
}

} // namespace vgpu::client
