// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpustepd/startup.h"

#include "remoting/base/error.h"
#include "remoting/wire/fields.h"
#include "remoting/wire/frame.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace vgpu::stepd
{
namespace
{

// Of a lease: a number in one version of Slurm's environment, a text in another.
std::string number_or_text(const msgpack::object &map, std::string_view key)
{
    const msgpack::object *value = wire::find(map, key);
    if (!value)
        return "";
    std::string text = value->type == msgpack::type::STR ? std::string(wire::get_string(map, key))
                                                         : std::to_string(wire::get_u64(map, key));
    return text == "0" && key == "job" ? "" : text;
}

StartupSlice parse_slice(const msgpack::object &map)
{
    StartupSlice result;
    result.slice.ordinal = int(wire::get_u64(map, "device"));
    result.slice.memory = wire::get_u64(map, "memory");
    result.slice.cores = uint32_t(wire::get_u64(map, "cores"));
    result.page = wire::get_u64(map, "page");
    auto uuid = wire::get_bytes(map, "uuid");
    if (uuid.size() != result.uuid.size())
        fail(EPROTO, "uuid: %zu bytes instead of %zu", uuid.size(), result.uuid.size());
    std::copy(uuid.begin(), uuid.end(), result.uuid.begin());
    if (result.slice.cores > 100)
        fail(EPROTO, "cores: %u per cent of a device", result.slice.cores);
    return result;
}

void parse_keys(std::span<const std::byte> keys, wire::Acceptance &into)
{
    if (keys.empty())
        return;
    wire::SealKeys &both = into.keys.emplace();
    if (keys.size() != both.send.size() + both.receive.size())
        fail(EPROTO, "keys: %zu bytes", keys.size());
    std::copy_n(keys.begin(), both.send.size(), both.send.begin());
    std::copy_n(keys.begin() + ptrdiff_t(both.send.size()), both.receive.size(),
                both.receive.begin());
}

} // namespace

Startup parse_startup(std::span<const std::byte> bytes)
{
    msgpack::object_handle handle = wire::parse_frame(bytes);
    const msgpack::object &map = handle.get();
    auto string = [&](const char *key) { return std::string(wire::get_string(map, key)); };
    Startup result;
    result.session = string("session");
    result.lease = string("lease");
    result.node = string("node");
    result.software = string("software");
    result.channel = string("channel");
    result.driver = string("driver");
    result.libraries = string("libraries");
    result.api = wire::get_u64(map, "api");
    result.ring = wire::get_u64(map, "ring");
    for (const msgpack::object &slice : wire::get_array(map, "slices"))
        result.slices.push_back(parse_slice(slice));
    if (result.slices.empty())
        fail(EPROTO, "slices: there is none");
    const msgpack::object &client = wire::get_map(map, "client");
    result.client_host = std::string(wire::get_string(client, "host"));
    result.client_pid = wire::get_i64(client, "pid");
    result.client_uid = wire::get_i64(client, "uid");
    result.log_level = std::string(wire::get_string(map, "log_level", "info"));
    result.cpus = std::string(wire::get_string(map, "cpus", ""));
    const auto proof = wire::get_bytes(map, "proof");
    result.acceptance.proof.assign(proof.begin(), proof.end());
    parse_keys(wire::get_bytes(map, "keys"), result.acceptance);
    result.reconnect_s = unsigned(std::min<uint64_t>(wire::get_u64(map, "reconnect", 0), 3600));
    result.job = number_or_text(map, "job");
    result.step = number_or_text(map, "step");
    return result;
}

wire::Acceptance parse_aside(const msgpack::object &map)
{
    wire::Acceptance result;
    const auto proof = wire::get_bytes(map, "proof");
    result.proof.assign(proof.begin(), proof.end());
    parse_keys(wire::get_bytes(map, "keys"), result);
    if (wire::find(map, "secret")) {
        result.peer.role = "resume";
        result.peer.secret = wire::get_32_bytes(map, "secret");
        result.peer.received = wire::get_u64(map, "received");
        return result;
    }
    result.peer.role = "bulk";
    if (wire::find(map, "again"))
        result.peer.again = {wire::parse_lane(map, "again"), wire::get_u64(map, "position")};
    result.compression = wire::get_bool(map, "compression", false);
    result.bulk_window = wire::get_u64(map, "window", wire::kBulkWindow);
    result.bulk_connections = unsigned(wire::get_u64(map, "connections", 1));
    return result;
}

Startup read_startup(int fd)
{
    constexpr size_t kMost = size_t(1) << 20;
    std::vector<std::byte> bytes(kMost);
    size_t n = 0;
    while (n < kMost) {
        ssize_t got = read(fd, bytes.data() + n, kMost - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fail_errno("descriptor %d, which vgpud starts a worker with", fd);
        if (got == 0)
            break;
        n += size_t(got);
    }
    return parse_startup(std::span(bytes).first(n));
}

} // namespace vgpu::stepd
