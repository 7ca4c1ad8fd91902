// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spank-plugin/place.h"
#include "spank-plugin/slurm.h"

namespace vgpu::spank
{
namespace
{

class PlaceTest : public testing::Test
{
protected:
    PlaceTest()
    {
        char name[] = "/tmp/vgpu-place-XXXXXX";
        spool_ = mkdtemp(name);
        lease_.lease = "0123456789abcdef";
        lease_.node = "gpu1";
        lease_.instance = "fedcba9876543210";
        lease_.address = "gpu1:6828";
        request_.count = 2;
    }
    ~PlaceTest() override { std::filesystem::remove_all(spool_); }

    static mode_t mode(const std::string &path)
    {
        struct stat status {
        };
        EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
        return status.st_mode & 07777;
    }

    std::string spool_;
    wire::LeaseFile lease_;
    control::LeaseRequest request_;
};

TEST_F(PlaceTest, LetsOnlyTheUserRead)
{
    Place place(spool_, 7, 0, 1);
    place.write(lease_, request_, getuid(), getgid());
    EXPECT_EQ(place.lease_path(), spool_ + "/steps/7.0.1/lease");
    EXPECT_EQ(mode(place.lease_path()), 0600u);
    EXPECT_EQ(mode(spool_ + "/steps/7.0.1"), 0711u);
    EXPECT_EQ(mode(spool_ + "/steps"), 0711u);
    EXPECT_EQ(wire::read_lease_file(place.lease_path()).lease, lease_.lease);
}

TEST_F(PlaceTest, KnowsWhatWasAskedFor)
{
    Place place(spool_, 7, SLURM_BATCH_SCRIPT, 0);
    EXPECT_FALSE(place.holds(request_));
    EXPECT_EQ(place.count(), 0u);
    place.write(lease_, request_, getuid(), getgid());
    EXPECT_TRUE(place.holds(request_));
    EXPECT_EQ(place.count(), 2u);
    control::LeaseRequest other = request_;
    other.memory = 1 << 20;
    EXPECT_FALSE(place.holds(other));
    other = request_;
    other.count = 1;
    EXPECT_FALSE(place.holds(other));
    place.remove();
    EXPECT_FALSE(place.holds(request_));
}

TEST_F(PlaceTest, EndsWithItsJobAndNoOther)
{
    Place(spool_, 7, 0, 0).write(lease_, request_, getuid(), getgid());
    Place(spool_, 7, SLURM_BATCH_SCRIPT, 0).write(lease_, request_, getuid(), getgid());
    Place(spool_, 77, 0, 0).write(lease_, request_, getuid(), getgid());
    EXPECT_TRUE(has_places(spool_, 7));
    EXPECT_FALSE(has_places(spool_, 8));
    remove_places(spool_, 7);
    EXPECT_FALSE(has_places(spool_, 7));
    EXPECT_TRUE(has_places(spool_, 77));
    remove_places(spool_, 7);
}

} // namespace
} // namespace vgpu::spank
