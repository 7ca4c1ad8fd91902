// SPDX-License-Identifier: Apache-2.0
// Host memory for copies, in slots of one size: more of it while more is on its way, registered
// with the driver a group of slots at a time, and let go of when that is over.
#pragma once

#include "remoting/server/pinned.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::server
{

class HostPool
{
public:
    struct Shape {
        size_t slot;  // bytes
        size_t group; // slots
    };
    HostPool(const Driver &driver, Shape shape, size_t most)
        : driver_(driver), shape_(shape), most_(most)
    {
    }

    // How many slots there may be, in whole groups. Before they are needed.
    void allow(size_t most);

    // From any thread. Null where there are no more. Those of the first group before others, so
    // that a later one comes to be free, and the last one given first, which is still in the cache.
    std::byte *take();
    void give(std::byte *slot) noexcept;

    // What has been taken until now is known to the driver from here on: it copies without waiting.
    // Dispatch thread, in a context.
    void pin();

    // Lets go of what is beyond the first group and not in use. In a context.
    void trim() noexcept;
    size_t bytes() const; // that it has

private:
    struct Group {
        std::unique_ptr<Pinned> memory;
        std::vector<std::byte *> free;
        bool pinned = false;
        bool holds(const std::byte *slot) const noexcept
        {
            return slot >= memory->data() && slot < memory->data() + memory->size();
        }
    };

    const Driver &driver_;
    const Shape shape_;
    mutable std::mutex mutex_;
    size_t most_;
    std::vector<Group> groups_;
};

} // namespace vgpu::server
