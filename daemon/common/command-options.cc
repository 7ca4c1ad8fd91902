// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/command-options.h"

#include "daemon/common/lease.h"

namespace vgpu::control
{

namespace
{

using Type = Option::Type;

// clang-format off
#define VGPU_COMMON_ROWS \
    {"version", nullptr, "-V,--version", "", "Print the version.", Type::flag}, \
    {"help", nullptr, "-h,--help", "", "Print the options.", Type::flag}

#define VGPU_DAEMON_ROWS \
    {"conf", nullptr, "-f,--conf", "", \
     "The configuration file. The default is what VGPU_CONF names, else the installed vgpu.conf.", \
     Type::file}, \
    {"foreground", nullptr, "-D", "", \
     "Stay in the foreground: it always does, as systemd likes it.", Type::flag}
// clang-format on

constexpr Option kRun[] = {
    {"gpus", nullptr, "--gpus", "1",
     "How many GPUs the program sees. They are on different devices as long as there are enough of "
     "them.",
     Type::integer, nullptr, 1, 64},
    {"mem", nullptr, "--mem", "",
     "The memory of each, such as 512M or 4G. Not given: with a daemon of its own all the memory "
     "there is, shared out among the slices of a device; with --server the site's default.",
     Type::size, nullptr, 1},
    {"cores", nullptr, "--cores", "",
     "The share of each device's compute time. Not given: no limit.", Type::percent},
    {"channel", nullptr, "--channel", "auto",
     "How the program reaches its worker: shared memory, a Unix socket or TCP; auto takes the best "
     "that works.",
     Type::choice, "auto|shm|unix|tcp"},
    {"qos", nullptr, "--qos", "",
     "The class of its large copies over TCP, which says what part of the network they have beside "
     "others'. Not given: the site's default.",
     Type::choice, kQosChoices},
    {"driver", nullptr, "--driver", "",
     "Without --server: the CUDA driver library to serve, or the word soft for the software GPU "
     "even where there is a real one.",
     Type::file},
    {"server", nullptr, "--server", "", "Use this vgpud or vgpuctld rather than a private one.",
     Type::hostport},
    {"conf", nullptr, "--conf", "", "With --server: the vgpu.conf that says how to authenticate.",
     Type::file},
    VGPU_COMMON_ROWS,
};

constexpr Option kSmi[] = {
    {"json", nullptr, "--json", "",
     "Print one object with the arrays nodes, devices, slices and sessions.", Type::flag},
    {"loop", nullptr, "-l,--loop", "", "Again every so many seconds.", Type::duration, nullptr, 1,
     86400},
    {"server", nullptr, "--server", "",
     "Ask this vgpuctld or vgpud, HOST:PORT or a socket's path. The default is the lease's vgpud, "
     "else the site's vgpuctld."},
    {"conf", nullptr, "--conf", "", "Use this configuration.", Type::file},
    VGPU_COMMON_ROWS,
};

constexpr Option kCtl[] = {
    {"server", nullptr, "--server", "",
     "Ask this vgpuctld or vgpud, HOST:PORT or a socket's path, rather than the site's."},
    {"conf", nullptr, "--conf", "", "Use this configuration.", Type::file},
    VGPU_COMMON_ROWS,
};

constexpr Option kVgpud[] = {
    VGPU_DAEMON_ROWS,
    {"probe", nullptr, "--probe", "",
     "Print what the driver has, as msgpack, and exit: what the short-lived child does.",
     Type::flag},
    {"probe-driver", nullptr, "--probe-driver", "",
     "With --probe: the driver library; empty for the system's, else the software GPU."},
    {"supervised", nullptr, "--supervised", "",
     "For vgpu-run: a descriptor to which \"ready\" is written, and whose end of file ends vgpud.",
     Type::integer, nullptr, 3},
    VGPU_COMMON_ROWS,
};

constexpr Option kVgpuctld[] = {VGPU_DAEMON_ROWS, VGPU_COMMON_ROWS};

} // namespace

std::span<const Option> run_options()
{
    return kRun;
}

std::span<const Option> smi_options()
{
    return kSmi;
}

std::span<const Option> ctl_options()
{
    return kCtl;
}

std::span<const Option> vgpud_options()
{
    return kVgpud;
}

std::span<const Option> vgpuctld_options()
{
    return kVgpuctld;
}

} // namespace vgpu::control
