// SPDX-License-Identifier: Apache-2.0
// A session goes on over another connection: the opening of that, plain and sealed.
#include "remoting/wire/handshake-testing.h"

#include <cerrno>

namespace vgpu::wire
{

// Both ends of one session, which stay while connections come and go.
class Resumption : public Handshake
{
protected:
    void open(bool sealed)
    {
        auth_.encrypt = lease_.auth.encrypt = sealed;
        Daemon daemon("127.0.0.1:0", auth_, [this](Fd fd, const Acceptance &acceptance) {
            EXPECT_TRUE(acceptance.peer.resumes);
            SessionWelcome welcome{"00000000000000bb", acceptance.peer.channel};
            welcome.acceptance = acceptance;
            welcome.reconnect_s = 30;
            welcome.secret = secret_;
            worker_ = accept_session(std::move(fd), welcome, &lasting_);
        });
        lease_.address = daemon.address();
        client_ = connect_session(lease_, {}, &info_);
        daemon.join();
        ASSERT_TRUE(lasting_);
        ASSERT_TRUE(info_.lasting);
        EXPECT_EQ(info_.reconnect_s, 30u);
    }

    // One attempt, at a worker that says that it has received `more` bytes than it has.
    void resume(uint64_t more = 0, Challenge challenge = Daemon::its_challenge())
    {
        Daemon daemon(
            "127.0.0.1:0", auth_,
            [&](Fd fd, const Acceptance &acceptance) {
                const Peer &peer = acceptance.peer;
                EXPECT_EQ(peer.role, "resume");
                EXPECT_EQ(peer.lease, lease_.lease);
                if (!equal_bytes(peer.secret, secret_))
                    return send_frame(fd.get(), pack_refuse(EPERM, "another process"), soon());
                const uint64_t received = lasting_->leave("test") + more;
                lasting_->go_on(
                    accept_resumption(std::move(fd), peer.session, received, acceptance),
                    peer.received);
            },
            challenge);
        lease_.address = daemon.address();
        info_.channel = "tcp";
        resume_session(lease_, info_);
    }

    static void pass(Channel &from, Channel &to, uint32_t number)
    {
        from.send(test_message(number, 4096));
        from.flush();
        expect(to, number);
    }
    static void expect(Channel &to, uint32_t number)
    {
        std::vector<std::byte> got;
        ASSERT_TRUE(to.receive(got, 5000));
        EXPECT_EQ(got, test_message(number, 4096));
    }

    const Nonce secret_{std::byte{7}, std::byte{8}};
    std::unique_ptr<Channel> client_, worker_;
    LastingChannel *lasting_ = nullptr; // the worker's
    SessionInfo info_;
};

class EachResumption : public Resumption, public testing::WithParamInterface<bool>
{
};
INSTANTIATE_TEST_SUITE_P(All, EachResumption, testing::Bool(),
                         [](const auto &info) { return info.param ? "sealed" : "plain"; });

TEST_P(EachResumption, GoesOnWithWhatWasSentMeanwhile)
{
    open(GetParam());
    pass(*client_, *worker_, 1);
    pass(*worker_, *client_, 2);
    for (uint32_t number : {10, 20}) {
        info_.lasting->leave("cut");
        client_->send(test_message(number, 4096));
        client_->flush();
        resume();
        expect(*worker_, number);
        pass(*worker_, *client_, number + 1);
    }
}

TEST_F(Resumption, IsForWhoKnowsTheSecretAlone)
{
    open(false);
    info_.secret[31] ^= std::byte{1};
    EXPECT_THROW(resume(), Refused);
    info_.secret[31] ^= std::byte{1};
    resume();
    pass(*client_, *worker_, 1);
}

TEST_F(Resumption, IsNotWithAnotherInstance)
{
    open(false);
    Challenge other = Daemon::its_challenge();
    other.instance = "00000000000000cc";
    EXPECT_THROW(resume(0, other), Refused);
}

TEST_F(Resumption, IsNotWithAWorkerThatHasMoreThanWasSent)
{
    open(false);
    EXPECT_THROW(resume(8), Refused);
}

// Who does not ask for it, or at a node that does not offer it, has a session as before.
TEST_F(Resumption, IsOfferedAndAskedFor)
{
    Daemon daemon("127.0.0.1:0", auth_, echo);
    lease_.address = daemon.address();
    auto channel = connect_session(lease_, {}, &info_);
    EXPECT_FALSE(info_.lasting);
    check_echo(*channel);
}

} // namespace vgpu::wire
