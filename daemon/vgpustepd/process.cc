// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpustepd/process.h"

#include "remoting/base/log.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <hwloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

namespace vgpu::stepd
{

void close_up(int last)
{
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    close_range(unsigned(last) + 1, ~0u, 0);
}

void bind_cpus(const std::string &cpus)
{
    if (cpus.empty())
        return;
    hwloc_bitmap_t bitmap = hwloc_bitmap_alloc();
    cpu_set_t set;
    CPU_ZERO(&set);
    // hwloc's two ways of writing one: a mask, or a list as in taskset -c.
    bool mask = cpus.starts_with("0x");
    if ((mask ? hwloc_bitmap_sscanf : hwloc_bitmap_list_sscanf)(bitmap, cpus.c_str()) == 0) {
        for (int cpu = hwloc_bitmap_first(bitmap); cpu >= 0 && cpu < CPU_SETSIZE;
             cpu = hwloc_bitmap_next(bitmap, cpu))
            CPU_SET(cpu, &set);
    }
    hwloc_bitmap_free(bitmap);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        log(Level::warning, "this worker is not bound to the CPUs %s: %s", cpus.c_str(),
            strerror(errno));
}

// The kernel shows the memory where arguments and environment lay at the start. The environment is
// moved away first, for it is still read.
void set_title(char **argv, const std::string &title)
{
    prctl(PR_SET_NAME, "vgpustepd");
    char *begin = argv[0], *end = begin;
    auto extend = [&](char **strings) {
        for (; *strings; ++strings)
            if (*strings == end || *strings == end + 1 || strings == argv)
                end = *strings + strlen(*strings) + 1;
    };
    extend(argv);
    extend(environ);
    for (char **variable = environ; *variable; ++variable)
        *variable = strdup(*variable);
    size_t room = size_t(end - begin);
    if (room < 2)
        return;
    size_t n = std::min(title.size(), room - 1);
    memset(begin, 0, room);
    memcpy(begin, title.data(), n);
    argv[1] = nullptr;
}

} // namespace vgpu::stepd
