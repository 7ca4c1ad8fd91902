// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/lease.h"

#include <gtest/gtest.h>

#include "daemon/common/conf.h"
#include "daemon/common/pack.h"

namespace vgpu::control
{

namespace
{

Lease sample()
{
    Lease lease;
    lease.lease = "0123456789abcdef";
    lease.uid = 1000;
    lease.job = 42;
    lease.step = 0xfffffffb;
    lease.node = "gpu1";
    lease.instance = "fedcba9876543210";
    lease.address = "gpu1";
    lease.port = 6828;
    lease.socket = "/run/vgpu/vgpud.sock";
    lease.slices = {{0, "GPU-a", 1ULL << 40, 50}, {1, "GPU-b", 7, 0}};
    return lease;
}

msgpack::object_handle travel(const wire::Map &map)
{
    const msgpack::sbuffer bytes = map.pack();
    return msgpack::unpack(bytes.data(), bytes.size());
}

TEST(Lease, TravelsWhole)
{
    const Lease before = sample();
    const Lease after = from_object<Lease>(travel(to_map(before)).get(), "test");
    EXPECT_EQ(after.lease, before.lease);
    EXPECT_EQ(after.step, before.step);
    EXPECT_EQ(after.port, before.port);
    ASSERT_EQ(after.slices.size(), 2U);
    EXPECT_EQ(after.slices[0].memory, 1ULL << 40);
    EXPECT_EQ(after.slices[0].cores, 50U);
    EXPECT_EQ(after.slices[1].device, "GPU-b");
}

TEST(Lease, ToleratesOtherVersions)
{
    wire::Map map;
    map.set("lease", "0123456789abcdef").set("colour", "green");
    const Lease lease = from_object<Lease>(travel(map).get(), "test");
    EXPECT_EQ(lease.lease, "0123456789abcdef");
    EXPECT_EQ(lease.uid, 0U);
}

TEST(Lease, RefusesOtherTypes)
{
    wire::Map text;
    text.set("uid", "root");
    EXPECT_THROW(from_object<Lease>(travel(text).get(), "test"), Error);
    wire::Map large;
    large.set("uid", uint64_t(1) << 40);
    EXPECT_THROW(from_object<Lease>(travel(large).get(), "test"), Error);
    msgpack::sbuffer bytes;
    msgpack::pack(bytes, 7);
    EXPECT_THROW(from_object<Lease>(msgpack::unpack(bytes.data(), bytes.size()).get(), "test"),
                 Error);
}

TEST(Lease, BecomesALeaseFile)
{
    const wire::LeaseFile file = lease_file_of(sample(), parse_conf("MungeSocket=/run/m", "test"));
    EXPECT_EQ(file.address, "gpu1:6828");
    EXPECT_EQ(file.auth.munge_socket, "/run/m");
    ASSERT_EQ(file.slices.size(), 2U);
    EXPECT_EQ(wire::parse_lease(wire::format_lease(file), "test").slices[0].memory, 1ULL << 40);
}

} // namespace

} // namespace vgpu::control
