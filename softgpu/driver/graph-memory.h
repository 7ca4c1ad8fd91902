// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/device.h"

#include <cstdint>
#include <memory>
#include <mutex>

namespace vgpu::soft::driver
{

class Context;
class Stream;

/// What an allocation node stands for. Its address is fixed when the node is made; the memory is
/// charged to the device when a graph is launched, and kernels may touch it from the allocation
/// node to whatever frees it: a node, cuMemFreeAsync, cuMemFree or the next launch.
class GraphMemory : public std::enable_shared_from_this<GraphMemory>
{
public:
    static std::shared_ptr<GraphMemory> create(Device &device, size_t bytes);
    ~GraphMemory();
    GraphMemory(const GraphMemory &) = delete;
    GraphMemory &operator=(const GraphMemory &) = delete;

    Device &device;
    const uint64_t address;
    const size_t bytes;

    /// In the order of the host's calls: whether somebody still has to free it.
    bool outstanding() const;
    void launch(bool freed); ///< charges it; `freed`: by the same graph. Throws OUT_OF_MEMORY
    void free();             ///< throws INVALID_VALUE if it is not outstanding

    /// In the order of the streams.
    void begin();
    void end();

    bool trim(); ///< gives the memory back to the device if nobody uses it

    static std::shared_ptr<GraphMemory> find(uint64_t address); ///< the start of one, or null

private:
    GraphMemory(Device &device, size_t bytes, uint64_t address);

    const size_t mapped_;
    mutable std::mutex lock_;
    bool charged_ = false, outstanding_ = false, live_ = false;
    unsigned pending_ = 0;              ///< launches whose allocation node has not run yet
    std::shared_ptr<GraphMemory> self_; ///< while outstanding: it outlives its graph
};

} // namespace vgpu::soft::driver
