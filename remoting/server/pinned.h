// SPDX-License-Identifier: Apache-2.0
// Host memory of the worker's own, registered with the driver so that copies through it do not
// wait.
#pragma once

#include "remoting/server/driver.h"

#include <cstddef>

namespace vgpu::server
{

// It outlives the contexts under which it was registered: it is only slower then.
class Pinned
{
public:
    // Known to the driver from pin() on, which the constructor does unless it is told not to.
    Pinned(const Driver &driver, size_t bytes, bool pin_now = true);
    ~Pinned();
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;
    void pin(); // dispatch thread, in a context
    std::byte *data() const noexcept { return data_; }
    size_t size() const noexcept { return bytes_; }

private:
    const Driver &driver_;
    std::byte *data_;
    size_t bytes_;
    bool registered_ = false;
};

} // namespace vgpu::server
