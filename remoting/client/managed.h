// SPDX-License-Identifier: Apache-2.0
// Managed memory: chunks that the program and kernels see at one address, either the same memory
// (shared with the worker) or a mirror of the device's, and blocks within. And managed variables,
// which lie where the driver has put them.
#pragma once

#include "remoting/base/arena.h"
#include "remoting/client/context.h"

#include <cuda.h>

#include <cstdint>
#include <map>
#include <mutex>

namespace vgpu::client
{

class Session;

class Managed
{
public:
    CUresult allocate(Session &session, const Context &context, uint64_t bytes,
                      CUdeviceptr *address);

    // What lies at the beginning of a block. The device must be done with it.
    void free(Session &session, uint64_t context, CUdeviceptr address);

    // The context has ended, and the device memory in it.
    void forget_context(Session &session, uint64_t context);

    // Makes a variable of the device's the program's own too.
    CUresult add_variable(Session &session, const Context &context, CUdeviceptr address,
                          uint64_t bytes);
    void drop_variable(Session &session, CUdeviceptr address, uint64_t bytes);

private:
    struct Chunk {
        uint64_t bytes;
        uint64_t context;
        uint64_t host; // id of memory shared with the worker, 0 for a mirror
        bool whole;    // one block
    };
    CUresult add_chunk(Session &session, const Context &context, uint64_t bytes, bool whole,
                       uint64_t *base);
    void drop_chunk(Session &session, uint64_t base, const Chunk &chunk, bool context_ended);

    std::mutex mutex_; // of all below
    std::map<uint64_t, Chunk> chunks_;
    std::map<uint64_t, Arena> arenas_;       // by context
    std::map<uint64_t, unsigned> variables_; // on each page that was mapped for them
};

} // namespace vgpu::client
