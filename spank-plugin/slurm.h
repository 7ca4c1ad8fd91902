// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

// Slurm's header declares the hooks outside of its extern "C".
extern "C" {
#include <slurm/slurm.h>
#include <slurm/spank.h>
}

// What the plugin needs of a SPANK handle, in C++.
namespace vgpu::spank
{

/// A number that Slurm knows of the job or step; nothing if it does not know it in this context.
template<typename T>
std::optional<T> item(spank_t handle, spank_item_t what)
{
    T value{};
    if (spank_get_item(handle, what, &value) != ESPANK_SUCCESS)
        return std::nullopt;
    return value;
}

/// A variable of the step's environment, as its tasks will see it.
std::optional<std::string> get_variable(spank_t handle, const char *name);

void set_variable(spank_t handle, const std::string &name, const std::string &value);

} // namespace vgpu::spank
