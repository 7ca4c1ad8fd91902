// SPDX-License-Identifier: Apache-2.0
// A channel alone, without calls: what is left of a synchronous call's time is the call's own.
//
//   channel shm|tcp ROUNDS
#include "bench/floors.h"
#include "bench/measure.h"
#include "remoting/base/error.h"
#include "remoting/wire/address.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/stream-channel.h"

#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vgpu;

namespace
{

struct Ends {
    std::unique_ptr<wire::Channel> here, there;
};

Ends over_ring()
{
    constexpr size_t kRing = size_t(2) << 20; // what a session has
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        fail_errno("socketpair");
    Fd memory = wire::make_ring_memory(kRing);
    return {wire::make_ring_channel(wire::Side::client, Fd(fds[0]), memory, kRing),
            wire::make_ring_channel(wire::Side::worker, Fd(fds[1]), memory, kRing)};
}

Ends over_tcp()
{
    Fd listener = wire::listen_on("127.0.0.1:0");
    Fd near = wire::connect_to(wire::local_address(listener.get()), Deadline::after_ms(5000));
    wait_for(listener.get(), POLLIN, Deadline::after_ms(5000));
    Fd far(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return {wire::make_stream_channel(std::move(near)), wire::make_stream_channel(std::move(far))};
}

[[noreturn]] void echo(wire::Channel &channel)
{
    std::vector<std::byte> message;
    try {
        while (channel.receive(message, -1)) {
            channel.send(message);
            channel.flush();
        }
    } catch (const Error &) {
        // The measuring side is done.
    }
    _exit(0);
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 3)
        return std::fprintf(stderr, "bench/channel is run by bench/run\n"), 2;
    const bool ring = !std::strcmp(argv[1], "shm");
    bench::Floors floors;
    Ends ends = ring ? over_ring() : over_tcp();
    pid_t child = fork();
    if (child == 0) {
        ends.here.reset();
        echo(*ends.there);
    }
    ends.there.reset();

    constexpr int kTrips = 1000;
    std::vector<std::byte> ping(64), pong;
    wire::put_header(ping.data(), {.size = uint32_t(ping.size()), .call = 1});
    bench::Samples trips, floor;
    for (int round = 0; round < std::atoi(argv[2]); round++) {
        for (int i = 0; i < kTrips; i++)
            floor.add(
                bench::timed([&] { ring ? floors.ring_round_trip() : floors.tcp_round_trip(); }));
        for (int i = 0; i < kTrips; i++)
            trips.add(bench::timed([&] {
                ends.here->send(ping);
                ends.here->flush();
                ends.here->receive(pong, -1);
            }));
    }
    bench::report((std::string("channel-") + argv[1] + "-round-trip").c_str(), trips.median() * 1e6,
                  "us", floor.median() * 1e6);
    ends.here.reset();
    waitpid(child, nullptr, 0);
    return 0;
} catch (const Error &error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
}
