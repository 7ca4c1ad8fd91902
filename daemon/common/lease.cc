// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/lease.h"

#include "daemon/common/conf.h"

namespace vgpu::control
{

wire::LeaseFile lease_file_of(const Lease &lease, const Conf &conf)
{
    wire::LeaseFile file;
    file.lease = lease.lease;
    file.node = lease.node;
    file.instance = lease.instance;
    if (!lease.address.empty() && lease.port)
        file.address = HostPort{lease.address, static_cast<uint16_t>(lease.port)}.to_string();
    file.socket = lease.socket;
    file.auth = conf.auth;
    file.channel = lease.channel;
    for (const Slice &slice : lease.slices)
        file.slices.push_back({slice.index, slice.device, slice.memory, slice.cores});
    return file;
}

} // namespace vgpu::control
