// SPDX-License-Identifier: Apache-2.0
// Both ends of opening a connection, the acceptor in a thread as vgpud and vgpustepd would be.
#pragma once

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

inline Deadline soon()
{
    return Deadline::after_ms(5000);
}

// A daemon of one connection: challenges, judges, and hands over to `then`, which is not called
// after a refusal. What it thought of the peer is for the test to look at after join().
class Daemon
{
public:
    using Then = std::function<void(Fd, const Acceptance &)>;

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
            if (!is_unix_socket(fd.get()))
                offer_sealing(challenge_, auth_.encrypt);
            send_frame(fd.get(), pack_challenge(challenge_), soon());
            auto hello = receive_payload(fd.get(), kMaxOpeningFrame, soon());
            check_hello(hello, challenge_);
            auto proof = receive_payload(fd.get(), kMaxOpeningFrame, soon());
            then_(std::move(fd), verify_hello(hello, proof, challenge_, auth_, api_));
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
    static void echo(Fd fd, const Acceptance &acceptance)
    {
        SessionWelcome welcome{"00000000000000bb", acceptance.peer.channel};
        welcome.acceptance = acceptance;
        auto channel = accept_session(std::move(fd), welcome);
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

} // namespace vgpu::wire
