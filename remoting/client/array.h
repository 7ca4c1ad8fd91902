// SPDX-License-Identifier: Apache-2.0
// What this process knows of its arrays, and of the textures and surfaces that look at them.
#pragma once

#include "remoting/client/copy.h"
#include "remoting/client/session.h"

#include <cuda.h>

#include <cstdint>

namespace vgpu::client
{

// What a copy touches of an array: bytes, rows, slices.
struct Box {
    uint64_t width, rows, depth;
};

// The array that a copy names and where in it the copy begins (x in bytes); what the driver says if
// the box does not lie in it. The end's array is left null where nothing is wrong but the size of
// an element is not known here: then the worker's driver judges.
CUresult find_in_array(Session &session, CUarray handle, uint64_t x, uint64_t y, uint64_t z,
                       const Box &box, End &end);

} // namespace vgpu::client
