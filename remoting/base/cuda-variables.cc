// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/cuda-variables.h"

#include <cstdlib>
#include <cstring>

namespace vgpu
{

static bool is(const char *name, const char *value) noexcept
{
    const char *found = std::getenv(name);
    return found && std::strcmp(found, value) == 0;
}

bool launches_block() noexcept
{
    static const bool asked = is("CUDA_LAUNCH_BLOCKING", "1");
    return asked;
}

bool loads_eagerly() noexcept
{
    static const bool asked = is("CUDA_MODULE_LOADING", "EAGER");
    return asked;
}

} // namespace vgpu
