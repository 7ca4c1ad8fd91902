// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/handshake-testing.h"

namespace vgpu::wire
{

TEST_F(Handshake, UnixSocketGivesARing)
{
    Peer seen;
    Daemon daemon(scratch_ / "socket", auth_, [&](Fd fd, const Acceptance &acceptance) {
        seen = acceptance.peer;
        echo(std::move(fd), acceptance);
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
    setenv("VGPU_CHANNEL", "pigeon", 1);
    EXPECT_EQ(refusal([&] { connect_session(lease_, {}); }).text,
              "VGPU_CHANNEL: 'pigeon' is not one of auto|shm|unix|tcp");
    unsetenv("VGPU_CHANNEL");
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
    std::string expected = "the client speaks protocol 2, vgpud on gpu1 speaks 9: install the same "
                           "slurm-vgpu on both";
    EXPECT_EQ(refusal([&] { connect_session(lease_, {}); }).text,
              "node gpu1 cannot be reached: " + expected);

    Challenge ours = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    auto hello = Map().set("type", "hello").set("protocol", 7).pack();
    EXPECT_EQ(
        refusal([&] {
            check_hello(std::as_bytes(std::span(hello.data(), hello.size())), ours);
        }).text,
        "the client speaks protocol 7, vgpud on gpu1 speaks 2: install the same slurm-vgpu on "
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
        return Map()
            .set("type", "hello")
            .set("protocol", kProtocol)
            .set("host", "c1")
            .set("pid", 5)
            .set("auth", "key")
            .set("uid", 1000)
            .set("nonce", std::span<const std::byte>(Nonce()))
            .set("encrypt", false);
    }
    Map session(std::string_view lease = "0123456789abcdef", std::string_view channel = "ring")
    {
        return honest()
            .set("role", "session")
            .set("lease", lease)
            .set("channel", channel)
            .set("api", 1);
    }
    static std::vector<std::byte> bytes(const Map &map)
    {
        auto packed = map.pack();
        auto view = std::as_bytes(std::span(packed.data(), packed.size()));
        return {view.begin(), view.end()};
    }
    // A proof of `said`, answering the challenge at hand.
    Map proof(const Map &said)
    {
        auto asked = pack_challenge(challenge_);
        auto credential = make_credential(
            auth_, End::connector,
            transcript_of(std::as_bytes(std::span(asked.data(), asked.size())), bytes(said)));
        return Map().set("type", "proof").set("credential", std::span<const std::byte>(credential));
    }
    Refusal judge(const Map &hello, const Map &proof)
    {
        return refusal([&] { verify_hello(bytes(hello), bytes(proof), challenge_, auth_); });
    }
    Refusal judge(const Map &hello) { return judge(hello, proof(hello)); }
    Challenge challenge_ = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
};

TEST_F(Hello, HonestOneIsAccepted)
{
    EXPECT_EQ(judge(session()).text, "accepted");
}

TEST_F(Hello, NoCredentialIsRefused)
{
    EXPECT_EQ(judge(session(), Map().set("type", "proof")).code, EPROTO);
    EXPECT_EQ(judge(session(), session()).code, EPROTO);
    EXPECT_EQ(
        judge(session(), Map().set("type", "proof").set("credential", std::span<const std::byte>()))
            .code,
        EACCES);
}

TEST_F(Hello, CredentialOfAnotherConnectionIsAReplay)
{
    Map recorded = proof(session());
    EXPECT_EQ(judge(session(), recorded).code, 0);
    challenge_ = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    EXPECT_EQ(judge(session(), recorded).code, EACCES);
}

TEST_F(Hello, CredentialIsBoundToEveryWord)
{
    const Map good = proof(session());
    EXPECT_EQ(judge(session("ffffffffffffffff"), good).code, EACCES);           // another lease
    EXPECT_EQ(judge(session("0123456789abcdef", "stream"), good).code, EACCES); // channel
    EXPECT_EQ(judge(honest().set("role", "tool"), good).code, EACCES);
    EXPECT_EQ(judge(session().set("minor", 0), good).code, EACCES);
    challenge_.node = "gpu2"; // the challenge that was answered came from another node
    EXPECT_EQ(judge(session(), good).code, EACCES);
}

TEST_F(Hello, SealingCannotBeTakenAway)
{
    offer_sealing(challenge_, true);
    EXPECT_NE(judge(session()).text.find("takes sealed streams only (Encrypt=yes)"),
              std::string::npos);
    const Exchange mine = make_exchange();
    auto sealed = [&] { return session().set("exchange", std::span<const std::byte>(mine.open)); };
    EXPECT_EQ(judge(sealed()).text, "accepted");
    // What the acceptor sent, and what somebody made of it on the way.
    Challenge stripped = challenge_;
    stripped.encrypt = false;
    std::swap(challenge_, stripped);
    const Map answer = proof(session());
    std::swap(challenge_, stripped);
    challenge_.encrypt = true;
    EXPECT_EQ(judge(sealed(), answer).code, EACCES);
    Key none{}; // a point of small order, which would make the keys known to everyone
    EXPECT_EQ(judge(session().set("exchange", std::span<const std::byte>(none))).code, EACCES);
    challenge_ = make_challenge("gpu1", "00000000000000aa", AuthConfig::Method::key);
    Map demanding = honest().set("role", "tool");
    EXPECT_EQ(judge(demanding).text, "accepted");
}

TEST_F(Hello, BadFieldsAreRefused)
{
    EXPECT_EQ(judge(session("0123")).code, EPROTO);
    EXPECT_EQ(judge(session("0123456789abcdef", "pigeon")).code, EPROTO);
    EXPECT_EQ(judge(honest().set("role", "king")).code, EPROTO);
    auto resume = [this](size_t secret, std::string_view of = "0123456789abcdef") {
        const std::vector<std::byte> bytes(secret);
        return judge(honest()
                         .set("role", "resume")
                         .set("lease", "0123456789abcdef")
                         .set("session", of)
                         .set("secret", std::span(bytes))
                         .set("received", 0))
            .code;
    };
    EXPECT_EQ(resume(32), 0);
    EXPECT_EQ(resume(31), EPROTO);
    EXPECT_EQ(resume(33), EPROTO);
    EXPECT_EQ(resume(32, "../../etc/passwd"), EPROTO);
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
    Daemon daemon(scratch_ / "socket", auth_, [&](Fd fd, const Acceptance &acceptance) {
        role = acceptance.peer.role;
        send_frame(fd.get(), pack_welcome(acceptance), soon());
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
