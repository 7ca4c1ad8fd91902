// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/probe.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <hwloc.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/pack.h"
#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/log.h"

extern char **environ;

namespace vgpu::control
{

namespace
{

// A driver that has to wake its devices takes seconds; one that takes longer than this hangs.
constexpr int kProbeMs = 60'000;
constexpr size_t kMaxReport = 1 << 20;

/// All that the child prints, up to its end of file.
std::vector<char> read_all(int fd, Deadline deadline)
{
    std::vector<char> text;
    char piece[4096];
    while (wait_for(fd, POLLIN, deadline)) {
        const ssize_t count = read(fd, piece, sizeof piece);
        if (count == 0)
            return text;
        if (count < 0 && errno != EINTR)
            fail_errno("reading from vgpud --probe");
        text.insert(text.end(), piece, piece + std::max<ssize_t>(count, 0));
        if (text.size() > kMaxReport)
            fail(EPROTO, "vgpud --probe printed more than %zu bytes", kMaxReport);
    }
    fail(ETIMEDOUT,
         "the CUDA driver did not answer within %d s: see dmesg, or name another with Driver=",
         kProbeMs / 1000);
}

} // namespace

Probed probe(const Conf &conf)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail_errno("making a pipe");
    Fd output(ends[0]);
    Fd input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    const char *arguments[] = {"vgpud", "--probe", "--probe-driver", conf.driver.c_str(), nullptr};
    pid_t child = 0;
    const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                                  const_cast<char **>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        fail(error, "starting vgpud --probe: %s", std::strerror(error));
    input.reset();

    std::vector<char> report;
    try {
        report = read_all(output.get(), Deadline::after_ms(kProbeMs));
    } catch (...) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        throw;
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        fail(EIO, "opening the CUDA driver %s crashed (%s)",
             conf.driver.empty() ? "(the system's or the software GPU)" : conf.driver.c_str(),
             strsignal(WTERMSIG(status)));
    if (report.empty())
        fail(ENODEV,
             "no CUDA driver could be used; the lines above say why. Name one with Driver=");
    Probed found;
    try {
        found = from_object<Probed>(msgpack::unpack(report.data(), report.size()).get(),
                                    "vgpud --probe");
    } catch (const msgpack::unpack_error &) {
        fail(EPROTO, "vgpud --probe printed something else: the driver writes to standard output");
    }
    for (Device &device : found.devices) {
        device.node = conf.node_name;
        device.max_slices = conf.slices_per_device;
        device.default_memory =
            conf.default_memory ? conf.default_memory : device.memory / conf.slices_per_device;
        device.default_cores = conf.default_cores;
        if (!found.software)
            device.cpus = cpus_near(device.pci);
        log(Level::info, "device %u: %s, %llu MiB, %u units, %s, %s", device.index,
            device.name.c_str(), static_cast<unsigned long long>(device.memory >> 20), device.units,
            device.pci.c_str(), device.uuid.c_str());
    }
    return found;
}

std::string cpus_near(const std::string &pci)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return "";
    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    std::string list;
    if (hwloc_topology_load(topology) == 0) {
        hwloc_obj_t device = hwloc_get_pcidev_by_busidstring(topology, pci.c_str());
        hwloc_obj_t near = device ? hwloc_get_non_io_ancestor_obj(topology, device) : nullptr;
        char *text = nullptr;
        if (near && near->cpuset && hwloc_bitmap_list_asprintf(&text, near->cpuset) >= 0)
            list = text;
        free(text);
    }
    hwloc_topology_destroy(topology);
    return list;
}

} // namespace vgpu::control
