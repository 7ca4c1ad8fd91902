// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/slurm.h"

#include <vector>

#include "remoting/base/error.h"

namespace vgpu::spank
{

std::optional<std::string> get_variable(spank_t handle, const char *name)
{
    // The longest string that a process can be started with is 128 KiB.
    std::vector<char> value(131072);
    if (spank_getenv(handle, name, value.data(), static_cast<int>(value.size())) != ESPANK_SUCCESS)
        return std::nullopt;
    return std::string(value.data());
}

void set_variable(spank_t handle, const std::string &name, const std::string &value)
{
    spank_err_t error = spank_setenv(handle, name.c_str(), value.c_str(), 1);
    if (error != ESPANK_SUCCESS)
        fail(EINVAL, "%s cannot be set for the tasks: %s", name.c_str(), spank_strerror(error));
}

} // namespace vgpu::spank
