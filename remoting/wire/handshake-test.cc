// SPDX-License-Identifier: Apache-2.0
// Both ends of opening a connection, the acceptor in a thread as vgpud and vgpustepd would be.
#include "remoting/wire/address.h"
#include "remoting/wire/handshake.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <thread>

#include <poll.h>
#include <unistd.h>

namespace vgpu::wire
{

static Deadline soon()
{
    return Deadline::after_ms(5000);
}

// A daemon of one connection: challenges, judges, and hands over to `then`, which is not called
// after a refusal. What it thought of the peer is for the test to look at after join().
class Daemon
{
public:
    using Then = std::function<void(Fd, const Peer &)>;

    Daemon(const std::string &address, AuthConfig auth, Then then,
           Challenge challenge = its_challenge(), uint64_t api = 0)
        : challenge_(std::move(challenge)), api_(api), listener_(listen_on(address)),
          address_(local_address(listener_.get())), auth_(auth), then_(std::move(then)),
          thread_([this] { serve(); })
    {
    }
    ~Daemon() { join(); }

    void join()
    {
        if (thread_.joinable())
            thread_.join();
    }
    const std::string &address() const { return address_; }

    static Challenge its_challenge()
    {
        return make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    }

    std::string refused; // the reason it gave

private:
    void serve()
    {
        if (!wait_for(listener_.get(), POLLIN, soon()))
            return;
        Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        try {
            send_frame(fd.get(), pack_challenge(challenge_), soon());
            auto hello = receive_frame(fd.get(), kMaxOpeningFrame, soon());
            Peer peer = verify_hello(hello.get(), challenge_, auth_, api_);
            then_(std::move(fd), peer);
        } catch (const Error &error) {
            refused = error.what();
            if (fd && error.code() != ECONNRESET)
                send_frame(fd.get(), pack_refuse(error.code(), error.what()), soon());
        }
    }

    Challenge challenge_;
    uint64_t api_;
    Fd listener_;
    std::string address_;
    AuthConfig auth_;
    Then then_;
    std::thread thread_;
};

class Handshake : public testing::Test
{
protected:
    Handshake()
    {
        unsetenv("VGPU_CHANNEL");
        auth_.method = AuthConfig::Method::key;
        auth_.key_file = scratch_ / "key";
        make_key_file(auth_.key_file);
        lease_.lease = "0123456789abcdef";
        lease_.node = "gpu1";
        lease_.auth = auth_;
    }

    // A worker that answers one message with itself.
    static void echo(Fd fd, const Peer &peer)
    {
        auto channel = accept_session(std::move(fd), {"00000000000000bb", peer.channel});
        std::vector<std::byte> message;
        channel->receive(message, 5000);
        channel->send(message);
        channel->flush();
        // Stays until the client has its answer and goes.
        refusal([&] { channel->receive(message, 5000); });
    }

    void check_echo(Channel &channel)
    {
        auto sent = test_message(1, 4096);
        channel.send(sent);
        channel.flush();
        std::vector<std::byte> got;
        ASSERT_TRUE(channel.receive(got, 5000));
        EXPECT_EQ(got, sent);
    }

    Scratch scratch_;
    AuthConfig auth_;
    LeaseFile lease_;
};

TEST_F(Handshake, UnixSocketGivesARing)
{
    Peer seen;
    Daemon daemon(scratch_ / "socket", auth_, [&](Fd fd, const Peer &peer) {
        seen = peer;
        echo(std::move(fd), peer);
    });
    lease_.socket = daemon.address();
    SessionInfo info;
    auto channel = connect_session(lease_, {.api = 99}, &info);
    EXPECT_STREQ(channel->name(), "shm");
    EXPECT_EQ(info.session, "00000000000000bb");
    EXPECT_EQ(info.node, "gpu1");
    check_echo(*channel);
    channel.reset();
    daemon.join();
    EXPECT_EQ(seen.uid, geteuid());
    EXPECT_EQ(seen.role, "session");
    EXPECT_EQ(seen.lease, lease_.lease);
    EXPECT_EQ(seen.api, 99u);
    EXPECT_EQ(seen.pid, getpid());
}

TEST_F(Handshake, VGPU_CHANNELForcesTheUnixStream)
{
    Daemon daemon(scratch_ / "socket", auth_, echo);
    lease_.socket = daemon.address();
    setenv("VGPU_CHANNEL", "unix", 1);
    auto channel = connect_session(lease_, {});
    unsetenv("VGPU_CHANNEL");
    EXPECT_STREQ(channel->name(), "unix");
    check_echo(*channel);
}

TEST_F(Handshake, FallsBackToTcp)
{
    Daemon daemon("127.0.0.1:0", auth_, echo);
    lease_.socket = scratch_ / "nobody-serves-this";
    lease_.address = daemon.address();
    auto channel = connect_session(lease_, {});
    EXPECT_STREQ(channel->name(), "tcp");
    check_echo(*channel);
}

TEST_F(Handshake, AnotherNodesSocketIsPassedOver)
{
    // The lease's path exists here too, but it is that of this host's own daemon.
    Challenge of_gpu2 = make_challenge("gpu2", "00000000000000cc", AuthConfig::Method::key);
    Daemon local(scratch_ / "socket", auth_, echo, of_gpu2);
    Daemon remote("127.0.0.1:0", auth_, echo);
    lease_.socket = local.address();
    lease_.address = remote.address();
    auto channel = connect_session(lease_, {});
    EXPECT_STREQ(channel->name(), "tcp");
    check_echo(*channel);
}

TEST_F(Handshake, UnreachableNodesAreNamedWithEveryReason)
{
    lease_.socket = scratch_ / "none";
    lease_.address = "127.0.0.1:1";
    Refusal why = refusal([&] { connect_session(lease_, {}); });
    EXPECT_EQ(why.text, "node gpu1 cannot be reached: cannot connect to " + lease_.socket +
                            ": No such file or directory; cannot connect to 127.0.0.1:1: "
                            "Connection refused");
    EXPECT_EQ(refusal([&] { connect_session(lease_, {.channel = "pigeon"}); }).code, EINVAL);
    lease_.address.clear();
    EXPECT_EQ(refusal([&] { connect_session(lease_, {.channel = "tcp"}); }).code, EINVAL);
}

TEST_F(Handshake, WrongKeyIsRefusedWithAReason)
{
    Daemon daemon(scratch_ / "socket", auth_, echo);
    lease_.socket = daemon.address();
    lease_.auth.key_file = scratch_ / "other";
    make_key_file(lease_.auth.key_file);
    Refusal why = refusal([&] { connect_session(lease_, {}); });
    daemon.join();
    EXPECT_EQ(why.code, EACCES);
    EXPECT_EQ(why.text, "the credential is refused: do the two hosts have the same key file?");
    EXPECT_EQ(daemon.refused, why.text);
}

TEST_F(Handshake, AnotherCallTableIsRefused)
{
    Daemon daemon(scratch_ / "socket", auth_, echo, Daemon::its_challenge(), 1);
    lease_.socket = daemon.address();
    Refusal why = refusal([&] { connect_session(lease_, {.api = 2}); });
    EXPECT_EQ(why.code, EPROTO);
    EXPECT_EQ(why.text, "the client's call table (0000000000000002) is not that of vgpud on gpu1 "
                        "(0000000000000001): install the same slurm-vgpu on both");
}

TEST_F(Handshake, AnotherProtocolIsRefusedOnBothSides)
{
    Challenge later = Daemon::its_challenge();
    later.protocol = 9;
    Daemon daemon(scratch_ / "socket", auth_, echo, later);
    lease_.socket = daemon.address();
    std::string expected = "the client speaks protocol 1, vgpud on gpu1 speaks 9: install the same "
                           "slurm-vgpu on both";
    EXPECT_EQ(refusal([&] { connect_session(lease_, {}); }).text,
              "node gpu1 cannot be reached: " + expected);

    Challenge ours = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    auto hello = Map().set("type", "hello").set("protocol", 7).pack();
    auto frame = parse_frame(std::as_bytes(std::span(hello.data(), hello.size())));
    EXPECT_EQ(
        refusal([&] { verify_hello(frame.get(), ours, auth_); }).text,
        "the client speaks protocol 7, vgpud on gpu1 speaks 1: install the same slurm-vgpu on "
        "both");
}

TEST_F(Handshake, OtherAuthenticationIsNamed)
{
    Challenge by_munge = Daemon::its_challenge();
    by_munge.auth = AuthConfig::Method::munge;
    Daemon daemon(scratch_ / "socket", auth_, echo, by_munge);
    lease_.socket = daemon.address();
    EXPECT_EQ(
        refusal([&] { connect_session(lease_, {}); }).text,
        "vgpud on gpu1 authenticates by munge, the client by key: set AuthType alike on both");
}

// ---- the acceptor's judgement of single fields
// --------------------------------------------------------

class Hello : public Handshake
{
protected:
    Map honest()
    {
        auto credential = make_credential(auth_, challenge_.nonce, "0123456789abcdef", 1000);
        return Map()
            .set("type", "hello")
            .set("protocol", kProtocol)
            .set("host", "c1")
            .set("pid", 5)
            .set("auth", "key")
            .set("uid", 1000)
            .set("credential", std::span<const std::byte>(credential));
    }
    Refusal judge(const Map &map)
    {
        auto bytes = map.pack();
        auto frame = parse_frame(std::as_bytes(std::span(bytes.data(), bytes.size())));
        return refusal([&] { verify_hello(frame.get(), challenge_, auth_); });
    }
    Map session(std::string_view lease = "0123456789abcdef", std::string_view channel = "ring")
    {
        return honest()
            .set("role", "session")
            .set("lease", lease)
            .set("channel", channel)
            .set("api", 1);
    }
    Challenge challenge_ = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
};

TEST_F(Hello, HonestOneIsAccepted)
{
    EXPECT_EQ(judge(session()).text, "accepted");
}

TEST_F(Hello, CredentialOfAnotherConnectionIsAReplay)
{
    Map recorded = session();
    challenge_ = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    EXPECT_EQ(judge(recorded).code, EACCES);
}

TEST_F(Hello, CredentialIsBoundToTheLeaseAndTheRole)
{
    EXPECT_EQ(judge(session("ffffffffffffffff")).code, EACCES);
    EXPECT_EQ(judge(honest().set("role", "tool")).code, EACCES); // signed for a lease
}

TEST_F(Hello, BadFieldsAreRefused)
{
    EXPECT_EQ(judge(session("0123")).code, EPROTO);
    EXPECT_EQ(judge(session("0123456789abcdef", "pigeon")).code, EPROTO);
    EXPECT_EQ(judge(honest().set("role", "king")).code, EPROTO);
    EXPECT_EQ(judge(honest()).code, EPROTO);
    EXPECT_EQ(judge(Map()).code, EPROTO);
    EXPECT_EQ(judge(Map().set("type", "hello")).code, EPROTO);
    EXPECT_EQ(judge(Map().set("type", "hello").set("protocol", "one")).code, EPROTO);
    EXPECT_EQ(judge(Map().set("type", "welcome")).code, EPROTO);
}

TEST_F(Handshake, GarbageInsteadOfAChallengeIsAnError)
{
    for (std::string garbage : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string(),
                                std::string("\x01\0\0\0\x80", 5), std::string("\x01\0", 2)}) {
        Fd listener = listen_on(scratch_ / "garbage");
        std::thread server([&] {
            wait_for(listener.get(), POLLIN, soon());
            Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            write_all(fd.get(), std::as_bytes(std::span(garbage)), soon());
        });
        lease_.socket = scratch_ / "garbage";
        Refusal why = refusal([&] { connect_session(lease_, {}); });
        server.join();
        EXPECT_TRUE(why.code == EPROTO || why.code == ECONNRESET) << why.text;
        listener.reset();
    }
}

// ---- control connections
// ------------------------------------------------------------------------------

TEST_F(Handshake, ControlConnectionCallsAndAnswers)
{
    std::string role;
    Daemon daemon(scratch_ / "socket", auth_, [&](Fd fd, const Peer &peer) {
        role = peer.role;
        send_frame(fd.get(), pack_welcome(), soon());
        auto ask = [&] { return receive_frame(fd.get(), kMaxFrame, soon()); };
        auto first = ask();
        EXPECT_EQ(get_string(first.get(), "method"), "state.get");
        EXPECT_EQ(get_u64(get_map(first.get(), "params"), "x"), 5u);
        uint64_t id = get_u64(first.get(), "id");
        // A request of our own and an answer nobody waits for come first.
        send_frame(fd.get(), pack_request(77, "lease.grant", {}), soon());
        auto answer = ask();
        EXPECT_EQ(get_u64(answer.get(), "id"), 77u);
        EXPECT_FALSE(get_bool(answer.get(), "ok"));
        EXPECT_EQ(get_i64(answer.get(), "code"), ENOSYS);
        send_frame(fd.get(), pack_reply(id + 1000, Map().set("stale", true)), soon());
        send_frame(fd.get(), pack_reply(id, Map().set("nodes", 3)), soon());
        auto second = ask();
        send_frame(fd.get(), pack_failure(get_u64(second.get(), "id"), ENOENT, "no such lease"),
                   soon());
    });
    {
        auto control = connect_control(daemon.address(), "tool", auth_);
        EXPECT_EQ(control.peer().node, "gpu1");
        auto result = control.call("state.get", Map().set("x", 5));
        EXPECT_EQ(get_u64(result.get(), "nodes"), 3u);
        Refusal why = refusal([&] { control.call("lease.release"); });
        EXPECT_EQ(why.code, ENOENT);
        EXPECT_EQ(why.text, "no such lease");
        EXPECT_EQ(refusal([&] { control.call("state.get"); }).code != 0, true); // it has gone
    }
    daemon.join();
    EXPECT_EQ(role, "tool");
    EXPECT_EQ(daemon.refused, "");
}

TEST(Listen, ReplacesADeadSocketButNotALiveOne)
{
    Scratch scratch;
    std::string path = scratch / "socket";
    listen_on(path).reset(); // leaves its file behind
    Fd live = listen_on(path);
    EXPECT_EQ(refusal([&] { listen_on(path); }).code, EADDRINUSE);
    EXPECT_EQ(refusal([&] { listen_on("nohostport"); }).code, EINVAL);
    EXPECT_EQ(refusal([&] { listen_on("/" + std::string(200, 'x')); }).code, ENAMETOOLONG);
}

} // namespace vgpu::wire
