// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include <algorithm>

// Instructions that libraries and compilers other than nvcc's front end use: packing conversions,
// copies that ignore their source, hints, questions about addresses, what is refused by name.
namespace vgpu::soft
{
namespace
{

using u32 = uint32_t;

class Extra : public TestMachine
{
protected:
    static std::string refusal(const std::string &ptx)
    {
        try {
            Program::compile(ptx);
            return {};
        } catch (const std::exception &error) {
            return error.what();
        }
    }
};

TEST_F(Extra, PackingConversionsClamp)
{
    const std::vector<int32_t> edges = {
        0,      1,     -1,    3,         4,         -2,   -3,   7,     8,      -8,    -9,
        15,     16,    127,   128,       -128,      -129, 255,  256,   32767,  32768, -32768,
        -32769, 65535, 65536, INT32_MAX, INT32_MIN, 100,  -100, 12345, -12345, 9};
    std::vector<int32_t> other(edges.rbegin(), edges.rend());
    for (unsigned bits : {16, 8, 4, 2})
        for (bool sign : {false, true}) {
            std::string type = (sign ? "s" : "u") + std::to_string(bits);
            SCOPED_TRACE(type);
            std::string third = bits == 16 ? "" : ".b32", operand = bits == 16 ? "" : ", %r4";
            auto got = evaluate<u32>(
                "mul.wide.u32 %d1, %r0, 4; add.u64 %d2, %d1, %p1; ld.global.u32 %r1, [%d2];\n"
                "add.u64 %d2, %d1, %p2; ld.global.u32 %r2, [%d2]; mov.u32 %r4, 0x89abcdef;\n"
                "cvt.pack.sat." +
                    type + ".s32" + third + " %r3, %r1, %r2" + operand +
                    "; add.u64 %d2, %d1, %p0; st.global.u32 [%d2], %r3;",
                32, 32, {upload(edges), upload(other)});
            int64_t low = sign ? -(int64_t(1) << (bits - 1)) : 0;
            int64_t high = (int64_t(1) << (sign ? bits - 1 : bits)) - 1;
            uint64_t mask = (uint64_t(1) << bits) - 1;
            for (size_t lane = 0; lane < 32; lane++) {
                uint64_t a = uint64_t(std::clamp<int64_t>(edges[lane], low, high)) & mask;
                uint64_t b = uint64_t(std::clamp<int64_t>(other[lane], low, high)) & mask;
                uint64_t c = bits == 16 ? 0 : uint64_t(0x89abcdef) << (2 * bits);
                EXPECT_EQ(got[lane], u32(c | a << bits | b)) << edges[lane] << " " << other[lane];
            }
        }
}

TEST_F(Extra, CopiesIgnoreTheirSourceOrPartOfIt)
{
    // Lane by lane: all, none because of the predicate, the first bytes alone; with a policy.
    uint64_t source = upload<u32>({1, 2, 3, 4});
    auto got = evaluate<u32>(
        "mov.u32 %r9, tile; mov.u32 %r2, 0xffffffff; mov.u32 %r8, 4;\n"
        "st.shared.v4.u32 [%r9], {%r2, %r2, %r2, %r2}; st.shared.v4.u32 [%r9+16], {%r2, %r2, %r2, "
        "%r2}; st.shared.v4.u32 [%r9+32], {%r2, %r2, %r2, %r2};\n"
        "createpolicy.fractional.L2::evict_first.b64 %d1, 0f3F800000;\n"
        "setp.eq.u32 %q1, %r2, %r2; not.pred %q2, %q1;\n"
        "cp.async.cg.shared.global.L2::cache_hint [%r9], [%p1], 16, %q2, %d1;\n"
        "cp.async.ca.shared::cta.global [%r9+16], [%p1], 8, %q1;\n"
        "cp.async.cg.shared.global.L2::128B.L2::cache_hint [%r9+32], [%p1], 16, %r8, %d1;\n"
        "cp.async.commit_group; cp.async.wait_all;\n"
        "ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9]; st.global.v4.u32 [%p0], {%r1, %r2, %r3, "
        "%r4}; ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9+16]; st.global.v4.u32 [%p0+16], {%r1, "
        "%r2, %r3, %r4}; ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9+32]; st.global.v4.u32 "
        "[%p0+32], {%r1, %r2, %r3, %r4};",
        12, 1, {source}, ".shared .align 16 .b8 tile[48];\n");
    EXPECT_EQ(got, (std::vector<u32>{1, 2, 3, 4, 0, 0, ~0u, ~0u, 1, 0, 0, 0}));
    // What is ignored need not be there.
    EXPECT_EQ(run(kernel("mov.u32 %r9, tile; setp.eq.u32 %q1, %r9, %r9; mov.u64 %d1, 0;\n"
                         "cp.async.cg.shared.global [%r9], [%d1], 16, %q1;",
                         ".shared .align 16 .b8 tile[16];\n"),
                  {1}, {1}, {})
                  .text,
              "");
}

TEST_F(Extra, HintsDoNothing)
{
    auto got = evaluate<u32>("prefetch.global.L1 [%p0]; prefetch.global.L2::evict_last [%p0];\n"
                             "prefetchu.L1 [%p0]; prefetch.local.L2 [0]; discard.global.L2 [%p0], "
                             "128; applypriority.global.L2::evict_normal [%p0], 128;\n"
                             "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 "
                             "%d1, [%p0], 64, 128; createpolicy.cvt.L2.b64 %d2, 0x10000000;\n"
                             "ld.global.L2::cache_hint.u32 %r1, [%p0], %d1; add.u32 %r1, %r1, 5;\n"
                             "st.global.L2::cache_hint.u32 [%p0], %r1, %d1; nanosleep.u32 20;",
                             1, 1);
    EXPECT_EQ(got, std::vector<u32>{5});
}

TEST_F(Extra, KnowsWhereAnAddressLies)
{
    auto got = evaluate<u32>(
        "mov.u64 %d1, fixed; cvta.const.u64 %d1, %d1; mov.u64 %d2, free; cvta.global.u64 %d2, "
        "%d2;\n"
        "isspacep.const %q1, %d1; isspacep.const %q2, %d2; isspacep.global %q3, %d1; "
        "isspacep.global %q4, %d2;\n"
        "selp.u32 %r1, 1, 0, %q1; selp.u32 %r2, 1, 0, %q2; selp.u32 %r3, 1, 0, %q3; selp.u32 %r4, "
        "1, 0, %q4; st.global.v4.u32 [%p0], {%r1, %r2, %r3, %r4};",
        4, 1, {}, ".const .align 4 .u32 fixed = 5;\n.global .align 4 .u32 free;\n");
    EXPECT_EQ(got, (std::vector<u32>{1, 0, 0, 1}));
}

TEST_F(Extra, RegistersThatDescribeTheMachine)
{
    auto got = evaluate<u32>(
        "mov.u32 %r1, %laneid; mov.u32 %r2, %warpid; mov.u32 %r3, %nwarpid; mov.u32 %r4, %smid;\n"
        "mov.u32 %r5, %nsmid; setp.lt.u32 %q1, %r4, %r5; selp.u32 %r4, 1, 0, %q1; mov.u32 %r5, "
        "%reserved_smem_offset_begin; mov.u32 %r6, %reserved_smem_offset_end; sub.u32 %r5, %r6, "
        "%r5; mov.u32 %r6, %envreg7; mov.u32 %r7, %clock; mov.u32 %r8, %clock_hi; mov.u64 %d3, "
        "%globaltimer; mov.u64 %d4, %clock64; setp.ne.u64 %q2, %d3, 0; selp.u32 %r7, 1, 0, %q2; "
        "mov.u64 %d5, %gridid; mov.u32 %r9, %total_smem_size;\n"
        "mul.wide.u32 %d1, %r0, 32; add.u64 %d1, %d1, %p0; st.global.v4.u32 [%d1], {%r1, %r2, "
        "%r3, %r4}; st.global.v4.u32 [%d1+16], {%r5, %r6, %r7, %r9};",
        8 * 64, 64);
    for (u32 lane = 0; lane < 64; lane++) {
        std::vector<u32> mine(got.begin() + lane * 8, got.begin() + lane * 8 + 8);
        EXPECT_EQ(mine[0], lane % 32);
        EXPECT_EQ(mine[1], lane / 32);
        EXPECT_GE(mine[2], 2u);
        EXPECT_EQ(mine[3], 1u);
        EXPECT_EQ(mine[4], 0u); // nothing is reserved
        EXPECT_EQ(mine[6], 1u);
    }
}

TEST_F(Extra, RefusesByNameWhatNeedsAnotherDevice)
{
    for (std::string text :
         {"wgmma.commit_group.sync.aligned;",
          "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], "
          "[%d1, "
          "{%r1, %r2}], [%r3];",
          "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d1], %r2, "
          "[%r3];",
          "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%d1], [%r1], %r2;",
          "prefetch.tensormap [%d1];", "tensormap.replace.tile.rank.global.b1024.b32 [%d1], 2;",
          "mapa.u64 %d1, %d2, 0;", "cvt.rn.satfinite.e4m3x2.f32 %h1, %f1, %f2;",
          "red.async.relaxed.cluster.global.add.u32 [%d1], %r1;",
          "st.async.weak.shared::cluster.u32 [%r1], %r2, [%r3];",
          "multimem.red.add.f32 [%d1], %f1;"}) {
        std::string name = text.substr(0, text.find_first_of(" ;"));
        std::string said = refusal(kernel(text));
        EXPECT_NE(said.find(name + " is not supported"), std::string::npos) << name << ": " << said;
    }
    std::string said = refusal(header() + ".entry k() .reqnctapercluster 2, 1, 1 { ret; }\n");
    EXPECT_NE(said.find("clusters of several blocks are not supported"), std::string::npos) << said;
    EXPECT_EQ(refusal(header() + ".entry k() .reqnctapercluster 1, 1, 1 { ret; }\n"), "");
    said = refusal(header() + ".extern .func (.param .b32 r) cudaLaunchDeviceV2(.param .b64 a, "
                              ".param .b64 b);\n.entry k() { .param .b64 a; .param .b64 b; .param "
                              ".b32 r; call.uni (r), cudaLaunchDeviceV2, (a, b); ret; }\n");
    EXPECT_NE(said.find("dynamic parallelism is not supported (cudaLaunchDeviceV2)"),
              std::string::npos)
        << said;
}

} // namespace
} // namespace vgpu::soft
