// SPDX-License-Identifier: Apache-2.0
// What launches and kernel nodes have in common.
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/handles.h"

namespace vgpu::server
{

// How many bytes of parameters the driver will read, whatever the client sent.
size_t parameter_bytes(const Driver &driver, uint64_t id, Handles::Entry &function);

// Where parameter `index` of a function or kernel lies; fails behind the last one.
CUresult parameter(const Driver &driver, uint64_t id, void *handle, size_t index, size_t &offset,
                   size_t &bytes);

} // namespace vgpu::server
