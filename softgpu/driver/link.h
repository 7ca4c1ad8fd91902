// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/image.h"

#include <string>

namespace vgpu::soft::driver
{

/// A linker's state, for programs that hand their PTX over by way of cuLink. The driver runs PTX,
/// so the "cubin" that comes out is the text that went in; a second text would need a real linker
/// and is refused.
class Link
{
public:
    explicit Link(JitLog log) : log_(log) {}

    uint64_t id = 0;

    void add(std::string ptx);
    const std::string &complete();

private:
    JitLog log_;
    std::string text_;
};

} // namespace vgpu::soft::driver
