// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/image.h"
#include "softgpu/driver/merge.h"

#include <string>
#include <vector>

namespace vgpu::soft::driver
{

/// A linker's state. The driver runs PTX, so the "cubin" that comes out is PTX: the text that went
/// in, or one made of several.
class Link
{
public:
    explicit Link(JitLog log) : log_(log) {}

    uint64_t id = 0;

    void add(std::string ptx, const char *name);
    /// A fatbin of machine code, as the device runtime's library is: if anything in it is needed,
    /// that is an unresolved name.
    void leave_out(const char *name) { left_out_ = name && *name ? name : "an input"; }
    const std::string &complete();

private:
    JitLog log_;
    std::vector<LinkInput> inputs_;
    std::string left_out_;
    std::string text_;
};

} // namespace vgpu::soft::driver
