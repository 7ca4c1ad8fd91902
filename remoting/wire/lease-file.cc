// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/lease-file.h"

#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/hex.h"
#include "remoting/base/options.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kMaxFile = 64 << 10;
constexpr size_t kMaxSlices = 64;

using Type = Option::Type;
constexpr Option kKeys[] = {
    {"Version", nullptr, nullptr, "", "Form of this file.", Type::integer},
    {"Lease", nullptr, nullptr, "", "The lease's number.", Type::string},
    {"Node", nullptr, nullptr, "", "The GPU node.", Type::string},
    {"Instance", nullptr, nullptr, "", "The vgpud that granted it.", Type::string},
    {"Address", nullptr, nullptr, "", "Its address.", Type::hostport},
    {"Socket", nullptr, nullptr, "", "Its Unix socket.", Type::path},
    {"Auth", nullptr, nullptr, "munge", "Authentication.", Type::choice, "munge|key"},
    {"KeyFile", nullptr, nullptr, "", "For key.", Type::path},
    {"MungeSocket", nullptr, nullptr, "", "For munge.", Type::path},
    {"Encrypt", nullptr, nullptr, "no", "Seal what leaves the machine.", Type::boolean},
    {"Slices", nullptr, nullptr, "", "What is leased.", Type::string},
    {"Channel", nullptr, nullptr, "auto", "How to get there.", Type::choice, "auto|shm|unix|tcp"},
};

// Calls `each` for every part between separators; an empty text has none.
void split(std::string_view text, char separator, const std::function<void(std::string_view)> &each)
{
    while (!text.empty()) {
        size_t at = text.find(separator);
        each(text.substr(0, at));
        if (at == std::string_view::npos)
            return;
        text.remove_prefix(at + 1);
        if (text.empty())
            each(text); // a trailing separator leaves an empty part, which nobody accepts
    }
}

LeaseSlice parse_slice(std::string_view text)
{
    std::vector<std::string_view> parts;
    split(text, ':', [&](std::string_view part) { parts.push_back(part); });
    if (parts.size() != 4 || parts[1].empty())
        fail(EINVAL, "'%.80s' is no slice: expected index:device:memory:cores",
             std::string(text).c_str());
    int64_t index = parse_integer(parts[0]);
    if (index < 0 || index >= int64_t(kMaxSlices))
        fail(EINVAL, "slice %lld is out of range", (long long)index);
    return {unsigned(index), std::string(parts[1]), parse_size(parts[2]), parse_percent(parts[3])};
}

std::string line(const char *key, const std::string &value)
{
    if (value.empty())
        return "";
    bool quote = value.find_first_of(" \t\r#\\") != std::string::npos;
    return std::string(key) + (quote ? "=\"" + value + "\"\n" : "=" + value + "\n");
}

void require(bool condition, const std::string &name, const char *text)
{
    if (!condition)
        fail(EINVAL, "%s: %s", name.c_str(), text);
}

} // namespace

std::string format_lease(const LeaseFile &lease)
{
    std::string slices;
    for (const LeaseSlice &slice : lease.slices) {
        if (!slices.empty())
            slices += ",";
        slices += text("%u:%s:%llu:%u", slice.index, slice.device.c_str(),
                       (unsigned long long)slice.memory, slice.cores);
    }
    bool munge = lease.auth.method == AuthConfig::Method::munge;
    return "Version=1\n" + line("Lease", lease.lease) + line("Node", lease.node) +
           line("Instance", lease.instance) + line("Address", lease.address) +
           line("Socket", lease.socket) + line("Auth", method_name(lease.auth.method)) +
           (munge ? line("MungeSocket", lease.auth.munge_socket)
                  : line("KeyFile", lease.auth.key_file)) +
           line("Encrypt", lease.auth.encrypt ? "yes" : "") + line("Slices", slices) +
           line("Channel", lease.channel);
}

LeaseFile parse_lease(std::string_view text, const std::string &name)
{
    Options values(kKeys);
    values.load_text(text, name);
    require(values.is_set("Version"), name, "no Version");
    require(values.integer("Version") == 1, name,
            "this Version is not known: install the same slurm-vgpu on both hosts");
    LeaseFile out;
    out.lease = values.string("Lease");
    require(is_id(out.lease), name, "Lease must have 16 hexadecimal digits");
    out.node = values.string("Node");
    require(!out.node.empty(), name, "no Node");
    out.instance = values.string("Instance");
    require(out.instance.empty() || is_id(out.instance), name,
            "Instance must have 16 hexadecimal digits");
    out.address = values.string("Address");
    out.socket = values.string("Socket");
    require(!out.address.empty() || !out.socket.empty(), name, "neither Address nor Socket");
    out.auth.method = parse_method(values.string("Auth"));
    out.auth.key_file = values.string("KeyFile");
    out.auth.munge_socket = values.string("MungeSocket");
    out.auth.encrypt = values.boolean("Encrypt");
    require(out.auth.method != AuthConfig::Method::key || !out.auth.key_file.empty(), name,
            "Auth=key needs KeyFile");
    out.channel = values.string("Channel");
    try {
        split(values.string("Slices"), ',', [&](std::string_view part) {
            out.slices.push_back(parse_slice(part));
            if (out.slices.size() > kMaxSlices)
                fail(EINVAL, "more than %zu slices", kMaxSlices);
        });
        for (size_t i = 0; i < out.slices.size(); ++i) {
            if (out.slices[i].index != i)
                fail(EINVAL, "slice %u where %zu is expected", out.slices[i].index, i);
        }
    } catch (const Error &error) {
        fail(EINVAL, "%s: Slices: %s", values.source("Slices").c_str(), error.what());
    }
    return out;
}

LeaseFile read_lease_file(const std::string &path)
{
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd)
        fail_errno("cannot open the lease %s", path.c_str());
    struct stat info;
    if (fstat(fd.get(), &info) < 0)
        fail_errno("cannot examine the lease %s", path.c_str());
    if (!S_ISREG(info.st_mode))
        fail(EACCES, "the lease %s is not a regular file", path.c_str());
    // Root may look at anybody's lease: its plugins do.
    if (info.st_uid != geteuid() && info.st_uid != 0 && geteuid() != 0)
        fail(EACCES, "the lease %s belongs to uid %u, not to you", path.c_str(),
             unsigned(info.st_uid));
    if (info.st_mode & 077)
        fail(EACCES, "the lease %s is open to others (mode %03o): chmod 600 it", path.c_str(),
             unsigned(info.st_mode & 0777));
    return parse_lease(read_all(fd.get(), kMaxFile, path.c_str()), path);
}

void write_lease_file(const std::string &path, const LeaseFile &lease, uid_t uid, gid_t gid)
{
    std::string content = format_lease(lease);
    parse_lease(content, path); // whoever cannot be read back is not written
    std::string fresh = path + ".new";
    unlink(fresh.c_str());
    Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd)
        fail_errno("cannot make the lease %s", fresh.c_str());
    try {
        if (fchmod(fd.get(), 0600) < 0)
            fail_errno("cannot set the mode of %s", fresh.c_str());
        if (uid != geteuid() && fchown(fd.get(), uid, gid) < 0)
            fail_errno("cannot give %s to uid %u", fresh.c_str(), unsigned(uid));
        write_all(fd.get(), std::as_bytes(std::span(content)), Deadline::never(), fresh.c_str());
        if (rename(fresh.c_str(), path.c_str()) < 0)
            fail_errno("cannot put the lease %s in place", path.c_str());
    } catch (...) {
        unlink(fresh.c_str());
        throw;
    }
}

} // namespace vgpu::wire
