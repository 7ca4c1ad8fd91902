// SPDX-License-Identifier: Apache-2.0
// Resources of devices that were given out: the driver's own bytes, which nobody else may make.
#pragma once

#include <cuda.h>

#include <cstring>
#include <map>
#include <set>
#include <string>

namespace vgpu::server
{

struct Resources {
    static constexpr size_t kMost = 4096; // kept

    void note(const CUdevResource &resource)
    {
        if (given.size() < kMost)
            given.emplace(reinterpret_cast<const char *>(&resource), sizeof resource);
    }
    bool knows(const CUdevResource &resource) const
    {
        return given.contains(
            std::string(reinterpret_cast<const char *>(&resource), sizeof resource));
    }

    std::set<std::string> given;
    // The number of the context of each green one, and its slice.
    struct Green {
        size_t slice;
        CUcontext context;
    };
    std::map<CUgreenCtx, Green> greens;
};

} // namespace vgpu::server
