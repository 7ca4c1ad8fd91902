// SPDX-License-Identifier: Apache-2.0
// Openings of sealed streams, and somebody between the two ends.
#include "remoting/wire/handshake-testing.h"

namespace vgpu::wire
{

// Relays one opening frame by frame, each through `change`, and then bytes.
class Between
{
public:
    enum Frame { challenge, hello, proof, welcome };
    using Change = std::function<void(Frame, std::string &payload)>;

    Between(std::string daemon, Change change)
        : daemon_(std::move(daemon)), change_(std::move(change)),
          listener_(listen_on("127.0.0.1:0")), address_(local_address(listener_.get())),
          thread_([this] {
              try {
                  serve();
              } catch (const Error &) { // one end has gone
              }
          })
    {
    }
    ~Between() { thread_.join(); }
    const std::string &address() const { return address_; }
    std::string seen; // all bytes after the opening

private:
    void relay(int from, int to, Frame which)
    {
        auto bytes = receive_payload(from, kMaxOpeningFrame, soon());
        std::string payload(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        change_(which, payload);
        const uint32_t count = uint32_t(payload.size());
        payload.insert(0, reinterpret_cast<const char *>(&count), sizeof count);
        write_all(to, std::as_bytes(std::span(payload)), soon());
    }
    void serve()
    {
        if (!wait_for(listener_.get(), POLLIN, soon()))
            return;
        Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        Fd daemon = connect_to(daemon_, soon());
        relay(daemon.get(), client.get(), challenge);
        relay(client.get(), daemon.get(), hello);
        relay(client.get(), daemon.get(), proof);
        relay(daemon.get(), client.get(), welcome);
        pollfd ends[2] = {{client.get(), POLLIN, 0}, {daemon.get(), POLLIN, 0}};
        while (poll(ends, 2, 5000) > 0) {
            for (int i : {0, 1}) {
                char bytes[4096];
                if (!ends[i].revents)
                    continue;
                const ssize_t n = recv(ends[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
                if (n <= 0)
                    return;
                seen.append(bytes, size_t(n));
                write_all(ends[1 - i].fd, std::as_bytes(std::span(bytes).first(size_t(n))), soon());
            }
        }
    }

    std::string daemon_;
    Change change_;
    Fd listener_;
    std::string address_;
    std::thread thread_;
};

// Changes one text in a frame to another of the same length.
static Between::Change replacing(Between::Frame which, std::string from, std::string to)
{
    return [=](Between::Frame frame, std::string &payload) {
        if (frame != which)
            return;
        const size_t at = payload.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        payload.replace(at, from.size(), to);
    };
}

TEST_F(Handshake, EitherSideMaySeal)
{
    for (bool by_daemon : {true, false}) {
        AuthConfig daemons = auth_;
        daemons.encrypt = by_daemon;
        lease_.auth.encrypt = !by_daemon;
        Daemon daemon("127.0.0.1:0", daemons, echo);
        std::string seen;
        {
            Between between(daemon.address(), [](Between::Frame, std::string &) {});
            lease_.address = between.address();
            auto channel = connect_session(lease_, {});
            check_echo(*channel);
            channel.reset();
            daemon.join();
            seen = between.seen;
        }
        const auto plain = test_message(1, 4096);
        EXPECT_GE(seen.size(), 2 * (plain.size() + kSealHeader + kSealOverhead));
        EXPECT_EQ(seen.find(std::string(reinterpret_cast<const char *>(plain.data()) + 16, 32)),
                  std::string::npos);
    }
}

TEST_F(Handshake, WhoeverDemandsSealingGetsItOrNothing)
{
    lease_.auth.encrypt = true;
    Daemon daemon("127.0.0.1:0", auth_, echo);
    // Somebody takes the offer out of the challenge: the key's name is not what it was.
    Between between(daemon.address(), replacing(Between::challenge, "exchange", "exchangf"));
    lease_.address = between.address();
    EXPECT_EQ(refusal([&] { connect_session(lease_, {}); }).text,
              "vgpud on gpu1 offers no sealed stream, and Encrypt=yes demands one");
}

TEST_F(Handshake, NothingOfTheOpeningCanBeChangedOnItsWay)
{
    using F = Between::Frame;
    const struct {
        F which;
        std::string from, to;
    } changes[] = {
        {F::challenge,
         "\xa7"
         "encrypt\xc3",
         "\xa7"
         "encrypt\xc2"}, // sealing is not asked for
        {F::challenge, "exchange", "exchangf"},
        {F::challenge,
         "\xa5"
         "minor" +
             std::string(1, '\0'),
         "\xa5"
         "minor\x01"},
        {F::challenge, "00000000000000aa", "00000000000000ab"},
        {F::hello,
         "\xa7"
         "encrypt\xc3",
         "\xa7"
         "encrypt\xc2"},
        {F::hello,
         "\xa7"
         "session",
         "\xa7"
         "sessioo"},
        {F::hello, "0123456789abcdef", "0123456789abcdee"},
        {F::hello,
         "\xa5"
         "minor" +
             std::string(1, '\0'),
         "\xa5"
         "minor\x01"},
    };
    auth_.encrypt = true;
    for (const auto &change : changes) {
        Daemon daemon("127.0.0.1:0", auth_, echo);
        Between between(daemon.address(), replacing(change.which, change.from, change.to));
        lease_.address = between.address();
        Refusal why = refusal([&] { connect_session(lease_, {}); });
        EXPECT_NE(why.code, 0) << change.from;
        daemon.join();
        EXPECT_NE(daemon.refused, "") << change.from;
    }
}

TEST_F(Handshake, AChangedWelcomeBreaksTheSealedStream)
{
    auth_.encrypt = true;
    Daemon daemon("127.0.0.1:0", auth_, echo);
    Between between(daemon.address(),
                    replacing(Between::welcome, "00000000000000bb", "00000000000000bc"));
    lease_.address = between.address();
    Refusal why = refusal([&] {
        auto channel = connect_session(lease_, {});
        channel->send(test_message(1, 64));
        channel->flush();
        std::vector<std::byte> got;
        channel->receive(got, 5000);
    });
    EXPECT_NE(why.code, 0);
    daemon.join();
    EXPECT_NE(daemon.refused.find("the sealed stream is broken"), std::string::npos)
        << daemon.refused;
}

TEST_F(Handshake, ADaemonThatDoesNotProveItselfIsNotBelieved)
{
    // It has no key, and says yes to everybody.
    for (bool control : {false, true}) {
        Fd listener = listen_on(scratch_ / "impostor");
        std::thread impostor([&] {
            wait_for(listener.get(), POLLIN, soon());
            Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            send_frame(fd.get(), pack_challenge(Daemon::its_challenge()), soon());
            receive_payload(fd.get(), kMaxOpeningFrame, soon());
            auto proof = receive_frame(fd.get(), kMaxOpeningFrame, soon());
            Acceptance acceptance;
            auto credential = get_bytes(proof.get(), "credential"); // the client's own, sent back
            acceptance.proof.assign(credential.begin(), credential.end());
            send_frame(
                fd.get(),
                pack_welcome(acceptance,
                             Map().set("session", "00000000000000bb").set("channel", "ring")),
                soon());
        });
        lease_.socket = scratch_ / "impostor";
        Refusal why = refusal([&] {
            if (control)
                connect_control(lease_.socket, "plugin", auth_);
            else
                connect_session(lease_, {});
        });
        impostor.join();
        EXPECT_EQ(why.code, EACCES);
        EXPECT_NE(why.text.find("vgpud on gpu1 does not prove that it is one: the credential is "
                                "refused"),
                  std::string::npos)
            << why.text;
        listener.reset();
    }
}

TEST_F(Handshake, ControlConnectionsAreSealedToo)
{
    auth_.encrypt = true;
    Daemon daemon("127.0.0.1:0", auth_, [](Fd fd, const Acceptance &acceptance) {
        const auto frame = pack_welcome(acceptance);
        send_frame(fd.get(), frame, soon());
        StreamSocket socket = welcomed(std::move(fd), acceptance, frame);
        EXPECT_TRUE(socket.is_sealed());
        auto asked = receive_frame(socket, kMaxFrame, soon());
        send_frame(
            socket,
            pack_reply(get_u64(asked.get(), "id"), Map().set("text", std::string(200'000, 'x'))),
            soon());
    });
    std::string seen;
    {
        Between between(daemon.address(), [](Between::Frame, std::string &) {});
        auto control = connect_control(between.address(), "tool", auth_);
        auto result = control.call("state.get");
        EXPECT_EQ(get_string(result.get(), "text").size(), 200'000u);
        control.release().reset();
        daemon.join();
        seen = between.seen;
    }
    EXPECT_EQ(daemon.refused, "");
    EXPECT_EQ(seen.find("state.get"), std::string::npos);
    EXPECT_EQ(seen.find("xxxxxxxxxxxxxxxx"), std::string::npos);
}

} // namespace vgpu::wire
