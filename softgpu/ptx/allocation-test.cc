// SPDX-License-Identifier: Apache-2.0
// That a block allocates nothing: counted over the whole process, in a program that does nothing
// else meanwhile.
#include "softgpu/ptx/test-machine.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace
{

std::atomic<size_t> g_allocations{0};

void *allocate(size_t bytes, size_t alignment)
{
    g_allocations.fetch_add(1, std::memory_order_relaxed);
    bytes = (bytes + alignment - 1) / alignment * alignment;
    if (void *memory = std::aligned_alloc(alignment, bytes ? bytes : alignment))
        return memory;
    throw std::bad_alloc();
}

} // namespace

void *operator new(size_t bytes)
{
    return allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void *operator new(size_t bytes, std::align_val_t alignment)
{
    return allocate(bytes, size_t(alignment));
}
void operator delete(void *memory) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, size_t) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::align_val_t) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, size_t, std::align_val_t) noexcept
{
    std::free(memory);
}

namespace vgpu::soft
{

class Allocation : public TestMachine
{
protected:
    size_t of_a_launch(const std::shared_ptr<Program> &program, unsigned blocks, uint64_t out)
    {
        size_t before = g_allocations.load();
        EXPECT_EQ(run(program, {blocks}, {64}, {out}).text, "");
        return g_allocations.load() - before;
    }
};

// Shared memory, a barrier, a branch that lanes take apart, and a call.
TEST_F(Allocation, IsNotMadeForEachBlock)
{
    uint64_t out = allocate_device(64 * sizeof(uint32_t));
    auto program = compile(kernel(
        ".shared .b32 mine[64]; { .reg .b64 %at; .reg .pred %odd; .reg .b32 %a;\n"
        "mov.u64 %at, mine; mad.wide.u32 %at, %r0, 4, %at; and.b32 %a, %r0, 1;\n"
        "setp.eq.u32 %odd, %a, 1; @%odd bra other; add.u32 %r1, %r0, 3; bra.uni met;\n"
        "other: { .param .b32 r; .param .b32 x; st.param.b32 [x], %r0; call.uni (r), twice, (x);\n"
        "ld.param.b32 %r1, [r]; }\n"
        "met: st.shared.u32 [%at], %r1; bar.sync 0; ld.shared.u32 %r2, [%at];\n"
        "mad.wide.u32 %d0, %r0, 4, %p0; st.global.u32 [%d0], %r2; }",
        ".func (.param .b32 result) twice (.param .b32 x) { .reg .b32 %v; ld.param.b32 %v, [x];\n"
        "add.u32 %v, %v, %v; st.param.b32 [result], %v; ret; }\n"));
    of_a_launch(program, 2'000, out);
    const size_t few = of_a_launch(program, 2'000, out);
    const size_t many = of_a_launch(program, 20'000, out);
    EXPECT_LT(many, few + 500) << few;
    EXPECT_EQ(*at<uint32_t>(out + 4), 2u);
    EXPECT_EQ(*at<uint32_t>(out + 8), 5u);
}

} // namespace vgpu::soft
