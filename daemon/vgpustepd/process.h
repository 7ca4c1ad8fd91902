// SPDX-License-Identifier: Apache-2.0
// What a worker makes of its process before it meets its client.
#pragma once

#include <string>

namespace vgpu::stepd
{

// No descriptor but 0 to `last`, no core file, no debugger of another process of the user, no
// SIGPIPE.
void close_up(int last);

// A cpuset as hwloc prints it; empty: anywhere. What cannot be had is logged: it is only slower.
void bind_cpus(const std::string &cpus);

// What ps shows.
void set_title(char **argv, const std::string &title);

} // namespace vgpu::stepd
