// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/admission.h"

#include <gtest/gtest.h>

namespace vgpu::control
{

namespace
{

class Admission : public testing::Test
{
protected:
    void SetUp() override
    {
        Lease &lease = table_.leases["00000000000000aa"];
        lease.lease = "00000000000000aa";
        lease.uid = 1000;
        lease.expiry = 200;
        peer_.lease = lease.lease;
        peer_.uid = 1000;
        peer_.channel = "ring";
    }

    std::optional<Refusal> check(bool unix_socket = true) const
    {
        return check_session(table_, peer_, unix_socket, {2, of_user_}, now_);
    }

    void use(const std::string &session) { table_.sessions[session].lease = "00000000000000aa"; }

    Table table_;
    wire::Peer peer_;
    uint64_t now_ = 100;
    uint32_t of_user_ = 0;
};

TEST_F(Admission, LetsTheHolderIn)
{
    EXPECT_FALSE(check());
}

TEST_F(Admission, RefusesAnUnknownLease)
{
    peer_.lease = "00000000000000bb";
    ASSERT_TRUE(check());
    EXPECT_EQ(check()->code, kCudaNoDevice);
    EXPECT_NE(check()->reason.find("00000000000000bb is unknown"), std::string::npos);
}

TEST_F(Admission, SaysWhyALeaseHasEnded)
{
    table_.end_lease("00000000000000aa", "was released", 50);
    ASSERT_TRUE(check());
    EXPECT_NE(check()->reason.find("was released"), std::string::npos);
}

TEST_F(Admission, RefusesAForeignUser)
{
    for (uid_t uid : {uid_t(1001), uid_t(0)}) { // not even root passes for another
        peer_.uid = uid;
        ASSERT_TRUE(check());
        EXPECT_EQ(check()->code, kCudaNotPermitted);
    }
}

TEST_F(Admission, RefusesAnExpiredLeaseThatNobodyUses)
{
    now_ = 230;
    ASSERT_TRUE(check());
    EXPECT_NE(check()->reason.find("expired 30 s ago"), std::string::npos) << check()->reason;
    use("s");
    EXPECT_FALSE(check());
}

TEST_F(Admission, BoundsTheSessions)
{
    use("s1");
    EXPECT_FALSE(check());
    use("s2");
    ASSERT_TRUE(check());
    EXPECT_EQ(check()->code, kCudaNotReady);
}

TEST_F(Admission, BoundsTheSessionsOfAUserInAllHisLeases)
{
    of_user_ = 2;
    for (const char *id : {"00000000000000bb", "00000000000000cc"}) {
        table_.leases[id].lease = id;
        table_.leases[id].uid = 1000;
        table_.sessions[id].lease = id;
    }
    ASSERT_TRUE(check());
    EXPECT_EQ(check()->code, kCudaNotReady);
    EXPECT_NE(check()->reason.find("uid 1000 has 2 processes on this node already "
                                   "(MaxSessionsPerUser)"),
              std::string::npos)
        << check()->reason;
    table_.leases["00000000000000cc"].uid = 1001; // somebody else's do not count
    EXPECT_FALSE(check());
}

TEST_F(Admission, RefusesARingOverTcp)
{
    EXPECT_TRUE(check(false));
    peer_.channel = "stream";
    EXPECT_FALSE(check(false));
}

class Joining : public Admission
{
protected:
    void SetUp() override
    {
        Admission::SetUp();
        use("0000000000000001");
        table_.sessions["0000000000000001"].channel = "tcp";
        peer_.session = "0000000000000001";
    }

    std::string reason() const
    {
        auto refusal = check_joining(table_, peer_);
        return refusal ? refusal->reason : "";
    }
};

TEST_F(Joining, LetsTheOwnerIn)
{
    EXPECT_EQ(reason(), "");
}

TEST_F(Joining, RefusesOtherUsersAndOtherLeases)
{
    peer_.uid = 1001;
    EXPECT_EQ(check_joining(table_, peer_)->code, kCudaNotPermitted);
    peer_.uid = 1000;
    table_.leases["00000000000000bb"] = table_.leases["00000000000000aa"];
    peer_.lease = "00000000000000bb"; // his too, but not that session's
    EXPECT_EQ(check_joining(table_, peer_)->code, kCudaNoDevice);
    EXPECT_NE(reason().find("has no session 0000000000000001"), std::string::npos) << reason();
    peer_.lease = "00000000000000cc";
    EXPECT_NE(reason().find("is unknown"), std::string::npos) << reason();
}

TEST_F(Joining, RefusesSessionsThatAreNotThere)
{
    peer_.session = "0000000000000002";
    EXPECT_NE(reason().find("has no session"), std::string::npos) << reason();
}

TEST_F(Joining, RefusesWhereThereIsSharedMemory)
{
    table_.sessions["0000000000000001"].channel = "shm";
    EXPECT_NE(reason().find("shared memory"), std::string::npos) << reason();
}

} // namespace

} // namespace vgpu::control
