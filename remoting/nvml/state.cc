// SPDX-License-Identifier: Apache-2.0
#include "remoting/nvml/state.h"

#include "remoting/base/error.h"
#include "remoting/base/parse.h"
#include "remoting/wire/fields.h"
#include "remoting/wire/handshake.h"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <unistd.h>

namespace vgpu::nvml
{
namespace
{

constexpr int kPatienceMs = 5000;

// "13.0" -> 13, 0. What is no version, or that of no CUDA, is 0.0.
void parse_version(std::string_view text, int &major, int &minor)
{
    if (std::sscanf(std::string(text).c_str(), "%4d.%4d", &major, &minor) != 2 || major < 0 ||
        minor < 0)
        major = minor = 0;
}

void read_device(const msgpack::object &row, Slice &slice)
{
    slice.name = wire::get_string(row, "name");
    slice.kind = wire::get_string(row, "kind");
    parse_pci(std::string(wire::get_string(row, "pci")).c_str(), slice.pci);
    parse_version(wire::get_string(row, "capability"), slice.major, slice.minor);
    const std::string_view cuda = wire::get_string(row, "driver");
    int major = 0, minor = 0;
    parse_version(cuda, major, minor);
    slice.cuda_version = major * 1000 + minor * 10;
    slice.driver = wire::get_string(row, "driver_version", "");
    if (slice.driver.empty())
        slice.driver = cuda;
    slice.units = unsigned(wire::get_u64(row, "units"));
    const msgpack::object *readings = wire::find(row, "readings");
    if (!readings || readings->type != msgpack::type::MAP)
        return;
    for (const msgpack::object_kv &entry : readings->via.map)
        if (entry.key.type == msgpack::type::STR &&
            entry.val.type == msgpack::type::POSITIVE_INTEGER)
            slice.readings[{entry.key.via.str.ptr, entry.key.via.str.size}] = entry.val.via.u64;
}

// One row of a slice: several leases of a job may have the same.
struct Row {
    std::string_view lease;
    uint64_t index;
    std::string_view pages;
    uint64_t page;

    bool is(const Row &other) const
    {
        return pages.empty() ? lease == other.lease && index == other.index
                             : pages == other.pages && page == other.page;
    }
};

Row row_of(const msgpack::object &slice)
{
    return {wire::get_string(slice, "lease"), wire::get_u64(slice, "index"),
            wire::get_string(slice, "pages", ""), wire::get_u64(slice, "page", 0)};
}

// The memory that the session's process has of the slice; 0 if its lease has another one.
uint64_t memory_of(const msgpack::object &session, std::span<const msgpack::object> rows,
                   const Row &slice)
{
    const auto memory = wire::get_array_or_empty(session, "memory_used");
    const std::string_view lease = wire::get_string(session, "lease");
    for (const msgpack::object &one : rows) {
        const Row row = row_of(one);
        if (row.lease == lease && row.is(slice) && row.index < memory.size() &&
            memory[row.index].type == msgpack::type::POSITIVE_INTEGER)
            return memory[row.index].via.u64;
    }
    return 0;
}

} // namespace

bool parse_pci(const char *text, Pci &pci)
{
    if (std::sscanf(text, "%x:%x:%x", &pci.domain, &pci.bus, &pci.device) == 3)
        return true;
    pci.domain = 0;
    return std::sscanf(text, "%x:%x", &pci.bus, &pci.device) == 2;
}

Slices slices_of(const msgpack::object &state, const wire::LeaseFile &lease,
                 const std::string &host)
{
    const auto rows = wire::get_array(state, "slices");
    std::map<uint64_t, Slice> found;
    for (const msgpack::object &row : rows) {
        const Row id = row_of(row);
        if (id.lease != lease.lease)
            continue;
        Slice &slice = found[id.index];
        slice.uuid = wire::get_string(row, "device");
        slice.memory = wire::get_u64(row, "memory");
        slice.memory_used = wire::get_u64(row, "memory_used");
        slice.utilisation = wire::get_i64(row, "utilisation", -1);
        for (const msgpack::object &device : wire::get_array(state, "devices"))
            if (wire::get_string(device, "uuid") == slice.uuid &&
                wire::get_string(device, "node") == lease.node)
                read_device(device, slice);
        for (const msgpack::object &session : wire::get_array(state, "sessions"))
            if (const uint64_t memory = memory_of(session, rows, id);
                memory && wire::get_string(session, "host") == host)
                slice.processes.push_back({unsigned(wire::get_u64(session, "pid")), memory});
    }
    if (found.empty())
        fail(ENOENT, "vgpud on %s does not know lease %s", lease.node.c_str(), lease.lease.c_str());
    Slices slices;
    for (auto &[index, slice] : found)
        slices.push_back(std::move(slice));
    return slices;
}

Slices fetch(const wire::LeaseFile &lease)
{
    auto ask = [&](const std::string &address) {
        auto connection = wire::connect_control(address, "tool", lease.auth, kPatienceMs);
        // The path may be that of this host's own vgpud, as for sessions.
        if (connection.peer().node != lease.node)
            fail(EHOSTUNREACH, "%s is served by node %s, the lease is for %s", address.c_str(),
                 connection.peer().node.c_str(), lease.node.c_str());
        char host[256] = "";
        gethostname(host, sizeof host - 1);
        const auto answer =
            connection.call("state.get", wire::Map().set("lease", lease.lease), kPatienceMs);
        return slices_of(answer.get(), lease, host);
    };
    std::optional<Error> first;
    for (const std::string &address : {lease.socket, lease.address}) {
        if (address.empty())
            continue;
        try {
            return ask(address);
        } catch (const Error &error) {
            if (first)
                fail(error.code(), "%s; %s", first->what(), error.what());
            first = error;
        }
    }
    throw first ? *first : Error(EINVAL, "the lease names no address");
}

} // namespace vgpu::nvml
