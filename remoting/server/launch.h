// SPDX-License-Identifier: Apache-2.0
// What launches, kernel nodes and streams have in common.
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/handles.h"

#include <span>

namespace vgpu::server
{

class Session;

// How many bytes of parameters the driver will read, whatever the client sent.
size_t parameter_bytes(const Driver &driver, uint64_t id, Handles::Entry &function);

// Where parameter `index` of a function or kernel lies; fails behind the last one.
CUresult parameter(const Driver &driver, uint64_t id, void *handle, size_t index, size_t &offset,
                   size_t &bytes);

// The value of an attribute as the client sent it, with the driver's handles for the ids in it.
// Pointers are checked; one whose value may hold what is not known here is refused.
CUresult read_attribute(Session &session, CUlaunchAttributeID id,
                        std::span<const unsigned char> bytes, CUlaunchAttributeValue &value);

} // namespace vgpu::server
