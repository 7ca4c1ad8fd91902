// SPDX-License-Identifier: Apache-2.0
// For tests: a TCP connection through somebody who resets it after so many bytes.
#pragma once

#include "remoting/wire/testing.h"

#include <array>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace vgpu::wire
{

class CutLink
{
public:
    // Lets so many bytes through each way, -1: all.
    CutLink(int64_t up, int64_t down)
    {
        auto [client, near] = tcp_pair();
        auto [far, worker] = tcp_pair();
        client_ = std::move(client);
        worker_ = std::move(worker);
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            fail_errno("pipe");
        stop_.reset(ends[1]);
        thread_ = std::thread([near = std::move(near), far = std::move(far), stop = Fd(ends[0]), up,
                               down]() mutable { relay(near, far, stop, up, down); });
    }
    ~CutLink()
    {
        stop_.reset();
        thread_.join();
    }

    Fd take_client() { return std::move(client_); }
    Fd take_worker() { return std::move(worker_); }

private:
    static void relay(Fd &near, Fd &far, const Fd &stop, int64_t up, int64_t down)
    {
        std::array<pollfd, 3> ends{
            {{near.get(), POLLIN, 0}, {far.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}}};
        std::array<int64_t *, 2> left{&up, &down};
        std::vector<std::byte> bytes(size_t(64) << 10);
        while (poll(ends.data(), ends.size(), -1) > 0 && !ends[2].revents) {
            for (int way : {0, 1}) {
                if (!ends[size_t(way)].revents)
                    continue;
                const size_t most = *left[size_t(way)] < 0
                                        ? bytes.size()
                                        : std::min(bytes.size(), size_t(*left[size_t(way)]) + 1);
                const ssize_t n = recv(ends[size_t(way)].fd, bytes.data(), most, 0);
                if (n == 0) { // in order: told in order
                    ends[size_t(way)].fd = -1;
                    shutdown(way == 0 ? far.get() : near.get(), SHUT_WR);
                    continue;
                }
                if (n < 0)
                    return reset(near, far);
                int64_t &budget = *left[size_t(way)];
                const ssize_t through = budget < 0 ? n : std::min<ssize_t>(n, ssize_t(budget));
                if (through && ::send(way == 0 ? far.get() : near.get(), bytes.data(),
                                      size_t(through), MSG_NOSIGNAL) != through)
                    return reset(near, far);
                if (budget >= 0 && (budget -= through) == 0 && through < n)
                    return reset(near, far);
            }
        }
    }
    static void reset(Fd &near, Fd &far)
    {
        for (Fd *end : {&near, &far}) {
            linger hard{1, 0};
            setsockopt(end->get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            end->reset();
        }
    }

    Fd client_, worker_, stop_;
    std::thread thread_;
};

} // namespace vgpu::wire
