// SPDX-License-Identifier: Apache-2.0
// What vgpud tells a worker at its start: one msgpack map on descriptor 5. The connection is on 3,
// the slices' pages on 4, what comes later on 6, the page of the session's traffic on 7.
#pragma once

#include "remoting/server/slice.h"
#include "remoting/wire/handshake.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vgpu::stepd
{

constexpr int kConnection = 3;
constexpr int kPages = 4;
constexpr int kStartup = 5;
constexpr int kAside = 6; // vgpud passes further connections on here
constexpr int kTraffic = 7;

struct StartupSlice {
    server::Slice slice;              // its page not yet mapped
    std::array<std::byte, 16> uuid{}; // of the device
    uint64_t page = 0;                // index in the pages' memory
};

struct Startup {
    std::string session, lease, node, software, channel, driver, libraries;
    uint64_t api = 0;  // hash of the client's table of calls
    uint64_t ring = 0; // bytes of one direction, if it is one
    std::vector<StartupSlice> slices;
    std::string client_host;
    int64_t client_pid = 0, client_uid = 0;
    std::string log_level, cpus;
    std::string job, step;       // empty without Slurm
    unsigned reconnect_s = 0;    // the client may come back for so long after a loss
    wire::Acceptance acceptance; // vgpud's proof, and the keys if the stream is sealed
};

// Throws Error that names the key.
Startup parse_startup(std::span<const std::byte> map);

// What vgpud hands over beside a further connection: one map. Its peer's role is "bulk" or
// "resume".
wire::Acceptance parse_aside(const msgpack::object &map);

// Reads the descriptor to its end.
Startup read_startup(int fd);

} // namespace vgpu::stepd
