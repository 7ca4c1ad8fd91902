// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/target.h"

#include <cstdlib>

#include "remoting/base/error.h"
#include "remoting/base/parse.h"
#include "remoting/base/variables.h"
#include "remoting/wire/address.h"
#include "remoting/wire/lease-file.h"

namespace vgpu::control
{

namespace
{

Client connect_to(const Conf &conf, const std::string &address)
{
    if (wire::is_unix_address(address))
        return Client(conf, address, 0);
    const HostPort server = parse_hostport(address);
    return Client(conf, server.host, server.port);
}

/// Under vgpu-run or in a job: the vgpud of the lease, authenticated as the lease says.
Client connect_by_lease(const char *path)
{
    const wire::LeaseFile lease = wire::read_lease_file(path);
    Conf conf = parse_conf("", "defaults");
    conf.auth = lease.auth;
    try {
        if (!lease.socket.empty())
            return connect_to(conf, lease.socket);
    } catch (const Error &) { // another node's socket
    }
    return connect_to(conf, lease.address);
}

} // namespace

Client Target::connect() const
{
    const char *lease = std::getenv(kLeaseVariable.env);
    if (server.empty() && conf.empty() && lease && *lease)
        return connect_by_lease(lease);
    const Conf read = conf.empty() ? load_conf() : load_conf(conf);
    return server.empty() ? Client(read) : connect_to(read, server);
}

} // namespace vgpu::control
