// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/visible-devices.h"

#include <gtest/gtest.h>

namespace vgpu
{
namespace
{

using Order = std::vector<size_t>;

DeviceUuid uuid(unsigned char first, unsigned char last)
{
    DeviceUuid bytes{};
    bytes.front() = first;
    bytes.back() = last;
    return bytes;
}

const std::vector<DeviceUuid> three = {uuid(0xab, 0), uuid(0xab, 1), uuid(0xcd, 2)};

TEST(VisibleDevices, are_those_named_in_that_order)
{
    EXPECT_EQ(visible_devices("0,1,2", three), (Order{0, 1, 2}));
    EXPECT_EQ(visible_devices("2,0", three), (Order{2, 0}));
    EXPECT_EQ(visible_devices(" 1, 2", three), (Order{1, 2}));
    EXPECT_EQ(visible_devices("+1gpu,2", three), (Order{1, 2})); // as strtoul reads it
}

TEST(VisibleDevices, end_before_what_is_no_device)
{
    EXPECT_EQ(visible_devices("0,2,-1,1", three), (Order{0, 2})); // the CUDA programming guide's
    EXPECT_EQ(visible_devices("1,3,0", three), (Order{1}));
    EXPECT_EQ(visible_devices("1,,0", three), (Order{1}));
    EXPECT_EQ(visible_devices("1,18446744073709551616,0", three), (Order{1}));
    EXPECT_EQ(visible_devices("1,18446744073709551617,0", three), (Order{1}));
    for (const char *none : {"", "-1", "3", "NoDevFiles", "MIG-1", ",0", " "})
        EXPECT_EQ(visible_devices(none, three), Order{}) << none;
    EXPECT_EQ(visible_devices("0", {}), Order{});
}

TEST(VisibleDevices, are_none_when_one_is_named_twice)
{
    EXPECT_EQ(visible_devices("0,0", three), Order{});
    EXPECT_EQ(visible_devices("1,2,01", three), Order{});
    EXPECT_EQ(visible_devices("1,-1,1", three), Order{1}); // it had ended before
}

TEST(VisibleDevices, go_by_beginnings_of_uuids_too)
{
    const std::string second = "GPU-ab000000-0000-0000-0000-000000000001";
    EXPECT_EQ(visible_devices("GPU-c," + second, three), (Order{2, 1}));
    EXPECT_EQ(visible_devices("GPU-CD000000", three), Order{2});
    EXPECT_EQ(visible_devices("GPU-cd,GPU-ab," + second, three), Order{2}); // which of the two?
    EXPECT_EQ(visible_devices("GPU-", three), Order{});
    EXPECT_EQ(visible_devices("GPU-cd,GPU-ef", three), Order{2});
    EXPECT_EQ(visible_devices(second + "0", three), Order{});
    EXPECT_EQ(visible_devices("GPU-cd," + second + ",GPU-cd", three), Order{});
    EXPECT_EQ(visible_devices("GPU-cd,0", three), Order{2}); // one kind or the other
    EXPECT_EQ(visible_devices("0,GPU-cd", three), Order{0});
}

TEST(VisibleDevices, slices_of_one_device_come_one_by_one)
{
    const std::vector<DeviceUuid> slices = {uuid(0xab, 0), uuid(0xcd, 0), uuid(0xab, 0)};
    EXPECT_EQ(visible_devices("GPU-ab", slices), Order{0});
    EXPECT_EQ(visible_devices("GPU-ab,GPU-ab,GPU-cd", slices), (Order{0, 2, 1}));
    EXPECT_EQ(visible_devices("GPU-ab,GPU-ab,GPU-ab", slices), Order{});
}

} // namespace
} // namespace vgpu
