// SPDX-License-Identifier: Apache-2.0
// The floors: what two processes of this machine can do over shared memory or a socket when nothing
// of ours is in the way. The other process is a child, made before the first CUDA call, and sleeps
// while it is not asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace vgpu::bench
{

class Floors
{
public:
    Floors();
    ~Floors();
    Floors(const Floors &) = delete;
    Floors &operator=(const Floors &) = delete;

    // One round trip of 64 bytes: through shared memory, both ends spinning before they sleep, and
    // through a TCP connection on the loopback device.
    void ring_round_trip();
    void tcp_round_trip();

    // Seconds for `count` messages of 128 bytes through a ring, until the other side has read all.
    double ring_messages(uint64_t count);

    // Seconds for `bytes` through the TCP connection in pieces of 256 KiB, until all were read.
    double tcp_stream(uint64_t bytes);

private:
    struct Shared;
    void serve_ring();
    void serve_tcp(int fd);

    Shared *shared_;
    int socket_ = -1;
    pid_t ring_child_ = -1, tcp_child_ = -1;
};

// Seconds for each of so many pages that are protected, and given back by the handler of the fault
// when they are first written to: what it costs to learn of a write by page protection.
double page_fault(size_t pages);

} // namespace vgpu::bench
