// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/variables.h"

namespace vgpu
{

using Type = Option::Type;

static constexpr Option variable_row(const char *name, const char *default_value, const char *doc,
                                     Type type, const char *choices = nullptr)
{
    return {name, name, nullptr, default_value, doc, type, choices};
}

static constexpr Option kLease[] = {
    variable_row("VGPU_LEASE", "",
                 "The file that says how to reach the worker; it holds no secret.", Type::file),
};
static constexpr Option kProgram[] = {
    variable_row("VGPU_CHANNEL", "",
                 "How to reach the worker, instead of what the lease says; auto is the best that "
                 "both ends can reach, anything else that way and no other.",
                 Type::choice, "auto|shm|unix|tcp"),
    variable_row("VGPU_LOG_LEVEL", "warning", "What is worth a line.", Type::choice,
                 "debug|info|warning|error"),
    variable_row("VGPU_LOG_FILE", "", "Where to log; not given, to standard error.", Type::file),
    variable_row(
        "VGPU_TEST_LINK", "",
        "For measurements: rtt=5ms,rate=10G makes the path to the worker, where it is a "
        "stream, as slow as a network with that round-trip time and so many bits a "
        "second, and logs at the end (level info) the round trips waited for. window=3M: each "
        "connection of large copies has so many bytes under way at most.",
        Type::string),
};
static constexpr Option kTools[] = {
    variable_row("VGPU_CONF", "", "The configuration file.", Type::file),
    variable_row("VGPU_LIBDIR", "",
                 "The directory of our libraries, where it is not the installed one; the software "
                 "GPU is in its subdirectory soft.",
                 Type::file),
    variable_row("VGPU_LIBEXECDIR", "",
                 "The directory of vgpustepd and, if it is there, vgpud, likewise.", Type::file),
};

constinit const Option kLeaseVariable = kLease[0];
constinit const Option kChannelVariable = kProgram[0];
constinit const Option kLogLevelVariable = kProgram[1];
constinit const Option kLogFileVariable = kProgram[2];
constinit const Option kTestLinkVariable = kProgram[3];
constinit const Option kConfVariable = kTools[0];
constinit const Option kLibdirVariable = kTools[1];
constinit const Option kLibexecdirVariable = kTools[2];

std::span<const Option> lease_variables()
{
    return kLease;
}

std::span<const Option> program_variables()
{
    return kProgram;
}

std::span<const Option> tool_variables()
{
    return kTools;
}

} // namespace vgpu
