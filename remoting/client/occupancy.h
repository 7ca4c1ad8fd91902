// SPDX-License-Identifier: Apache-2.0
// How many blocks of a function fit on a multiprocessor, and the search for the size that keeps
// most threads resident.
#pragma once

#include "remoting/client/session.h"

#include <cstddef>
#include <functional>

namespace vgpu::client
{

// Asked of the worker once for each shape.
CUresult active_blocks(Function &function, int block, size_t dynamic, unsigned flags, int &blocks);

struct BlockChoice {
    int block = 0;
    int blocks = 0; // on each multiprocessor
};

// `blocks_of` says how many blocks of a size fit on a multiprocessor, below 0 for a failure, which
// ends the search.
BlockChoice best_block(int warp, int largest, int most_threads,
                       const std::function<int(int)> &blocks_of);

} // namespace vgpu::client
