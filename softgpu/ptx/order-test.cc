// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

// Messages between blocks: each waits for its word from the one before, changes 32 plain words, and
// gives word to the next. Whoever sees the word must see what was written before it was given.
namespace vgpu::soft
{
namespace
{

class Order : public TestMachine
{
protected:
    static constexpr unsigned kBlocks = 60;

    /// `give` sets the word at %d5 to 1, `ask` reads the one at %d4 into %r5.
    void pass_on(const std::string &give, const std::string &ask)
    {
        SCOPED_TRACE(give + " " + ask);
        std::vector<uint32_t> flags(kBlocks + 1);
        flags[0] = 1;
        uint64_t data = upload(std::vector<uint32_t>(32 * (kBlocks + 1))), flag = upload(flags);
        // Lane l of block b writes what lane 31 - l of the block before has written, and one more.
        Fault fault =
            run(kernel("mov.u32 %r1, %ctaid.x; mul.wide.u32 %d1, %r1, 4; add.s64 %d4, %p1, %d1;\n"
                       "add.s64 %d5, %d4, 4; mul.wide.u32 %d2, %r1, 128; add.s64 %d2, %d2, %p0;\n"
                       "setp.ne.u32 %q1, %r0, 0; @%q1 bra ready;\n"
                       "wait: " +
                       ask +
                       " setp.eq.u32 %q2, %r5, 0; @%q2 bra wait;\n"
                       "ready: bar.sync 0; mul.wide.u32 %d3, %r0, 4; sub.s64 %d6, %d2, %d3;\n"
                       "ld.global.u32 %r6, [%d6+124]; add.u32 %r6, %r6, 1; add.s64 %d7, %d2, %d3;\n"
                       "st.global.u32 [%d7+128], %r6; bar.sync 0; @%q1 bra done;\n" +
                       give + " done:"),
                {kBlocks}, {32}, {data, flag});
        EXPECT_EQ(fault.text, "");
        for (unsigned lane = 0; lane < 32; lane++)
            EXPECT_EQ(at<uint32_t>(data)[32 * kBlocks + lane], kBlocks);
    }
};

TEST_F(Order, MessagesPassBetweenBlocks)
{
    for (std::string scope : {".cta", ".gpu", ".sys"}) {
        pass_on("st.release" + scope + ".global.u32 [%d5], 1;",
                "ld.acquire" + scope + ".global.u32 %r5, [%d4];");
        pass_on("atom.release" + scope + ".global.exch.b32 %r7, [%d5], 1;",
                "atom.acquire" + scope + ".global.or.b32 %r5, [%d4], 0;");
        pass_on("red.release" + scope + ".global.add.u32 [%d5], 1;",
                "atom.acq_rel" + scope + ".global.cas.b32 %r5, [%d4], 7, 7;");
        pass_on("fence.acq_rel" + scope + "; st.relaxed" + scope + ".global.u32 [%d5], 1;",
                "ld.relaxed" + scope + ".global.u32 %r5, [%d4]; fence.acq_rel" + scope + ";");
    }
    pass_on("membar.gl; st.volatile.global.u32 [%d5], 1;",
            "ld.volatile.global.u32 %r5, [%d4]; membar.gl;");
    pass_on("fence.sc.gpu; st.relaxed.gpu.global.u32 [%d5], 1;",
            "ld.relaxed.gpu.global.u32 %r5, [%d4]; fence.sc.gpu;");
}

} // namespace
} // namespace vgpu::soft
