// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/operations.h"

#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace vgpu::soft
{
namespace
{

using Index = std::unordered_map<std::string_view, const Operation *>;

bool use_avx2()
{
    __builtin_cpu_init();
    bool able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const char *wish = getenv("VGPU_SOFT_ISA");
    return able && !(wish && strcmp(wish, "baseline") == 0);
}

Index make_index()
{
    Index index;
    auto add = [&](Operations operations) {
        for (size_t i = 0; i < operations.count; i++)
            index.emplace(operations.first[i].name, &operations.first[i]);
    };
    bool fast = use_avx2();
#define VGPU_ADD(family) add(fast ? avx2::family() : baseline::family())
    VGPU_ADD(integer_operations);
    VGPU_ADD(bit_operations);
    VGPU_ADD(video_operations);
    VGPU_ADD(float_operations);
    VGPU_ADD(half_operations);
    VGPU_ADD(compare_operations);
    VGPU_ADD(convert_operations);
    VGPU_ADD(load_operations);
    VGPU_ADD(store_operations);
    VGPU_ADD(atomic_operations);
    VGPU_ADD(matrix_operations);
    VGPU_ADD(pack_operations);
#undef VGPU_ADD
    return index;
}

} // namespace

const Operation *find_operation(std::string_view name)
{
    static const Index index = make_index();
    auto found = index.find(name);
    return found == index.end() ? nullptr : found->second;
}

} // namespace vgpu::soft
