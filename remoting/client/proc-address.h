// SPDX-License-Identifier: Apache-2.0
// Which symbol a function is in a version of the interface.
#pragma once

#include <string_view>

namespace vgpu::client
{

struct Procedure {
    std::string_view name;
    int version = 0;         // the first that has it, e.g. 3020
    bool per_thread = false; // a variant for the per-thread default stream
    void (*address)() = nullptr;
};

enum class Lookup { found, unknown, too_new };

// The newest one up to `version`; with `per_thread` the variant, if the function has one. `found`
// is written on success.
Lookup find_procedure(std::string_view name, int version, bool per_thread, const Procedure *&found);

} // namespace vgpu::client
