// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/private-files.h"

#include <unistd.h>

namespace vgpu::control
{

// By name, not whatever is there: the directory comes from a command line.
void remove_private_files(const std::string &directory) noexcept
{
    for (const char *name : {"vgpu.conf", "key", "lease", "vgpud.sock"})
        unlink((directory + "/" + name).c_str());
    rmdir(directory.c_str());
}

} // namespace vgpu::control
