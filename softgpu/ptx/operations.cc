// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/operations.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace vgpu::soft
{
namespace
{

using Index = std::unordered_map<std::string_view, const Operation *>;

Isa best_isa()
{
    const char *wish = getenv("VGPU_SOFT_ISA");
    return can_run(Isa::avx2) && !(wish && strcmp(wish, "baseline") == 0) ? Isa::avx2
                                                                          : Isa::baseline;
}

/// Calls `take` for each family's rows.
template<class F>
void each_family(Isa isa, F take)
{
#define VGPU_APART(family) take(isa == Isa::avx2 ? avx2::family() : baseline::family())
#ifdef VGPU_ALIKE_ONCE // by the sanitizer builds: see local.mk
#define VGPU_ALIKE(family) take(baseline::family())
#else
#define VGPU_ALIKE(family) VGPU_APART(family)
#endif
    VGPU_ALIKE(integer_operations);
    VGPU_ALIKE(bit_operations);
    VGPU_ALIKE(video_operations);
    VGPU_ALIKE(float_operations);
    VGPU_ALIKE(half_operations);
    VGPU_APART(compare_operations);
    VGPU_ALIKE(convert_operations);
    VGPU_APART(load_operations);
    VGPU_APART(store_operations);
    VGPU_ALIKE(atomic_operations);
    VGPU_ALIKE(matrix_operations);
    VGPU_ALIKE(pack_operations);
#undef VGPU_APART
#undef VGPU_ALIKE
}

Index make_index(Isa isa)
{
    Index index;
    each_family(isa, [&](Operations operations) {
        for (size_t i = 0; i < operations.count; i++)
            index.emplace(operations.first[i].name, &operations.first[i]);
    });
    return index;
}

const Index &index_of(Isa isa)
{
    static const Index baseline = make_index(Isa::baseline), avx2 = make_index(Isa::avx2);
    return isa == Isa::avx2 ? avx2 : baseline;
}

std::atomic<const Index *> &chosen()
{
    static std::atomic<const Index *> index = &index_of(best_isa());
    return index;
}

} // namespace

std::vector<Operation> all_operations(Isa isa)
{
    std::vector<Operation> all;
    each_family(isa, [&](Operations operations) {
        all.insert(all.end(), operations.first, operations.first + operations.count);
    });
    return all;
}

bool can_run(Isa isa)
{
    __builtin_cpu_init();
    return isa == Isa::baseline ||
           (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

void choose_isa(Isa isa)
{
    chosen() = &index_of(isa); // partner: find_operation
}

const Operation *find_operation(std::string_view name)
{
    const Index &index = *chosen().load();
    auto found = index.find(name);
    return found == index.end() ? nullptr : found->second;
}

} // namespace vgpu::soft
