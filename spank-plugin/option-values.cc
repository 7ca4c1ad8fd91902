// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "remoting/base/error.h"
#include "remoting/base/parse.h"
#include "spank-plugin/options.h"

namespace vgpu::spank
{

void read_memory(const char *text, Options &into)
{
    try {
        into.memory = parse_size(text);
    } catch (const Error &error) {
        fail(EINVAL, "--vgpu-mem=%s: %s", text, error.what());
    }
    if (into.memory == 0)
        fail(
            EINVAL,
            "--vgpu-mem=%s: a slice needs some memory; leave the option out for the site's default",
            text);
    into.given = true;
}

void read_cores(const char *text, Options &into)
{
    try {
        into.cores = parse_percent(text);
    } catch (const Error &error) {
        fail(EINVAL, "--vgpu-cores=%s: %s", text, error.what());
    }
    if (into.cores == 0)
        fail(EINVAL, "--vgpu-cores=%s: 1 to 100 percent; leave the option out for no fixed share",
             text);
    into.given = true;
}

void read_channel(const char *text, Options &into)
{
    std::string channel = text;
    if (channel != "auto" && channel != "shm" && channel != "unix" && channel != "tcp")
        fail(EINVAL, "--vgpu-channel=%s: auto, shm, unix or tcp", text);
    into.channel = channel;
    into.given = true;
}

} // namespace vgpu::spank
