// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpuctld/archive.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vgpu::control
{

namespace
{

class ArchiveTest : public testing::Test
{
protected:
    void SetUp() override { ASSERT_NE(mkdtemp(directory_.data()), nullptr); }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string directory_ = "/tmp/vgpu-archive.XXXXXX";
};

Table sample()
{
    Table table;
    Node &node = table.nodes["gpu1"];
    node.node = "gpu1";
    node.instance = "0123456789abcdef";
    node.port = 6828;
    Device device;
    device.node = "gpu1";
    device.index = 3;
    device.uuid = "GPU-a";
    device.name = "it's \"quoted\"; DROP TABLE devices";
    device.memory = 80ULL << 30;
    table.devices[device_key("gpu1", "GPU-a")] = device;
    Lease lease;
    lease.lease = "00000000000000aa";
    lease.node = "gpu1";
    lease.uid = 0xfffffffe;
    lease.job = 12;
    lease.step = 0xfffffffb;
    lease.slices = {{0, "GPU-a", 5, 10}, {1, "GPU-a", 6, 20}};
    table.leases[lease.lease] = lease;
    return table;
}

TEST_F(ArchiveTest, BringsEverythingBack)
{
    const Table before = sample();
    {
        Archive archive(directory_);
        EXPECT_EQ(archive.epoch(), 1U);
        archive.keep_node(before, "gpu1");
        archive.keep_lease(before, "00000000000000aa");
        archive.keep_lease(before, "00000000000000aa"); // over the old row
    }
    Archive archive(directory_);
    EXPECT_EQ(archive.epoch(), 2U);
    Table after;
    archive.load(after, 1000, 60);
    EXPECT_EQ(after.nodes.at("gpu1").state, "lost") << "until it registers again";
    EXPECT_EQ(after.nodes.at("gpu1").port, 6828U);
    const Device &device = after.devices.at(device_key("gpu1", "GPU-a"));
    EXPECT_EQ(device.name, "it's \"quoted\"; DROP TABLE devices");
    EXPECT_EQ(device.memory, 80ULL << 30);
    const Lease &lease = after.leases.at("00000000000000aa");
    EXPECT_EQ(lease.uid, 0xfffffffe);
    EXPECT_EQ(lease.step, 0xfffffffb);
    EXPECT_EQ(lease.expiry, 1060U);
    ASSERT_EQ(lease.slices.size(), 2U);
    EXPECT_EQ(lease.slices[1].memory, 6U);
    EXPECT_EQ(lease.slices[1].cores, 20U);
}

TEST_F(ArchiveTest, RemembersEndsForADay)
{
    Table table = sample();
    Archive archive(directory_);
    archive.keep_lease(table, "00000000000000aa");
    table.end_lease("00000000000000aa", "was released", 1000);
    archive.keep_lease(table, "00000000000000aa");
    Table soon;
    archive.load(soon, 1001, 60);
    EXPECT_TRUE(soon.leases.empty());
    EXPECT_EQ(soon.absence("00000000000000aa"), "lease 00000000000000aa was released");
    Table late;
    archive.load(late, 1000 + 2 * 86400, 60);
    EXPECT_TRUE(late.ended.empty());
}

TEST_F(ArchiveTest, DropsDevicesThatANodeNoLongerHas)
{
    Table table = sample();
    Archive archive(directory_);
    archive.keep_node(table, "gpu1");
    table.devices.clear();
    archive.keep_node(table, "gpu1");
    Table after;
    archive.load(after, 0, 60);
    EXPECT_TRUE(after.devices.empty());
    EXPECT_EQ(after.nodes.size(), 1U);
}

TEST_F(ArchiveTest, RefusesWhatIsNoDatabase)
{
    std::ofstream(directory_ + "/vgpuctld.db")
        << "this is a text, and long enough to be taken for a header, or not";
    EXPECT_THROW(Archive archive(directory_), Error);
    EXPECT_THROW(Archive archive("/proc/nowhere"), Error);
}

} // namespace

} // namespace vgpu::control
