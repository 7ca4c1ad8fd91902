// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"
#include "softgpu/driver/module.h"

namespace vgpu::soft::driver
{

struct Shape {
    Dim3 grid, block;
    size_t dynamic_shared = 0;
    bool cooperative = false;
    std::vector<CUlaunchAttribute>
        attributes; ///< of an extended launch, for the node it may become
};

/// Blocks of this kernel that one unit holds at a time.
unsigned blocks_per_unit(const KernelView &kernel, unsigned threads, size_t dynamic_shared);

/// Throws for a number that is no attribute's.
void check_attribute(CUlaunchAttributeID id);

/// What the attributes of an extended launch, or of a graph's kernel node, change.
void apply(const CUlaunchAttribute &attribute, Shape &shape);

/// The parameters as the kernel reads them.
std::vector<std::byte> pack(const KernelInfo &info, void **parameters, void **extra);

/// Checks a launch as a device would.
std::shared_ptr<const Launch> prepare(const Context &context, const Function &function,
                                      const Shape &shape, std::vector<std::byte> packed);

/// Runs it on the calling thread. A fault breaks the context.
void run(Context &context, const Launch &launch);

/// Prepares a launch and puts it into the stream.
void launch(Stream &stream, const Function &function, const Shape &shape, void **parameters,
            void **extra);

/// Where launches block, waits for what was put into the stream, and throws what came of it.
void finish_launch(Context &context, Stream &stream);

} // namespace vgpu::soft::driver
