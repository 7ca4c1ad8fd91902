// SPDX-License-Identifier: Apache-2.0
// What the plugins of plugins.cu have in common: a template kernel, which each has device code for
// under one name.
#pragma once

#include <cstddef>

constexpr std::size_t kPluginBytes = 16 << 20; // of a variable in each

template<class T>
__global__ void scale(T *value, T by)
{
    *value *= by;
}

// Runs everything that the plugin has, and gives what came of it; 0 if something failed.
using PluginRun = int(int value);
