// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/device.h"

#include "remoting/base/error.h"

#include <climits>
#include <gtest/gtest.h>

using namespace vgpu;
using namespace vgpu::client;

namespace
{

std::vector<std::byte> snapshot(uint64_t devices, uint64_t attributes)
{
    std::vector<std::byte> bytes;
    wire::Encoder out(bytes);
    out.u64(0x100000000000);
    out.u64(13000);
    out.u64(devices);
    for (uint64_t i = 0; i < devices && i < 2; ++i) {
        out.string("Software GPU");
        out.bytes(std::vector<std::byte>(16, std::byte(i)));
        out.u64(uint64_t(1) << 30);
        out.string("0000:00:0" + std::to_string(i) + ".0");
        out.u64(attributes);
        std::vector<int32_t> values(256, INT32_MIN);
        values[CU_DEVICE_ATTRIBUTE_WARP_SIZE] = 32;
        values[CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY] = 1;
        values[CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS] = 1;
        for (auto number : {CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED,
                            CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH,
                            CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED,
                            CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED,
                            CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED})
            values[number] = 1;
        values[CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY] = 1;
        out.bytes(std::as_bytes(std::span(values)));
    }
    return bytes;
}

Snapshot decode(const std::vector<std::byte> &bytes)
{
    wire::Decoder in(bytes);
    return decode_snapshot(in);
}

} // namespace

TEST(Device, IsReadFromTheSnapshot)
{
    auto made = decode(snapshot(2, 256));
    EXPECT_EQ(made.window, 0x100000000000u);
    EXPECT_EQ(made.driver_version, 13000);
    ASSERT_EQ(made.devices.size(), 2u);
    const Device &device = made.devices[1];
    EXPECT_EQ(device.name, "Software GPU");
    EXPECT_EQ(device.uuid[15], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_WARP_SIZE], 32);
    int value = 5;
    EXPECT_FALSE(device.attribute(0, value));
    EXPECT_FALSE(device.attribute(-1, value));
    EXPECT_FALSE(device.attribute(256, value));
    EXPECT_FALSE(device.attribute(CU_DEVICE_ATTRIBUTE_MAX_PITCH, value)); // the driver has none
    EXPECT_EQ(value, 5);
}

TEST(Device, ABrokenSnapshotIsRefused)
{
    auto good = snapshot(2, 256);
    for (size_t n : {size_t(0), size_t(16), size_t(40), good.size() - 8})
        EXPECT_THROW(decode({good.begin(), good.begin() + ptrdiff_t(n)}), Error) << n;
    EXPECT_THROW(decode(snapshot(UINT64_MAX, 256)), Error);
    EXPECT_THROW(decode(snapshot(1, UINT64_MAX)), Error);
    EXPECT_THROW(decode(snapshot(1, uint64_t(1) << 62)), Error);
}

TEST(Device, DoesNotPromiseWhatIsNotCarried)
{
    Device device = decode(snapshot(1, 256)).devices.at(0);
    limit_attributes(device, true);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED], 0);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED], 0);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS], 1);
    limit_attributes(device, false); // each end has a copy then
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS], 0);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY], 1);
    EXPECT_EQ(device[CU_DEVICE_ATTRIBUTE_WARP_SIZE], 32);
}
