// SPDX-License-Identifier: Apache-2.0
// Requests of authenticated but hostile users: each is answered or refused, and none gets more of a
// device than there is of it, or touches the lease of another.
// The input is a row of requests: method, user, size of the parameters (2 bytes), parameters.
#include "daemon/common/desk.h"
#include "daemon/common/policy.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"

#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace vgpu::control;

namespace
{

constexpr const char *kMethods[] = {"lease.acquire", "lease.renew", "lease.release", "state.get"};

Table cluster()
{
    Table table;
    for (const char *name : {"gpu1", "gpu2"}) {
        Node node;
        node.node = name;
        node.state = "up";
        table.nodes[name] = node;
        for (uint32_t i = 0; i < 2; ++i) {
            Device device;
            device.node = name;
            device.index = i;
            device.uuid = "GPU-" + std::to_string(i);
            device.memory = uint64_t(16) << 30;
            device.max_slices = 4;
            device.default_memory = device.memory / 4;
            table.devices[device_key(name, device.uuid)] = device;
        }
    }
    return table;
}

void require(bool holds)
{
    if (!holds)
        abort();
}

void check(const Table &table)
{
    for (const auto &[key, device] : table.devices) {
        const Share used = used_of(table, device);
        require(used.memory <= device.memory && used.cores <= 100 &&
                used.slices <= device.max_slices);
    }
}

size_t leases_of(const Table &table, uid_t uid)
{
    size_t count = 0;
    for (const auto &[id, lease] : table.leases)
        count += lease.uid == uid;
    return count;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Conf conf = parse_conf("", "vgpu.conf");
    vgpu::set_log_sink([](vgpu::Level, std::string_view) {});
    Table table = cluster();
    Desk desk(table, conf, true,
              {.grant = [](const Lease &, auto done) { done(""); },
               .revoke = [](const Lease &, const std::string &) {},
               .keep = [](const Lease &) {},
               .refresh = [] {}});
    while (size >= 4) {
        const char *method = kMethods[data[0] % std::size(kMethods)];
        vgpu::wire::Peer peer;
        // Neither root nor whoever runs this: those are trusted.
        peer.uid = 1000 + data[1] % 2 + (geteuid() == 1000 ? 2 : 0);
        peer.host = "cpu1";
        const uid_t other = peer.uid ^ 1;
        size_t bytes = std::min<size_t>(data[2] | data[3] << 8, size - 4);
        data += 4, size -= 4;
        const size_t others = leases_of(table, other);
        try {
            // As a frame brings them: parsed with its limits.
            auto params = vgpu::wire::parse_frame(std::as_bytes(std::span(data, bytes)));
            desk.handle(peer, method, params.get(), Reply({}, 0));
        } catch (const vgpu::Error &) {
        }
        require(leases_of(table, other) == others);
        check(table);
        data += bytes, size -= bytes;
    }
    return 0;
}
