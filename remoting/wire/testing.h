// SPDX-License-Identifier: Apache-2.0
// What several unit tests of this folder need.
#pragma once

#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/wire/address.h"
#include "remoting/wire/codec.h"
#include "remoting/wire/message.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace vgpu::wire
{

struct SocketPair {
    Fd a, b;
    SocketPair()
    {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
            fail_errno("socketpair");
        a.reset(fds[0]);
        b.reset(fds[1]);
    }
};

// The two ends of a TCP connection within this machine.
inline std::pair<Fd, Fd> tcp_pair()
{
    Fd listener = listen_on("127.0.0.1:0");
    Fd a = connect_to(local_address(listener.get()), Deadline::after_ms(5000));
    wait_for(listener.get(), POLLIN, Deadline::after_ms(5000));
    return {std::move(a), Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

// A folder that goes away with the test.
class Scratch
{
public:
    Scratch()
    {
        std::string name = (std::filesystem::temp_directory_path() / "vgpu-wire-XXXXXX").string();
        if (!mkdtemp(name.data()))
            fail_errno("mkdtemp");
        path_ = name;
    }
    ~Scratch()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const char *name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// A message of `size` bytes whose content follows from its sequence number.
inline std::vector<std::byte> test_message(uint32_t sequence, size_t size)
{
    std::vector<std::byte> out(size);
    Header header{uint32_t(size), 7, 0, sequence, 0};
    put_header(out.data(), header);
    for (size_t i = kHeaderSize; i < size; ++i)
        out[i] = std::byte(sequence * 31 + i);
    return out;
}

// The code and text of the Error that a function throws; 0 and "accepted" if none.
struct Refusal {
    int code = 0;
    std::string text = "accepted";
};

template<typename F>
Refusal refusal(F function)
{
    try {
        function();
    } catch (const Error &error) {
        return {error.code(), error.what()};
    }
    return {};
}

} // namespace vgpu::wire
