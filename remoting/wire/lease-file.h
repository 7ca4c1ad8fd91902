// SPDX-License-Identifier: Apache-2.0
// The file that VGPU_LEASE names: how a client finds its worker. It holds no secret, but whoever
// could write it could send the client elsewhere, so that owner and mode are checked.
#pragma once

#include "remoting/wire/auth.h"

#include <string>
#include <vector>

namespace vgpu::wire
{

struct LeaseSlice {
    unsigned index = 0;
    std::string device; // uuid
    uint64_t memory = 0;
    unsigned cores = 0; // percent, 0 = no fixed share
};

struct LeaseFile {
    std::string lease;    // 16 hexadecimal digits
    std::string node;     // name of the GPU node
    std::string instance; // of the vgpud that granted it, for the log
    std::string address;  // host:port, or empty
    std::string socket;   // path of vgpud's Unix socket on its own node, or empty
    AuthConfig auth;
    std::vector<LeaseSlice> slices;
    std::string channel = "auto"; // auto, shm, unix, tcp
};

// Slices=0:GPU-1234:4294967296:50,1:... (index, device, memory in bytes, cores).
std::string format_lease(const LeaseFile &lease);
LeaseFile parse_lease(std::string_view text, const std::string &name);

// Throws EACCES when the file is not the caller's own (or root's) or open to others, EINVAL with
// file:line for what it says.
LeaseFile read_lease_file(const std::string &path);

// Atomically (a new file, renamed), mode 0600, owned by `uid` where the caller may give files away.
void write_lease_file(const std::string &path, const LeaseFile &lease, uid_t uid, gid_t gid);

} // namespace vgpu::wire
