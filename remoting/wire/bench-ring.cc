// SPDX-License-Identifier: Apache-2.0
// Round trips, message rate and bulk of each kind of channel between two processes. Not installed;
// run it as remoting/wire/bench-ring, with nothing else on two of the machine's cores.
#include "remoting/base/clock.h"
#include "remoting/wire/address.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/ring.h"
#include "remoting/wire/stream-channel.h"

#include <algorithm>
#include <cstdio>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vgpu;
using namespace vgpu::wire;

namespace
{

enum Call : uint16_t { kEcho = 1, kDrop, kReport }; // report: answer once all before was read

std::vector<std::byte> message(uint16_t call, size_t size)
{
    std::vector<std::byte> out(size);
    put_header(out.data(), {uint32_t(size), call, 0, 0, 0});
    return out;
}

[[noreturn]] void serve(Channel &channel)
{
    std::vector<std::byte> got;
    try {
        for (;;) {
            channel.receive(got, -1);
            if (get_header(got.data()).call == kDrop)
                continue;
            channel.send(got);
            channel.flush();
        }
    } catch (const Error &) {
        _exit(0);
    }
}

double round_trip_us(Channel &channel)
{
    constexpr int kCount = 20'000;
    auto ping = message(kEcho, 64);
    std::vector<std::byte> got;
    uint64_t start = now_ns();
    for (int i = 0; i < kCount; ++i) {
        channel.send(ping);
        channel.flush();
        channel.receive(got, -1);
    }
    return double(now_ns() - start) / 1e3 / kCount;
}

// Seconds until `count` messages of `size` bytes were read by the other side.
double one_way_s(Channel &channel, int count, size_t size)
{
    auto drop = message(kDrop, size);
    auto whole = std::span<const std::byte>(drop);
    std::vector<std::byte> got;
    uint64_t start = now_ns();
    for (int i = 0; i < count; ++i)
        channel.send(whole.first(16), whole.subspan(16));
    channel.send(message(kReport, 16));
    channel.flush();
    channel.receive(got, -1);
    return double(now_ns() - start) / 1e9;
}

void measure(std::unique_ptr<Channel> here, std::unique_ptr<Channel> there)
{
    pid_t child = fork();
    if (child == 0) {
        here.reset();
        serve(*there);
    }
    there.reset();
    double trip = 1e9, small = 1e9, bulk = 1e9;
    constexpr int kSmall = 200'000, kBulk = 2'000;
    constexpr size_t kChunk = 256 << 10;
    for (int round = 0; round < 3; ++round) {
        trip = std::min(trip, round_trip_us(*here));
        small = std::min(small, one_way_s(*here, kSmall, 128));
        bulk = std::min(bulk, one_way_s(*here, kBulk, kChunk));
    }
    std::printf("%-5s  64 B round trip %7.2f us   128 B %6.2f M msg/s   256 KiB %6.2f GB/s\n",
                here->name(), trip, kSmall / small / 1e6, double(kBulk) * kChunk / bulk / 1e9);
    here.reset();
    waitpid(child, nullptr, 0);
}

} // namespace

int main()
try {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        fail_errno("socketpair");
    Fd memory = make_ring_memory(kDefaultRing);
    measure(make_ring_channel(Side::client, Fd(ends[0]), memory, kDefaultRing),
            make_ring_channel(Side::worker, Fd(ends[1]), memory, kDefaultRing));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        fail_errno("socketpair");
    measure(make_stream_channel(Fd(ends[0])), make_stream_channel(Fd(ends[1])));
    Fd listener = listen_on("127.0.0.1:0");
    Fd near = connect_to(local_address(listener.get()), Deadline::after_ms(5000));
    wait_for(listener.get(), POLLIN, Deadline::after_ms(5000));
    Fd far(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    measure(make_stream_channel(std::move(near)), make_stream_channel(std::move(far)));
    return 0;
} catch (const Error &error) {
    std::fprintf(stderr, "bench-ring: %s\n", error.what());
    return 1;
}
