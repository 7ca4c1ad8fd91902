// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"

#include <string_view>
#include <vector>

// The tables that bind names of typed instructions to handlers. Families of elementwise and memory
// handlers are compiled twice, into namespaces `baseline` and `avx2`; the decoder takes those that
// the processor can run.
namespace vgpu::soft
{

struct Operation {
    const char *name; ///< "add.b32"
    Handler run;
    const char
        *signature;     ///< letters of the operands' widths, destination first; see width_letter()
    uint32_t modifiers; ///< floating-point modifiers it honours
};

struct Operations {
    const Operation *first;
    size_t count;
};

#define VGPU_DECLARE_FAMILIES                                                                      \
    Operations integer_operations();                                                               \
    Operations bit_operations();                                                                   \
    Operations video_operations();                                                                 \
    Operations float_operations();                                                                 \
    Operations half_operations();                                                                  \
    Operations compare_operations();                                                               \
    Operations convert_operations();                                                               \
    Operations load_operations();                                                                  \
    Operations store_operations();                                                                 \
    Operations atomic_operations();                                                                \
    Operations matrix_operations();                                                                \
    Operations pack_operations();

namespace baseline
{
VGPU_DECLARE_FAMILIES
}
namespace avx2
{
VGPU_DECLARE_FAMILIES
}
#undef VGPU_DECLARE_FAMILIES

enum class Isa { baseline, avx2 };

/// The rows of all families.
std::vector<Operation> all_operations(Isa isa);

/// Whether this processor can run it.
bool can_run(Isa isa);

/// What programs compiled from now on are made of; at first the best, or what VGPU_SOFT_ISA says.
void choose_isa(Isa isa);

/// The operation of that name, or null.
const Operation *find_operation(std::string_view name);

} // namespace vgpu::soft
