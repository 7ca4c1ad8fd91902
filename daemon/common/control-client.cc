// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/control-client.h"

#include "daemon/common/pack.h"
#include "remoting/wire/address.h"

namespace vgpu::control
{

namespace
{

constexpr int kConnectMs = 5000;

std::string address_of(const std::string &host, uint16_t port)
{
    return wire::is_unix_address(host) ? host : HostPort{host, port}.to_string();
}

wire::ControlConnection open(const Conf &conf, const char *role)
{
    if (!conf.vgpuctld_host.empty())
        return wire::connect_control(address_of(conf.vgpuctld_host, conf.vgpuctld_port), role,
                                     conf.auth, kConnectMs);
    return wire::connect_control(conf.vgpud_socket, role, conf.auth, kConnectMs);
}

} // namespace

Client::Client(const Conf &conf, const char *role) : connection_(open(conf, role)) {}

Client::Client(const Conf &conf, const std::string &host, uint16_t port, const char *role)
    : connection_(wire::connect_control(address_of(host, port), role, conf.auth, kConnectMs))
{
}

msgpack::object_handle Client::call(const std::string &method, const wire::Map &params)
{
    return connection_.call(method, params, timeout_ms);
}

Lease Client::acquire(const LeaseRequest &request)
{
    return from_object<Lease>(call("lease.acquire", to_map(request)).get(), "lease.acquire");
}

void Client::renew(const std::string &lease)
{
    call("lease.renew", wire::Map().set("lease", lease));
}

void Client::release(const std::string &lease)
{
    call("lease.release", wire::Map().set("lease", lease));
}

void Client::release_step(uint32_t job, uint32_t step, uint32_t restart)
{
    call("lease.release", wire::Map().set("job", job).set("step", step).set("restart", restart));
}

void Client::release_job(uint32_t job)
{
    call("lease.release", wire::Map().set("job", job));
}

State Client::state()
{
    return from_object<State>(call("state.get").get(), "state.get");
}

} // namespace vgpu::control
