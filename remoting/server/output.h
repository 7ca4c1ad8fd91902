// SPDX-License-Identifier: Apache-2.0
// What the driver writes to standard output: the device's printf. It belongs to the client, so it
// is caught and sent there.
#pragma once

#include "remoting/base/fd.h"

#include <cstddef>
#include <vector>

namespace vgpu::server
{

// Standard output becomes memory, not a pipe: a kernel that prints much would block on a pipe, and
// whoever should empty that may be waiting for the kernel.
class Output
{
public:
    // Takes over a descriptor; it is given back at the end.
    explicit Output(int fd);
    ~Output();

    // The next bytes that were written since, at most `most`; false if there are none.
    bool take(std::vector<std::byte> &bytes, size_t most);

private:
    const int fd_;
    Fd before_; // what it was
    Fd memory_;
    off_t taken_ = 0;
};

} // namespace vgpu::server
